"""What a dispatcher says of itself once a second."""

from services.contracts.pulse import DispatcherPulse
from services.dispatcher.adapters.pulse import pulse_of
from services.dispatcher.core.condition import Health
from services.dispatcher.core.traffic import Traffic
from tests.unit.dispatcher.fakes import DEAR, HOME, NOON, RULES

NOW_MS = 1_000_000.0


class Clock:
    """A clock that stands."""

    def now_ms(self) -> float:
        """Return the moment."""
        return NOW_MS


def pulse(hands: Traffic) -> DispatcherPulse:
    """Return what is said now."""
    read = pulse_of("d", "o", NOON, traffic=hands, counts={}, left_behind=dict, paused=dict, clock=Clock())
    return read()


def test_a_processor_that_was_never_called_has_no_latency() -> None:
    """Its health endpoint promises 0 ms, which no call ever took; of one that was called, the last call's counts."""
    hands = Traffic((HOME, DEAR), RULES)
    token = hands.evidence(HOME).sent(NOW_MS - 1_000)
    hands.evidence(HOME).answered(token, NOW_MS - 993)
    for generation in (HOME, DEAR):
        hands.evidence(generation).heard(Health(NOW_MS - 10, failing=False, min_response_ms=0))
    told = [seen.latency_ms for seen in pulse(hands).processors.values()]
    assert told == [7.0, None]
    hands.evidence(DEAR).heard(Health(NOW_MS - 5, failing=False, min_response_ms=1_500))
    assert [seen.latency_ms for seen in pulse(hands).processors.values()] == [7.0, 1_500.0]
