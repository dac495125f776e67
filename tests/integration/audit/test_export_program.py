"""``python -m services.audit.export``: settlements as rows, exact to the cent."""

import asyncio
import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from services.audit.export import CLOCKS_APART_MAX
from services.bus.jetstream import api
from services.bus.jetstream.publish import StoredAt, store
from services.contracts import subjects
from services.contracts.events import PaymentRefused, PaymentSettled, SettlementsCleared, encode
from services.contracts.money import Cents
from services.contracts.stamp import text_of
from tests.integration.audit.audit_programs import House

NOON = datetime(2025, 7, 15, 12, tzinfo=UTC)
EXPORT = "services.audit.export"


async def settle(house: House, number: int) -> str:
    """Store a settlement stamped that second; return its id."""
    payment_id, stamp = str(uuid4()), NOON + timedelta(seconds=number)
    event = PaymentSettled(payment_id, Cents(999_999_999_90 + number), "default", stamp, NOON, 1, stamp)
    subject = subjects.settled("default", payment_id)
    assert isinstance(await store(house.bus, subjects.SETTLEMENTS, subject, encode(event)), StoredAt)
    return payment_id


def exported(folder: Path) -> list[str]:
    """Return the files of exports there, complete or not."""
    return [path.name for path in folder.glob("settled*")]


async def test_every_settlement_is_a_row_and_says_whether_the_book_counts_it(house: House, tmp_path: Path) -> None:
    """Refusals and purges are not rows; cents are exact; in the end the file has its own name."""
    before = await settle(house, 1)
    await store(house.bus, subjects.SETTLEMENTS, subjects.CLEARED, encode(SettlementsCleared(NOON)))
    refused = PaymentRefused(str(uuid4()), Cents(1), "default", "no", NOON, 1)
    await store(house.bus, subjects.SETTLEMENTS, subjects.refused("default", refused.id), encode(refused))
    after = await settle(house, 2)
    out = tmp_path / "settled.csv"
    done = await house.run(EXPORT, "--out", str(out))
    assert (done.status, done.out) == (0, "")
    assert f"2 settlements, 1 of them counted by the book, in {out}." in done.err
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [(row["correlationId"], row["amountCents"], row["counted"]) for row in rows] == [
        (before, "99999999991", "no"),
        (after, "99999999992", "yes"),
    ]
    assert rows[1]["requestedAtUtc"] == rows[1]["bookedAtUtc"] == "2025-07-15T12:00:02.000Z"
    assert exported(tmp_path) == [out.name]


async def counted(house: House, *arguments: str) -> list[tuple[str, str, bool]]:
    """Return id, processor and whether it is counted of each row."""
    done = await house.run(EXPORT, "--format", "jsonl", *arguments)
    assert done.status == 0, done.err
    rows = [json.loads(line) for line in done.out.splitlines()]
    return [(row["correlationId"], row["processor"], row["counted"]) for row in rows]


async def test_of_a_payment_that_was_settled_twice_one_row_is_counted(house: House) -> None:
    """The first since the book was cleared: stored once more, as a PubAck was lost; or charged at another processor."""
    once, more = await house.settle("default"), await house.settle("fallback")
    await store(house.bus, subjects.SETTLEMENTS, subjects.CLEARED, encode(SettlementsCleared(NOON)))
    again = await house.settle("default")
    for processor, payment_id in (("default", again), ("fallback", again), ("default", once), ("fallback", once)):
        await house.settle(processor, payment_id)
    last = await house.settle("default")
    assert await counted(house) == [
        (once, "default", False),
        (more, "fallback", False),
        (again, "default", True),
        (again, "default", False),
        (again, "fallback", False),
        (once, "default", True),
        (once, "fallback", False),
        (last, "default", True),
    ]


async def test_the_first_of_two_settlements_may_be_before_the_period(house: House) -> None:
    """Then the second one is not counted, though it is the only row; one accepted before and settled within is."""
    accepted_at = datetime.now(UTC)
    twice = await house.settle("default", at=accepted_at, stamp=accepted_at)
    between = datetime.now(UTC) + timedelta(milliseconds=20)
    await asyncio.sleep(0.05)
    start = between + CLOCKS_APART_MAX  # so that what was stored before is not read
    for payment_id, processor in ((twice, "fallback"), ("", "default")):
        await house.settle(processor, payment_id, at=accepted_at, stamp=start)
    rows = await counted(house, "--from", text_of(start))
    assert [(processor, is_counted) for _, processor, is_counted in rows] == [("fallback", False), ("default", True)]


async def test_a_period_is_by_the_processors_stamp(house: House) -> None:
    """Both ends inclusive; the settlements of more than one read."""
    ids = [await settle(house, number) for number in range(1, 6)]
    period = ("--from", "2025-07-15T12:00:02Z", "--to", "2025-07-15T12:00:04Z", "--format", "jsonl")
    done = await house.run(EXPORT, *period)
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["correlationId"] for row in rows] == ids[1:4]
    assert [row["amountCents"] for row in rows] == [99_999_999_992, 99_999_999_993, 99_999_999_994]
    assert rows[0]["requestedAtUtc"] == "2025-07-15T12:00:02.000Z"
    assert [row["counted"] for row in rows] == [True] * 3


async def test_an_empty_book_is_a_header(house: House) -> None:
    """And not an error."""
    done = await house.run(EXPORT)
    assert (done.status, done.out.count("\n")) == (0, 1)
    assert done.out.startswith("correlationId,processor,amountCents,requestedAtUtc")


async def test_a_lost_settlement_is_an_error_and_leaves_no_file(house: House, tmp_path: Path) -> None:
    """A file that lacks something would be taken for complete."""
    for number in range(3):
        await settle(house, number)
    await api.call(house.bus, f"STREAM.MSG.DELETE.{subjects.SETTLEMENTS}", {"seq": 2})
    done = await house.run(EXPORT, "--out", str(tmp_path / "settled.csv"))
    assert done.status == 3
    assert "SETTLEMENTS has lost 1 message" in done.err
    assert exported(tmp_path) == []


@pytest.mark.parametrize(
    "arguments", [("--from", "yesterday"), ("--from", "2026-01-02", "--to", "2026-01-01"), ("--out", "/no/such/file")]
)
async def test_wrong_usage_is_refused(house: House, arguments: tuple[str, ...]) -> None:
    """Before anything is read."""
    assert (await house.run(EXPORT, *arguments)).status == 2
