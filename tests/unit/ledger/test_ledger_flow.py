"""The ledger's flow over a stream that the test controls: what is reported, and when nothing is answered."""

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from services.bus.micro.service import CannotAnswerError
from services.contracts import summary
from services.contracts.events import PaymentRefused, PaymentSettled, SettlementsCleared
from services.contracts.money import Cents
from services.contracts.stamp import micros_of
from services.contracts.summary import Totals
from services.ledger.adapters.summary_endpoint import SummaryEndpoint
from services.ledger.core.book import Book
from services.ledger.core.integrity import Extent, Integrity
from services.ledger.core.snapshot import Position, ReadCounts
from services.ledger.flow.counting import Ledger
from tests.unit.ledger.fakes import NoDispatchers, StillClock, StreamInHand

START = datetime(2025, 8, 1, 12, 0, 0, tzinfo=UTC)
ID = "00000001-0000-4000-8000-000000000001"
SETTLED = PaymentSettled(ID, Cents(1990), "default", START, START, 1)
REFUSED = PaymentRefused(ID, Cents(1990), "fallback", "no", START, 1)


@pytest.fixture
def ledger() -> Ledger:
    """A ledger of two processors over a stream that the test controls."""
    return Ledger(Book(("default", "fallback")), StreamInHand, NoDispatchers(), StillClock(), Integrity())


@pytest.fixture
def stream(ledger: Ledger) -> StreamInHand:
    """The stream of that ledger."""
    assert isinstance(ledger.settlements, StreamInHand)
    return ledger.settlements


