"""``tarifa pay`` against every answer of a service: exit codes, one sentence, one document.

As a process where the process is what is tested: followed to the end, with an environment, and stopped by a signal.
"""

import json
import signal
import socket
from decimal import Decimal

import pytest

from tests.integration.tarifa.command_line import PATIENCE_S, one_sentence, run, run_here, running
from tests.integration.tarifa.talking_server import Reply, document, events, problem, talking
from tests.unit.tarifa.samples import VITALS_TEXT

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
POST = "POST /payments"
GET = f"GET /payments/{ID}"
ACCEPTED = document(202, {"correlationId": ID, "status": "accepted"})
WAITS = document(200, {"correlationId": ID, "amount": 19.9, "status": "accepted", "acceptedAt": "2026-11-22T12:00:00Z"})
SETTLED = document(
    200,
    {
        "correlationId": ID,
        "amount": 19.9,
        "status": "settled",
        "processor": "default",
        "acceptedAt": "2026-11-22T12:00:00.100Z",
        "requestedAt": "2026-11-22T12:00:00.112Z",
    },
)
REFUSED = document(
    200, {"correlationId": ID, "amount": 19.9, "status": "refused", "processor": "default", "detail": "422 no"}
)
AWAY = problem(503, "nats_away", "repeating it with the same correlationId is safe")


def test_a_payment_is_followed_to_its_settlement() -> None:
    """Each step is a line on stdout; the fee is the one in the service's vitals."""
    replies = {POST: [ACCEPTED], GET: [WAITS, AWAY, WAITS, SETTLED]}
    with talking({**replies, "GET /events": [events(VITALS_TEXT, stays_open=True)]}) as server:
        done = run("pay", "19.90", "--id", ID, "--url", server.url)
    assert (done.returncode, done.stderr) == (0, "")
    first, accepted, settled, requested_at, fee = done.stdout.splitlines()
    assert first == f"payment {ID} of 19.90 to {server.url}"
    assert accepted.startswith("  accepted    in ")
    assert settled.startswith("  settled     at default after ")
    assert requested_at == "  requestedAt 2026-11-22T12:00:00.112Z"
    assert fee == "  fee         0.995 (5 %)"
    assert f'{{"correlationId":"{ID}","amount":19.90}}'.encode() in server.bodies


def test_with_json_it_is_one_document() -> None:
    """With the amount of the command line, digit by digit; unknown fees are null."""
    with talking({POST: [ACCEPTED], GET: [SETTLED]}) as server:
        done = run_here("pay", "19.90", "--id", ID.upper(), "--json", env={"TARIFA_URL": server.url})
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout, parse_float=Decimal)
    assert (document["outcome"], document["processor"], document["feesPaid"]) == ("settled", "default", None)
    assert str(document["amount"]) == "19.90"


def test_a_new_id_is_made_where_none_is_given() -> None:
    """A random one, which is in the first line."""
    with talking({POST: [problem(400, "x", "y")]}) as server:
        first, second = (run_here("pay", "1", "--url", server.url).stdout.split()[1] for _ in range(2))
        sent = [json.loads(body)["correlationId"] for body in server.bodies if body]
    assert sent == [first, second]
    assert first != second


def test_fees_of_the_environment_come_first() -> None:
    """Then the service is not asked."""
    with talking({POST: [ACCEPTED], GET: [SETTLED]}) as server:
        done = run_here("pay", "19.90", "--id", ID, "--url", server.url, env={"PROCESSORS": "default=http://x:1@0.1"})
    assert done.stdout.splitlines()[-1] == "  fee         1.99 (10 %)"


def test_a_replay_says_that_it_is_charged_once() -> None:
    """The service says so in a header."""
    with talking({POST: [document(202, {}, Idempotent_Replayed="true")], GET: [SETTLED]}) as server:
        done = run_here("pay", "19.90", "--id", ID, "--url", server.url)
    assert done.returncode == 0
    assert "it was accepted before, and is charged once" in done.stdout


@pytest.mark.parametrize(
    ("replies", "code", "part"),
    [
        ({POST: [ACCEPTED], GET: [REFUSED]}, 3, "refused and not charged: 422 no"),
        ({POST: [problem(401, "key_unknown", "not known")]}, 4, "not known (TARIFA_KEY has the key;"),
        ({POST: [problem(429, "too_many_requests", "100 a second")]}, 6, "100 a second"),
        (
            {POST: [ACCEPTED], GET: [problem(429, "too_many_requests", "soon")]},
            6,
            "is accepted and will be charged once",
        ),
        ({POST: [problem(409, "amount_differs", "amount: is 5 there")]}, 4, "amount: is 5 there"),
        ({POST: [ACCEPTED], GET: [WAITS]}, 5, f"look again with `tarifa payment {ID}`"),
        ({POST: [ACCEPTED], GET: [AWAY]}, 6, "is accepted and will be charged once"),
        ({POST: [AWAY]}, 6, f"repeat it with `tarifa pay 19.90 --id {ID}`"),
        ({POST: [Reply(502, b"<html>\n<b>Bad Gateway</b>", "text/html")]}, 6, "502 <html> <b>Bad Gateway</b>"),
        ({POST: [ACCEPTED], GET: [Reply(200, b"[]")]}, 6, "does not answer as Tarifa does"),
    ],
)
def test_every_other_ending_has_its_exit_code_and_one_sentence(
    replies: dict[str, list[Reply]], code: int, part: str
) -> None:
    """On stderr; with --json the document is on stdout too."""
    with talking(replies) as server:
        done = run_here("pay", "19.90", "--id", ID, "--url", server.url, "--wait", "5", "--json")
    assert done.returncode == code
    assert part in one_sentence(done.stderr)
    assert json.loads(done.stdout)["correlationId"] == ID


