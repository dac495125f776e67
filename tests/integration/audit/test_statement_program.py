"""``tarifa audit --against``: a statement with seeded faults against real streams; exactly these are reported."""

import json
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from services.bus.jetstream import api
from services.contracts import subjects
from services.contracts.money import amount_of
from services.contracts.stamp import text_of
from tests.integration.audit.audit_programs import AT, Ended, House, stored

MS = timedelta(milliseconds=1)
DAY = timedelta(days=1)
NAMES = "correlationId,amount,requestedAt"


class Statement:
    """What a processor would send, written line by line."""

    def __init__(self, path: Path, names: str = NAMES) -> None:
        self.path = path
        self.lines = [names]

    def add(self, payment_id: str, cents: int = 1990, stamp: object = AT) -> int:
        """Add a charge; return the number of its line."""
        text = text_of(stamp) if hasattr(stamp, "tzinfo") else stamp  # type: ignore[arg-type]
        return self.write(f"{payment_id},{amount_of(cents):.2f},{text}")

    def write(self, line: str) -> int:
        """Add a line as it is."""
        self.lines.append(line)
        return len(self.lines)

    async def compare(self, house: House, *options: str) -> Ended:
        """Run the command."""
        self.path.write_text("\n".join(self.lines) + "\n")
        return await house.run("services.audit", "--against", str(self.path), *options)


@pytest.fixture
def statement(tmp_path: Path) -> Statement:
    """An empty statement."""
    return Statement(tmp_path / "statement.csv")


def findings(ended: Ended) -> set[tuple[str, str | None]]:
    """Return the kind and the id of each finding."""
    return {(each["finding"], each["id"]) for each in ended.documents}


async def clean(house: House, statement: Statement, count: int = 20) -> None:
    """Have payments settled at both processors, the statement with those of the default in another order."""
    ids = [await house.settle("default", cents=cents, stamp=AT + cents * MS) for cents in range(1, count + 1)]
    for cents in reversed(range(1, count + 1)):
        statement.add(ids[cents - 1].upper(), cents, AT + cents * MS)
        await house.settle("fallback", stamp=AT + cents * MS)


async def test_equal_sides(house: House, statement: Statement) -> None:
    """Status 0, the day's totals on both sides; settlements at the other processor are ignored."""
    await clean(house, statement)
    ended = await statement.compare(house, "--json")
    assert (ended.status, ended.documents) == (0, []), ended
    same = {"count": 20, "amountCents": 210}
    assert ended.summary["days"] == [{"day": "2026-11-22", "statement": same, "ours": same}]
    assert (ended.summary["rows"], ended.summary["settled"]) == (20, 20)
    plain = await statement.compare(house)
    assert plain.status == 0
    assert "day          2026-11-22  there 20 2.10  ours 20 2.10\n" in plain.out
    assert "differences  0\n" in plain.out


async def test_exactly_the_seeded_faults_are_reported(house: House, statement: Statement) -> None:
    """Six kinds, and those for a settlement elsewhere, a refusal and a payment under way."""
    await clean(house, statement)
    unknown, waiting = str(uuid4()), await house.accept()
    amount, stamp, duplicate, garbled = [await house.settle("default") for _ in range(4)]
    missing = await house.settle("default", stamp=AT + 5 * MS)
    elsewhere, refused = await house.settle("fallback"), await house.refuse("default")
    for payment_id in (unknown, waiting, duplicate, elsewhere, refused):
        statement.add(payment_id)
    statement.add(amount, 1991)
    statement.add(stamp, 1990, AT + MS)
    again = statement.add(duplicate)
    malformed = [statement.write(line) for line in (f"{garbled},19;90,{text_of(AT)}", "nonsense", 'a,"b"c,d')]
    ended = await statement.compare(house, "--json")
    assert findings(ended) == {
        ("unknown_to_us", unknown),
        ("settled_elsewhere", elsewhere),
        ("refused_but_charged", refused),
        ("missing_there", missing),
        ("amount_differs", amount),
        ("requested_at_differs", stamp),
        ("duplicate", duplicate),
        ("malformed", garbled),
        ("malformed", None),
        ("waiting_but_charged", waiting),
    }
    assert (ended.status, ended.summary["differences"]) == (1, 10), ended
    assert [each["rows"][0]["line"] for each in ended.documents if each["finding"] == "malformed"] == malformed
    (twice,) = [each for each in ended.documents if each["finding"] == "duplicate"]
    assert twice["rows"][1]["line"] == again
    plain = await statement.compare(house)
    assert f"amount_differs  {amount}  line 27: charged 19.91" in plain.out
    assert "ours: settled default 19.90 requestedAt 2026-11-22T12:00:00.123Z" in plain.out
    assert "DIFFERS" in plain.out