def fields(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields of a log record, standard and extra."""
    return vars(record)


def test_no_summary_while_the_book_is_not_whole(ledger: Ledger, stream: StreamInHand) -> None:
    """Neither during the replay nor after an interruption, however much the book has by then."""
    stream.record(SETTLED, 1)
    assert ledger.totals(None, None) is None
    stream.current.set()
    assert ledger.totals(None, None) == {"default": Totals(1, 1990), "fallback": Totals(0, 0)}
    stream.current.clear()
    assert ledger.totals(None, None) is None


def test_conflict_is_logged_with_both_entries_and_counted(
    ledger: Ledger, stream: StreamInHand, caplog: pytest.LogCaptureFixture
) -> None:
    """An error with both entries, settled at one processor and refused at another, and a count for the operator."""
    stream.record(SETTLED, 7)
    stream.record(SETTLED, 8)
    stream.record(REFUSED, 9)
    [record] = [record for record in caplog.records if record.message == "ledger.conflict"]
    assert record.levelno == logging.ERROR
    logged = fields(record)
    assert logged["seq"] == 9
    assert "default" in str(logged["found"])
    assert str(micros_of(START)) in str(logged["found"])
    assert "fallback" in str(logged["given"])
    assert ledger.state()["conflicts"] == 1
    assert ledger.state()["entries"] == 1


def test_unreadable_message_is_logged_and_counted(
    ledger: Ledger, stream: StreamInHand, caplog: pytest.LogCaptureFixture
) -> None:
    """The error has the sequence, and nothing else changes."""
    stream.skip(3, "not JSON")
    [record] = caplog.records
    assert (record.message, record.levelno) == ("ledger.unreadable", logging.ERROR)
    assert (fields(record)["seq"], fields(record)["reason"]) == (3, "not JSON")
    assert ledger.state()["unreadable"] == 1


def test_resumed_ledger_continues_its_counters(ledger: Ledger, stream: StreamInHand) -> None:
    """It continues with the position's counters and sequence; the next event follows it."""
    ledger.resume(Position(700, "x"), ReadCounts(conflicts=2, unreadable=3))
    stream.record(SETTLED, 701)
    stream.record(REFUSED, 702)
    now = ledger.state()
    assert (now["appliedSeq"], now["conflicts"], now["unreadable"]) == (700, 3, 3)


def test_image_is_of_what_was_delivered(ledger: Ledger, stream: StreamInHand) -> None:
    """There is none before the first message of this run; after it, book, position and counters match."""
    assert ledger.image() is None
    stream.record(SETTLED, 1)
    stream.skip(2, "not JSON")
    stream.reached = Position(2, "x")
    assert ledger.image() is None  # the stream was not yet looked at
    ledger.integrity.looked(Extent("then", 2, 2), 2)
    image = ledger.image()
    assert image is not None
    assert (image[0].entries, *image[1:]) == (1, Position(2, "x"), ReadCounts(0, 1))


def test_clearing_forgets_all_before_it(ledger: Ledger, stream: StreamInHand) -> None:
    """Earlier settlements are gone at once; later ones count."""
    stream.current.set()
    stream.record(SETTLED, 1)
    stream.record(SettlementsCleared(START), 2)
    assert ledger.totals(None, None) == {"default": Totals(0, 0), "fallback": Totals(0, 0)}
    stream.record(SETTLED, 3)
    assert ledger.totals(None, None) == {"default": Totals(1, 1990), "fallback": Totals(0, 0)}


async def test_ready_is_logged_once_the_replay_is_in_the_book(
    ledger: Ledger, stream: StreamInHand, caplog: pytest.LogCaptureFixture
) -> None:
    """Not before; with the number of entries and the sequence."""
    caplog.set_level(logging.INFO)
    running = asyncio.create_task(ledger.run())
    await asyncio.sleep(0)
    stream.record(SETTLED, 1)
    stream.applied_seq = 1
    assert not caplog.records
    stream.current.set()
    while not caplog.records:  # noqa: ASYNC110  # turns of the loop, not time
        await asyncio.sleep(0)
    running.cancel()
    [record] = caplog.records
    assert record.message == "ledger.ready"
    assert (fields(record)["entries"], fields(record)["seq"]) == (1, 1)
    assert "seconds" in fields(record)


async def test_endpoint_answers_503_while_the_book_is_not_whole(ledger: Ledger) -> None:
    """The error says to ask again, and the answer contains no number."""
    with pytest.raises(CannotAnswerError) as caught:
        await SummaryEndpoint(ledger).summary(b"{}")
    assert caught.value.code == 503


@pytest.mark.parametrize(
    "asked",
    [
        b"nonsense",
        b"[]",
        b'{"from": 5}',
        b'{"from": "yesterday"}',
        b'{"since": "2025-08-01T12:00:00Z"}',
        b'{"from": "2025-08-01T12:00:00.000001Z", "to": "2025-08-01T12:00:00Z"}',
        b'{"x":' + b"[" * 100_000,
    ],
)
async def test_endpoint_answers_400_to_an_invalid_period(ledger: Ledger, stream: StreamInHand, asked: bytes) -> None:
    """The error is the client's, and the answer contains no number."""
    stream.current.set()
    with pytest.raises(CannotAnswerError) as caught:
        await SummaryEndpoint(ledger).summary(asked)
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        (b"", 1),
        (b"{}", 1),
        (b'{"from": null, "to": null}', 1),
        (b'{"from": "2025-08-01T12:00:00Z", "to": "2025-08-01T12:00:00Z"}', 1),
        (b'{"from": "2025-08-01T12:00:00", "to": "2025-08-01T12:00:00"}', 1),
        (b'{"from": "2025-08-01T14:00:00+02:00", "to": "2025-08-01T10:00:00-02:00"}', 1),
        (b'{"from": "2025-08-01T12:00:00.000001Z"}', 0),
        (b'{"to": "2025-08-01T11:59:59.999999Z"}', 0),
        (b'{"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59.999999Z"}', 1),
    ],
)
async def test_endpoint_reads_periods_with_both_ends_inclusive(
    ledger: Ledger, stream: StreamInHand, asked: bytes, count: int
) -> None:
    """Times in any zone, times without a zone as UTC, a missing end as open."""
    stream.record(SETTLED, 1)
    stream.current.set()
    answer = summary.decode_answered(await SummaryEndpoint(ledger).summary(asked))
    assert answer.totals["default"].count == count