def test_the_service_is_asked_to_answer_when_it_is_settled() -> None:
    """For a second at first, then for longer; not where the answer could come after all of the time."""
    with talking({POST: [ACCEPTED], GET: [SETTLED]}) as server:
        assert run_here("pay", "19.90", "--id", ID, "--url", server.url).returncode == 0
    assert server.prefers == ["wait=1"]
    with talking({POST: [ACCEPTED], GET: [WAITS]}) as server:
        assert run_here("pay", "19.90", "--id", ID, "--url", server.url, "--wait", "3.2s").returncode == 5
    assert server.prefers[0] == "wait=1"
    assert set(server.prefers) <= {"wait=1", "wait=2", None}
    assert server.prefers[-1] is None


def test_a_payment_that_has_to_wait_says_so() -> None:
    """So that the user knows that nothing hangs."""
    with talking({POST: [ACCEPTED], GET: [WAITS]}) as server:
        done = run_here("pay", "19.90", "--id", ID, "--url", server.url, "--wait", "1.2s")
    assert "  waiting     for a processor to settle it, up to 1.2 s in all" in done.stdout.splitlines()
    assert done.returncode == 5


def test_ctrl_c_says_how_to_look_again() -> None:
    """The payment continues without the command."""
    with (
        talking({POST: [ACCEPTED], GET: [WAITS]}) as server,
        running("pay", "19.90", "--id", ID, "--url", server.url, "--wait", "1h") as process,
    ):
        assert process.stdout is not None
        while not process.stdout.readline().startswith("  accepted"):
            pass
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert f"`tarifa payment {ID}`" in one_sentence(said)


def test_where_nothing_listens_the_sentence_says_what_to_do() -> None:
    """Start it, then repeat the payment with its id."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    done = run_here("pay", "19.90", "--id", ID, "--url", url)
    assert done.returncode == 6
    said = one_sentence(done.stderr)
    assert said.startswith(f"Nothing listens at {url}: start it with `tarifa up` or `make up`")
    assert said.endswith(f"then repeat the payment with `tarifa pay 19.90 --id {ID}`.")


def test_a_silent_service_is_not_waited_for_longer_than_wait() -> None:
    """A connection that is accepted and never answered counts as away."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = run_here("pay", "19.90", "--url", f"http://127.0.0.1:{silent.getsockname()[1]}", "--wait", "0.5")
    assert done.returncode == 6
    assert "has not answered in time" in one_sentence(done.stderr)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("19,90",), "The amount must be a number with at most two decimals, as 19.90, not '19,90'"),
        (("0",), "The amount must be above 0"),
        (("1", "--id", "7"), "An id is written as 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3, not '7'"),
        (("1", "--wait", "soon"), "--wait must be a length of time"),
        (("1", "--url", "localhost"), "--url or TARIFA_URL must be as"),
    ],
)
def test_wrong_usage_is_one_sentence_and_sends_nothing(arguments: tuple[str, ...], part: str) -> None:
    """With what was wrong, and how to write it."""
    done = run_here("pay", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert part in one_sentence(done.stderr)


def test_a_wrong_processors_variable_is_named_before_anything_is_paid() -> None:
    """It must not be found out after paying."""
    done = run_here("pay", "1", env={"PROCESSORS": "nonsense"})
    assert done.returncode == 2
    assert one_sentence(done.stderr) == "PROCESSORS has 'nonsense', which is not name=url@fee."


def test_every_call_is_made_with_the_key_of_the_environment() -> None:
    """To pay, to follow, and to read the fees; without a key none is sent."""
    replies = {POST: [ACCEPTED], GET: [SETTLED], "GET /events": [events(VITALS_TEXT, stays_open=True)]}
    with talking(replies) as server:
        for env, sent in (({"TARIFA_KEY": " tarifa_x "}, {"Bearer tarifa_x"}), ({}, {None})):
            server.keys.clear()
            assert run("pay", "19.90", "--id", ID, "--url", server.url, env=env).returncode == 0
            assert server.keys == sent


@pytest.mark.parametrize("command", [("pay", "1"), ("payment", ID), ("summary",), ("watch",)])
def test_an_invalid_key_is_reported_without_printing_it(command: tuple[str, ...]) -> None:
    """It could not be a header; and what is wrong in it may be one letter of a secret."""
    done = run_here(*command, env={"TARIFA_KEY": "tarifa_\N{SNOWMAN}\r\nX-Other: 1"})
    assert done.returncode == 2
    assert one_sentence(done.stderr) == "TARIFA_KEY must be a key as `tarifa keys add` prints it."
