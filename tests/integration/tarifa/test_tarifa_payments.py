"""``tarifa payments`` and ``tarifa payment``: what waits and what was settled, for people and for scripts."""

import json

import pytest

from tests.integration.tarifa.command_line import one_sentence, run_here
from tests.integration.tarifa.talking_server import Reply, document, problem, talking

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
GET = "GET /payments"
LAST = {
    "requestedAt": "2026-11-22T12:00:10.000Z",
    "processor": "default",
    "tookMs": 5000.2,
    "outcome": "unknown",
    "detail": "no answer within 5 s",
}
WAITS = {
    "correlationId": ID,
    "amount": 19.9,
    "status": "accepted",
    "acceptedAt": "2026-11-22T12:00:00.000Z",
    "waitingFor": {
        "processor": "default",
        "since": "2026-11-22T12:00:01.000Z",
        "attempts": 3,
        "inDoubt": True,
        "dispatcher": "dispatcher-1",
        "released": False,
        "lastAttempt": LAST,
    },
}
DISPATCHERS = {"answered": ["dispatcher-1"], "silent": []}
SETTLED = {
    "correlationId": ID,
    "amount": 19.9,
    "status": "settled",
    "processor": "default",
    "requestedAt": "2026-11-22T12:00:10.000Z",
    "acceptedAt": "2026-11-22T12:00:00.000Z",
    "counted": False,
}


def page(*payments: object, more: str | None = None, **rest: object) -> Reply:
    """Return part of a list."""
    return document(200, {"payments": payments, "next": more, **rest})


def test_what_waits_is_a_table_for_people() -> None:
    """Each id is complete, to be copied; their number is on stderr."""
    with talking({GET: [page(WAITS, dispatchers=DISPATCHERS)]}) as server:
        done = run_here("payments", "--in-doubt", "--older-than", "60s", "--url", server.url)
    assert done.returncode == 0
    assert ID in done.stdout
    words = " ".join(done.stdout.split())
    assert (
        "default 2026-11-22T12:00:01.000Z 3 yes unknown: it may have charged after 5.0 s: no answer within 5 s" in words
    )
    assert one_sentence(done.stderr) == "1 payment."


def test_what_waits_is_a_document_a_line_for_scripts_over_all_pages() -> None:
    """Each as the service sends it; a page may be empty."""
    with talking({GET: [page(WAITS, more="accepted-1"), page(more="accepted-9"), page({**WAITS, "new": 1})]}) as server:
        done = run_here("payments", "--all", "--json", "--url", server.url)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [WAITS, {**WAITS, "new": 1}]
    assert one_sentence(done.stderr) == "2 payments."


def test_an_incomplete_list_says_how_to_continue() -> None:
    """And which dispatchers did not answer."""
    silent = {"answered": [], "silent": ["dispatcher-2"]}
    with talking({GET: [page(WAITS, more="accepted-7", dispatchers=silent)]}) as server:
        done = run_here("payments", "--limit", "1", "--url", server.url)
    assert done.stderr.splitlines() == [
        "1 payment; there are more: --cursor accepted-7, or --all.",
        "Not answered by dispatcher-2: the calls of what these have in hand are not known.",
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "No payment waits; --status settled lists those that were settled."),
        (("--in-doubt",), "No such payment waits; --status settled lists those that were settled."),
        (("--status", "settled"), "No payment was settled."),
    ],
)
def test_an_empty_list_says_what_is_not_there(arguments: tuple[str, ...], sentence: str) -> None:
    """Right after a payment was settled none waits, which must not look like a loss."""
    with talking({GET: [page()]}) as server:
        done = run_here("payments", *arguments, "--url", server.url)
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (0, "", [sentence])


def test_settled_payments_say_whether_the_book_counts_them() -> None:
    """Not those before the book was cleared."""
    with talking({GET: [page(SETTLED)]}) as server:
        done = run_here("payments", "--status", "settled", "--from", "2026-11-22", "--url", server.url)
    assert "no, the book was cleared since" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (("--older-than", "soon"), 2, "--older-than must be a length of time"),
        (("--from", "yesterday"), 2, "--from must be ISO 8601"),
        ((), 6, "(dispatchers_away: nobody knows)"),
    ],
)
def test_what_cannot_be_listed_is_a_sentence(arguments: tuple[str, ...], code: int, part: str) -> None:
    """Wrong usage, and a service that cannot answer."""
    with talking({GET: [problem(503, "dispatchers_away", "nobody knows")]}) as server:
        done = run_here("payments", *arguments, "--url", server.url)
    assert (done.returncode, done.stdout) == (code, "")
    assert part in one_sentence(done.stderr)


def test_a_list_is_asked_for_again_while_the_service_is_busy() -> None:
    """The service reads only a few lists at once."""
    with talking({GET: [problem(503, "too_many_lists", "two at once"), page(WAITS)]}) as server:
        done = run_here("payments", "--json", "--url", server.url)
    assert (done.returncode, json.loads(done.stdout)) == (0, WAITS)


def test_a_payments_life_is_shown_step_by_step() -> None:
    """And what nobody recorded is listed."""
    steps = [
        {"what": "accepted", "at": "2026-11-22T12:00:00.000Z"},
        {"what": "assigned", "at": "2026-11-22T12:00:01.000Z", "processor": "default", "dispatcher": "dispatcher-1"},
        {"what": "attempt", "at": LAST["requestedAt"], **{name: LAST[name] for name in list(LAST)[1:]}},
        {"what": "attempt", "at": "2026-11-22T12:00:20.000Z", "processor": "default", "tookMs": None, "outcome": None},
        {"what": "released", "at": "2026-11-22T12:01:00Z", "from": "default", "to": "fallback", "reason": "it is gone"},
        {"what": "settled", "at": None, "processor": "fallback", "amount": 19.9, "requestedAt": "2026-11-22T12:01:01Z"},
    ]
    life = {**SETTLED, "steps": steps, "notKnown": ["which calls were made"]}
    with talking({f"GET /payments/{ID}/life": [document(200, life)]}) as server:
        done = run_here("payment", ID, "--url", server.url, env={"COLUMNS": "200"})
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert lines[lines.index("") + 1 :] == [
        "2026-11-22T12:00:00.000Z accepted",
        "2026-11-22T12:00:01.000Z assigned to default by dispatcher-1",
        "2026-11-22T12:00:10.000Z attempt at default, unknown: it may have charged after 5.0 s, no answer within 5 s",
        "2026-11-22T12:00:20.000Z attempt at default, under way",
        "2026-11-22T12:01:00.000Z released by an operator, from default to fallback, it is gone",
        "time not known settled at fallback, 19.90, requestedAt 2026-11-22T12:01:01.000Z",
        "not known: which calls were made.",
    ]
