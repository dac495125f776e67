"""The ledger as others see it: a NATS micro service, its errors and its exit status."""

import json
import signal
from typing import Any

import pytest

from services.bus.jetstream import api
from services.bus.jetstream.streams import StreamLimits
from services.bus.wire.connection import Bus
from services.contracts.pulse import LedgerPulse, decode
from tests.integration.ledger.ledger_process import LedgerProcess, publish, settled, state, totals
from tests.nats_server import PATIENCE_S, NatsServer, until


async def asked(bus: Bus, subject: str, data: bytes = b"") -> dict[str, Any]:
    """Return the answer to a plain request."""
    answer: dict[str, Any] = json.loads((await bus.request(subject, data, PATIENCE_S)).data)
    return answer


async def test_ledger_is_a_micro_service(bus: Bus, ledger: LedgerProcess) -> None:
    """Ping, info and stats name it, its three endpoints and the number of requests that it answered."""
    await ledger.start_ready()
    await totals(bus)
    await totals(bus)
    assert (await asked(bus, "$SRV.PING.ledger"))["name"] == "ledger"
    info = await asked(bus, "$SRV.INFO.ledger")
    assert {endpoint["subject"] for endpoint in info["endpoints"]} == {
        "ledger.summary",
        "ledger.history",
        "ledger.state",
    }
    stats = await asked(bus, "$SRV.STATS.ledger")
    requests = {endpoint["name"]: endpoint["num_requests"] for endpoint in stats["endpoints"]}
    assert requests == {"summary": 2, "history": 0, "state": 0}


async def test_its_pulse_has_the_totals(bus: Bus, streams: StreamLimits, ledger: LedgerProcess) -> None:
    """Once a second, equal to a summary of everything."""
    heard: list[LedgerPulse] = []
    await bus.listen("pulse.ledger.*", lambda data: heard.append(ledger_pulse(data)))
    await publish(bus, [settled(1), settled(2)])
    await ledger.start_ready()
    await until(lambda: heard and heard[-1].totals and sum(one.count for one in heard[-1].totals.values()) == 2)
    said = {name: (one.count, one.cents) for name, one in (heard[-1].totals or {}).items()}
    assert said == await totals(bus)
    assert (heard[-1].conflicts, heard[-1].unreadable) == (0, 0)


def ledger_pulse(data: bytes) -> LedgerPulse:
    """Return a pulse of a ledger."""
    pulse = decode(data)
    assert isinstance(pulse, LedgerPulse)
    return pulse


async def test_plain_request_of_an_empty_object_is_answered(
    bus: Bus, streams: StreamLimits, ledger: LedgerProcess
) -> None:
    """What ``nats req ledger.summary '{}'`` prints."""
    await publish(bus, [settled(1)])
    await ledger.start_ready()
    assert await asked(bus, "ledger.summary", b"{}") == {
        "totals": {"default": {"count": 1, "cents": 1990}, "fallback": {"count": 0, "cents": 0}},
        "v": 1,
    }


async def test_bad_request_is_400_and_the_next_is_answered(bus: Bus, ledger: LedgerProcess) -> None:
    """The error is in the reply's headers, as with every NATS micro service."""
    await ledger.start_ready()
    message = await bus.request("ledger.summary", b'{"from": "yesterday"}', PATIENCE_S)
    assert message.headers is not None
    assert message.headers["Nats-Service-Error-Code"] == "400"
    assert await totals(bus) == {"default": (0, 0), "fallback": (0, 0)}


async def test_state_has_what_an_operator_needs_first(bus: Bus, streams: StreamLimits, ledger: LedgerProcess) -> None:
    """Counts, how far it has read, and whether that is everything."""
    await publish(bus, [settled(1), settled(2)])
    await ledger.start_ready()
    now = await state(bus)
    assert now.pop("memoryBytes") > 0
    assert now.pop("reread") in {0, 2}  # so far
    assert now == {
        "entries": 2,
        "refused": 0,
        "conflicts": 0,
        "unreadable": 0,
        "missing": 0,
        "differing": 0,
        "appliedSeq": 2,
        "caughtUp": True,
        "snapshotSeq": 0,
        "snapshotsRefused": 0,
        "snapshotsFailed": 0,
        "bookedToCountedMs": None,  # these settlements lack the time of their booking
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [("NATS_URL", "127.0.0.1:4222"), ("PROCESSORS", "default=nowhere"), ("BACKLOG_MAX", "many"), ("LOG_LEVEL", "LOUD")],
)
def test_wrong_setting_exits_2_and_names_the_variable(ledger: LedgerProcess, name: str, value: str) -> None:
    """It does not start, and says what to correct."""
    ledger.start(**{name: value})
    assert ledger.status() == 2
    assert ledger.text().startswith(name)
    assert "Traceback" not in ledger.text()


async def test_stream_that_cannot_be_corrected_exits_2(bus: Bus, ledger: LedgerProcess) -> None:
    """A SETTLEMENTS that loses acknowledged messages cannot be the record; a person must decide."""
    config = {"name": "SETTLEMENTS", "subjects": ["settlements.>"], "retention": "workqueue"}
    await api.call(bus, "STREAM.CREATE.SETTLEMENTS", config)
    ledger.start()
    assert ledger.status() == 2
    assert "stream SETTLEMENTS has" in ledger.text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_stops_it_gracefully(ledger: LedgerProcess, number: signal.Signals) -> None:
    """Exit status 0, and no error in the log."""
    await ledger.start_ready()
    assert ledger.end(number) == 0
    assert "Traceback" not in ledger.text()
    assert "exception" not in ledger.text()


async def test_signal_stops_it_while_nats_is_away(nats_server: NatsServer, ledger: LedgerProcess) -> None:
    """Whether it was never connected, or lost the connection."""
    await ledger.start_ready()
    nats_server.kill()
    await ledger.until_logged("bus.disconnected")
    assert ledger.end(signal.SIGTERM) == 0
    ledger.start()
    await ledger.until_logged("bus.error")
    assert ledger.end(signal.SIGTERM) == 0
    assert "Traceback" not in ledger.text()
