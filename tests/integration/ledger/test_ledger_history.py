"""The history that a real ledger answers over a real bus: from the book, from its samples, and after a restart."""

import signal
from datetime import UTC, datetime, timedelta

import pytest

from services.bus.jetstream import api
from services.bus.jetstream.publish import StoredAt, store
from services.bus.jetstream.read_pages import tail
from services.bus.jetstream.streams import StreamLimits
from services.bus.micro.ask import NotAnsweredError, ask
from services.bus.wire.connection import Bus
from services.contracts import history, pulse, subjects
from services.contracts.events import PaymentSettled
from services.contracts.history import HistoryAnswered, HistoryStep, VitalsSampled
from services.contracts.money import Cents
from tests.integration.ledger.ledger_process import LedgerProcess, payment_id, publish
from tests.nats_server import PATIENCE_S, until
from tests.unit.overview.pulses import ingress

HOUR = timedelta(hours=1)
MINUTES = b'{"stepS": 60, "steps": 120}'


def round_minute() -> datetime:
    """Return the start of a minute, one hour ago."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - HOUR


async def asked(bus: Bus, data: bytes = MINUTES) -> HistoryAnswered:
    """Return what ``ledger.history`` answers."""
    return history.decode_answered(await ask(bus, subjects.LEDGER_HISTORY, data, PATIENCE_S))


def by_end(answered: HistoryAnswered) -> dict[datetime, HistoryStep]:
    """Return the steps by when they end."""
    return {step.until: step for step in answered.steps}


async def put(bus: Bus, *samples: VitalsSampled | bytes) -> None:
    """Store samples, or other bytes, as an earlier ledger did."""
    for sample in samples:
        data = sample if isinstance(sample, bytes) else history.encode(sample)
        assert isinstance(await store(bus, subjects.VITALS, subjects.VITALS_SAMPLED, data), StoredAt)


async def test_settlements_are_in_their_steps_and_unknown_values_are_null(
    bus: Bus, streams: StreamLimits, ledger: LedgerProcess
) -> None:
    """By the stamp that the processor recorded; before the first settlement everything is null."""
    minute = round_minute()
    stamps = [minute + timedelta(seconds=each) for each in (0, 59.999, 60, 180)]
    await publish(
        bus, [PaymentSettled(payment_id(n), Cents(2_000), "default", at, at, n + 1) for n, at in enumerate(stamps)]
    )
    await ledger.start_ready()
    answered = await asked(bus)
    assert (answered.step_s, len(answered.steps) - 120) in {(60, 0), (60, 1)}
    steps = [by_end(answered)[minute + timedelta(minutes=number)] for number in range(6)]
    assert [step.settled_per_s and round(step.settled_per_s * 60) for step in steps] == [None, 2, 1, 0, 1, 0]
    assert [step.saved_cents for step in steps[1:5]] == [400, 600, 600, 800]
    assert {step.p99_ms for step in answered.steps} == {None}


async def test_the_ledger_samples_pulses_and_rereads_the_samples_after_a_kill(
    bus: Bus, streams: StreamLimits, ledger: LedgerProcess
) -> None:
    """A sample every ten seconds, stored in VITALS."""
    await ledger.start_ready()

    async def is_sampled() -> bool:
        bus.publish(subjects.pulse("ingress", "ingress-1"), pulse.encode(ingress(5, 1.8)))
        return len(await tail(bus, subjects.VITALS, subjects.VITALS_SAMPLED, 1)) == 1

    await until(is_sampled, "a sample is stored")
    assert ledger.end(signal.SIGKILL) == -signal.SIGKILL
    [stored] = await tail(bus, subjects.VITALS, subjects.VITALS_SAMPLED, 1)
    sample = history.decode_sampled(stored)
    assert (sample.at.second % 10, sample.at.microsecond, sample.backlog) == (0, 0, 0)
    await ledger.start_ready()
    [read] = await ledger.until_logged("ledger.samples_read")
    assert read["samples"] >= 1

    async def is_answered() -> bool:
        answered = await asked(bus, b'{"stepS": 10, "steps": 300}')
        found = by_end(answered).get(sample.at)
        return found is not None and found.backlog == 0

    await until(is_answered, "an answer with the sample")


async def test_stored_samples_are_answered_and_an_invalid_one_is_skipped(
    bus: Bus, streams: StreamLimits, ledger: LedgerProcess
) -> None:
    """More than one page of samples, and a message that is not a sample."""
    minute = round_minute()
    samples = [
        VitalsSampled(minute + timedelta(seconds=10 * n), float(n % 6), 1.0, float(n), n, int(n == 7))
        for n in range(1, 13)
    ]
    await put(bus, *samples[:6], b"not a sample", *samples[6:])
    await publish(bus, [PaymentSettled(payment_id(1), Cents(2_000), "default", minute, minute, 1)])
    await ledger.start_ready()
    await ledger.until_logged("ledger.samples_read")
    [passed] = await ledger.until_logged("ledger.sample_unreadable")
    assert passed["seq"] == 7
    answered = await asked(bus)
    before, one, two, after = (by_end(answered)[minute + timedelta(minutes=number)] for number in range(4))
    assert (before.accepted_per_s, before.backlog, before.troubles) == (None, None, None)
    assert (one.accepted_per_s, one.p99_ms, one.backlog, one.troubles) == (2.5, 6.0, 6, 0)
    assert (two.accepted_per_s, two.p99_ms, two.backlog, two.troubles) == (2.5, 12.0, 12, 1)
    assert (after.accepted_per_s, after.backlog, after.troubles) == (None, None, None)


async def test_samples_expire_on_the_server(bus: Bus, streams: StreamLimits) -> None:
    """They are kept for 25 hours, within a limit: the oldest make room for the newest."""
    config = (await api.call(bus, f"STREAM.INFO.{subjects.VITALS}"))["config"]
    assert (config["max_age"], config["discard"]) == (25 * 3_600 * 10**9, "old")
    assert 0 < config["max_bytes"] <= 8 * 1024**2


@pytest.mark.parametrize("data", [b"", b'{"stepS": 7, "steps": 3}', b'{"stepS": 10, "steps": 100000}'])
async def test_an_invalid_question_is_refused(
    bus: Bus, streams: StreamLimits, ledger: LedgerProcess, data: bytes
) -> None:
    """The error says what is wrong; the next question is answered."""
    await ledger.start_ready()
    with pytest.raises(NotAnsweredError, match="not a HistoryAsked"):
        await asked(bus, data)
    assert len((await asked(bus)).steps) >= 120