async def test_the_period_decides_what_is_due(house: House, statement: Statement) -> None:
    """From the first to the last row, or as given, both ends inclusive; totals are by day."""
    first, last = await house.settle("default", stamp=AT), await house.settle("default", stamp=AT + DAY)
    before, inside = await house.settle("default", stamp=AT - MS), await house.settle("default", stamp=AT + 1 * MS)
    statement.add(first, stamp=AT)
    statement.add(last, stamp=AT + DAY)
    assert findings(await statement.compare(house, "--json")) == {("missing_there", inside)}
    wider = await statement.compare(house, "--json", "--from", text_of(AT - MS), "--to", text_of(AT + DAY))
    assert findings(wider) == {("missing_there", inside), ("missing_there", before)}
    assert [day["day"] for day in wider.summary["days"]] == ["2026-11-22", "2026-11-23"]


async def test_settlements_before_a_purge_still_count(house: House, statement: Statement) -> None:
    """The ledger forgets, the processor does not: as in an audit that asks processors."""
    statement.add(await house.settle("default"))
    cleared = {"type": "SettlementsCleared", "clearedAt": text_of(AT), "v": 1}
    await stored(house.bus, subjects.SETTLEMENTS, subjects.CLEARED, json.dumps(cleared).encode())
    assert (await statement.compare(house, "--json")).status == 0


async def test_columns_units_and_tolerance_are_options(house: House, tmp_path: Path) -> None:
    """Another processor's file: its own names, semicolons, cents, stamps in whole seconds, a byte order mark."""
    statement = Statement(tmp_path / "theirs.csv", "\ufefftime;fee;cents;reference")
    statement.write(f"2026-11-22 12:00:00;5;1990;{await house.settle('fallback')}")
    options = (
        "--processor",
        "fallback",
        "--id-column",
        "reference",
        "--amount-column",
        "cents",
        "--amount-in",
        "cents",
    )
    options += ("--at-column", "time", "--delimiter", ";", "--from", "2026-11-22", "--to", "2026-11-23", "--json")
    assert (await statement.compare(house, *options, "--tolerance-ms", "123")).status == 0
    apart = await statement.compare(house, *options, "--tolerance-ms", "122")
    assert [each["finding"] for each in apart.documents] == ["requested_at_differs"]


async def test_settlements_that_are_missing_make_it_incomplete(house: House, statement: Statement) -> None:
    """What they were about is not known, so no findings does not mean clean."""
    await house.settle("default", stamp=AT - DAY)
    statement.add(await house.settle("default"))
    await api.call(house.bus, f"STREAM.MSG.DELETE.{subjects.SETTLEMENTS}", {"seq": 1})
    ended = await statement.compare(house)
    assert ended.status == 3
    assert "missing  SETTLEMENTS 1: 1 lost" in ended.out


@pytest.mark.parametrize(
    ("names", "options", "part"),
    [
        ("id,amount,requestedAt", (), "no column 'correlationId'; it has 'id', 'amount', 'requestedAt'"),
        ("", (), "the first line has no column 'correlationId'"),
        (NAMES, (), "no row of it could be read: give --from and --to"),
        (NAMES, ("--from", "2026-11-22", "--processor", "defualt"), "nothing was ever settled at 'defualt'"),
        (NAMES, ("--rate", "5"), "--rate is for asking processors"),
        (NAMES, ("--after", "5"), "--after is for asking processors"),
        (NAMES, ("--tolerance-ms", "-1"), "must be a whole number of milliseconds"),
        (NAMES, ("--delimiter", ";;"), "must be one character"),
        (NAMES, ("--at-column", "amount"), "must be three columns"),
    ],
)
async def test_wrong_usage_ends_with_2_and_one_document(
    house: House, tmp_path: Path, names: str, options: tuple[str, ...], part: str
) -> None:
    """Also for a program that reads only stdout; the Python module is not named."""
    statement = Statement(tmp_path / "statement.csv", names)
    ended = await statement.compare(house, "--json", *options)
    assert ended.status == 2, ended
    document = json.loads(ended.out)
    assert part in document["detail"]
    assert part in ended.err
    assert "services.audit" not in ended.err


async def test_a_missing_file_ends_with_2(house: House) -> None:
    """And it is named."""
    ended = await house.run("services.audit", "--against", "/nowhere.csv")
    assert (ended.status, ended.out) == (2, "")
    assert "/nowhere.csv cannot be read: No such file or directory" in ended.err
