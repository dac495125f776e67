"""Which other dispatchers are gone, by their pulses."""

from services.contracts import pulse as contract
from services.contracts.pulse import DispatcherPulse
from services.dispatcher.adapters.live_owners import LiveOwners
from tests.unit.dispatcher.fakes import NOON, OTHER, FakeClock

FOR_S = 3.0
PULSE = contract.encode(
    DispatcherPulse("dispatcher-2", NOON, backlog=0, in_hand=0, oldest_wait_s=0, processors={}, counts={}, owner=OTHER)
)


async def test_a_process_is_gone_when_it_had_time_for_a_pulse_and_sent_none() -> None:
    """Not before: a dispatcher that has just started has heard of nobody yet."""
    clock = FakeClock()
    alive = LiveOwners(clock, FOR_S)
    assert not alive.is_gone(OTHER)
    await clock.sleep_ms(FOR_S * 1000 + 1)
    assert alive.is_gone(OTHER)
    alive.add_pulse(PULSE)
    assert not alive.is_gone(OTHER)
    await clock.sleep_ms(FOR_S * 1000 + 1)
    assert alive.is_gone(OTHER)


async def test_silence_while_nats_was_away_does_not_count() -> None:
    """After a reconnect others need time for a pulse, too."""
    clock = FakeClock()
    alive = LiveOwners(clock, FOR_S)
    await clock.sleep_ms(FOR_S * 1000 + 1)
    alive.listen_again()
    assert not alive.is_gone(OTHER)
    await clock.sleep_ms(FOR_S * 1000 + 1)
    assert alive.is_gone(OTHER)
