"""``tarifa payment`` and ``tarifa summary``: tables for people, JSON for scripts, sentences for errors."""

import json
import socket
from decimal import Decimal

import pytest

from tests.integration.tarifa.command_line import one_sentence, run, run_here
from tests.integration.tarifa.talking_server import Reply, document, events, problem, talking
from tests.unit.tarifa.samples import VITALS_TEXT

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
GET = f"GET /payments/{ID}/life"
SUMMARY = "GET /payments-summary"
TOTALS = Reply(
    200,
    b'{"default":{"totalRequests":2,"totalAmount":39.8},"fallback":{"totalRequests":1,"totalAmount":90071992547409.93}}',
)


def test_a_payments_document_is_printed_verbatim() -> None:
    """Including fields of a later version."""
    text = f'{{"correlationId":"{ID}","amount":19.90,"status":"accepted","new":1}}'
    with talking({GET: [Reply(200, text.encode())]}) as server:
        done = run_here("payment", ID, "--url", server.url, "--json")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{text}\n", "")


def test_an_unknown_payment_is_a_sentence() -> None:
    """And an exit code of its own."""
    with talking({GET: [problem(404, "no_such_payment", "id in the path")]}) as server:
        done = run_here("payment", ID, "--url", server.url)
    assert (done.returncode, done.stdout) == (7, "")
    assert one_sentence(done.stderr).startswith(f"{server.url} has no payment {ID}: check the id")


def test_a_404_of_something_else_is_not_taken_for_an_unknown_payment() -> None:
    """Another server at that URL knows nothing about payments."""
    with talking({GET: [Reply(404, b"<html>not here", "text/html")]}) as server:
        done = run_here("payment", ID, "--url", server.url)
    assert done.returncode == 6
    assert "does not answer as Tarifa does (404 <html>not here)" in one_sentence(done.stderr)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("payment", "7"), "An id is written as"),
        (("summary", "--since", "soon"), "--since must be a length of time"),
        (("summary", "--since", "1h", "--to", "2026-11-22"), "--since replaces --from and --to"),
        (("pay", "nothing"), "The amount must be a number"),
        (("watch", "--for", "ever"), "--for must be a length of time"),
    ],
)
def test_wrong_usage_is_one_sentence(arguments: tuple[str, ...], part: str) -> None:
    """Nothing is sent then."""
    done = run_here(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert part in one_sentence(done.stderr)
    with_json = run_here(*arguments, "--json")
    assert (with_json.returncode, with_json.stderr) == (2, done.stderr)
    assert json.loads(with_json.stdout) == {"error": "usage", "detail": done.stderr.strip()}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("payment", ID, "--colour", "--json"), "No such option: --colour"),
        (("paid", "--json"), "No such command 'paid'"),
        (("payment", "--json"), "Missing argument 'ID'"),
        (("audit", "--last", "long", "--json"), "argument --last: must be a length of time"),
        (("processors", "--json", "stop", "default"), "argument COMMAND: invalid choice: 'stop'"),
        (("log", "clients", "--json"), "argument operators: invalid choice: 'clients'"),
    ],
)
def test_a_script_that_reads_json_reads_what_is_wrong_with_its_call(arguments: tuple[str, ...], part: str) -> None:
    """Whichever part finds the error: the command, Typer, or the program that the command becomes."""
    done = run(*arguments)
    assert done.returncode == 2
    error = json.loads(done.stdout)
    assert (set(error), error["error"]) == ({"error", "detail"}, "usage")
    assert part in error["detail"]
    assert part in " ".join(done.stderr.split())


def test_the_services_slug_is_in_the_document() -> None:
    """The service's slug, or one of ours where nothing answers."""
    with talking({GET: [problem(404, "no_such_payment", "id in the path")]}) as server:
        assert json.loads(run_here("payment", ID, "--url", server.url, "--json").stdout)["error"] == "no_such_payment"
    with talking({SUMMARY: [problem(503, "ledger_away", "the ledger does not answer")]}) as server:
        done = run_here("summary", "--url", server.url, "--json")
    assert json.loads(done.stdout) == {"error": "ledger_away", "detail": done.stderr.strip()}
    assert done.returncode == 6


@pytest.mark.parametrize("command", [("payment", ID), ("summary",), ("summary", "--json")])
def test_where_nothing_listens_the_sentence_says_what_to_do(command: tuple[str, ...]) -> None:
    """The same for every command."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    done = run_here(*command, "--url", url)
    error = {"error": "away", "detail": done.stderr.strip()}
    assert (done.returncode, done.stdout and json.loads(done.stdout)) == (6, error if "--json" in command else "")
    assert one_sentence(done.stderr).startswith(f"Nothing listens at {url}: start it with `tarifa up` or `make up`")


def test_a_summary_has_the_fees_that_the_service_names() -> None:
    """Exact to the last digit of sums that no double can hold."""
    with talking({SUMMARY: [TOTALS], "GET /events": [events(VITALS_TEXT, stays_open=True)]}) as server:
        done = run("summary", "--url", server.url, "--since", "1h", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads(done.stdout, parse_float=Decimal)
    assert summary["processors"] == [
        {"name": "default", "count": 2, "amount": Decimal("39.8"), "fee": Decimal("0.05"), "feesPaid": Decimal("1.99")},
        {
            "name": "fallback",
            "count": 1,
            "amount": Decimal("90071992547409.93"),
            "fee": Decimal("0.15"),
            "feesPaid": Decimal("13510798882111.4895"),
        },
    ]
    assert summary["total"]["amount"] == Decimal("90071992547449.73")
    assert summary["to"] is None


def test_a_summary_is_a_table_for_people() -> None:
    """Without fees where none are known."""
    with talking({SUMMARY: [TOTALS]}) as server:
        done = run_here("summary", "--url", server.url)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["processor", "payments", "amount"] in lines
    assert ["default", "2", "39.80"] in lines
    assert ["total", "3", "90,071,992,547,449.73"] in lines


def test_a_summary_that_is_not_available_now_is_a_sentence() -> None:
    """And the exit code of a service that is away."""
    with talking({SUMMARY: [problem(503, "ledger_away", "the ledger does not answer")]}) as server:
        done = run_here("summary", "--url", server.url)
    assert done.returncode == 6
    assert "(ledger_away: the ledger does not answer): try again in a moment" in one_sentence(done.stderr)


def test_the_services_rejection_is_passed_on() -> None:
    """In its own words."""
    with talking({SUMMARY: [document(400, {"error": "not_a_period", "detail": "from: no"})]}) as server:
        done = run_here("summary", "--url", server.url)
    assert done.returncode == 4
    assert one_sentence(done.stderr) == f"{server.url} rejected that (not_a_period): from: no."
