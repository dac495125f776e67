"""A short run of ``make fuzz``: some hundred generated requests, the same ones each time, against a whole stack."""

from collections.abc import Iterator

import pytest

from sandbox.fuzz.report import Report
from sandbox.fuzz.run import FuzzRun
from sandbox.stack import Stack

EXAMPLES = 30
SEED = 1


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    """What a run against a stack of its own found."""
    with Stack() as stack:
        yield FuzzRun(stack.http_url, examples=EXAMPLES, seed=SEED).carry_out()


def test_every_answer_is_as_described(report: Report) -> None:
    """Status, content type, headers and schema; right requests are accepted, wrong ones refused, none is a fault."""
    assert report.passed, "\n".join(report.lines())


def test_all_operations_were_asked_rightly_and_wrongly(report: Report) -> None:
    """A run that generates nothing finds nothing."""
    statuses: dict[str, set[int]] = {}
    for operation, status in report.answers:
        statuses.setdefault(operation, set()).add(status)
    assert statuses["POST /payments"] >= {200, 202, 400}
    assert statuses["GET /payments/{id}"] >= {404, 400}
    assert statuses["GET /payments-summary"] >= {200, 400}
    assert statuses["POST /purge-payments"] == {403}
    assert statuses["POST /processors/{name}/pause"] >= {404, 400}
    assert statuses["POST /processors/{name}/resume"] >= {404, 400}
    assert {200} <= statuses["GET /processors"] & statuses["GET /openapi.json"] & statuses["HEAD /docs"] & statuses[
        "GET /readyz"
    ]
    assert report.requests > 300


def test_whatever_was_answered_as_stored_is_found_again(report: Report) -> None:
    """Accepted means stored, also for the strangest payment."""
    assert report.accepted
    assert report.lost == []
