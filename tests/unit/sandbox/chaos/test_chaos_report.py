"""When a run has passed; every figure is shown."""

from dataclasses import fields, replace

import pytest

from sandbox.chaos.pauses import PauseCounts
from sandbox.chaos.report import RunFigures, rows, show_missing, show_unavailable
from sandbox.chaos.restored_store import MissingFromCopy
from sandbox.chaos.unavailability import Unavailability

GOOD = RunFigures(
    repeat="SEED=1",
    load_s=120,
    offered=10,
    accepted=9,
    in_doubt=1,
    charged_in_doubt=1,
    client_counts={"POST 202": 9},
    processor_faults={"unread": 1},
    network={"reset": 2},
    acts={"kill": 3},
    skipped={},
    parts={"nats": "1/0/0"},
    unknown=2,
    unknown_payments=1,
    unknown_ends={"booked there": 1},
    moves=1,
    take_overs=1,
    slowest_s=1.5,
    charged={"default": 10},
    released=1,
    charged_as_announced=0,
    pauses=PauseCounts(pauses=1, offered=500, held=4, settled_there=4),
    lacked_lost=0,
    lacked_charged=0,
    unavailable=[Unavailability("node_kill", "PAYMENTS", 2, 7.5, 5.0, is_of_one=True)],
    alarms={},
    longest_standstill_s=1.0,
    standstill_s=0,
    queue_length=0,
    verdicts={"lost": 0, "doubled": 0, "differing": 0},
)


def test_zeros_and_an_empty_queue_have_passed() -> None:
    """Nothing else matters."""
    assert GOOD.has_passed


@pytest.mark.parametrize("verdict", ["lost", "doubled", "differing"])
def test_one_bad_payment_is_a_failure(verdict: str) -> None:
    """Of any kind."""
    assert not replace(GOOD, verdicts=dict(GOOD.verdicts) | {verdict: 1}).has_passed


@pytest.mark.parametrize("length", [1, None])
def test_a_queue_that_is_not_known_to_be_empty_is_a_failure(length: int | None) -> None:
    """What is left there is not charged."""
    assert not replace(GOOD, queue_length=length).has_passed


def test_a_standstill_is_a_failure() -> None:
    """Payments that wait while a processor serves are late, even if they are settled in the end."""
    assert not replace(GOOD, standstill_s=1).has_passed


def test_the_table_shows_something_for_every_figure() -> None:
    """No row is empty, and nothing is left out."""
    shown = dict(rows(GOOD))
    assert all(shown.values())
    assert len(shown) >= len(fields(GOOD)) - 9


def test_what_the_copies_lack_is_counted_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A few of them here, all of them in the result."""
    show_missing(MissingFromCopy(lost=["a", "b", "c", "d"], charged=[]))
    assert capsys.readouterr().out == "Not in the copy, lost: 4: a, b, c, ...\n"


def test_the_longest_unavailability_is_shown_by_kind_of_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """And where there was no fault of a server, no table."""
    show_unavailable(GOOD.unavailable)
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("node_kill", "PAYMENTS", "7.5 s", "5.0 s"))
    show_unavailable([])
    assert capsys.readouterr().out == ""
