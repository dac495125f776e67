"""``tarifa watch`` on a real event stream: lines for scripts, a view for people, a service that comes and goes."""

import os
import pty
import signal
import socket
import subprocess
from pathlib import Path

from tests.integration.tarifa.command_line import COMMAND, PATIENCE_S, environment, one_sentence, run_here, running
from tests.integration.tarifa.talking_server import Reply, events, problem, talking
from tests.unit.tarifa.samples import VITALS_TEXT

EVENTS = "GET /events"
FIRST = '{"at": "2026-11-22T12:00:00Z", "totals": {"amount": 0.10}}'
SECOND = '{"at": "2026-11-22T12:00:01Z"}'


def test_every_document_is_a_line_until_ctrl_c() -> None:
    """Each at once, with its exact digits; other events are ignored."""
    stream = events(FIRST, VITALS_TEXT, stays_open=True, before=": hello\nevent: other\ndata: 1\n\n")
    with talking({EVENTS: [stream]}) as server, running("watch", "--url", server.url) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == '{"at":"2026-11-22T12:00:00Z","totals":{"amount":0.10}}\n'
        assert '"saved":199.0' in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, rest, said) == (0, "", "")


def test_it_reconnects_and_reports_that_once() -> None:
    """The stream ends, the service cannot answer, then it is back: each reported once, on stderr."""
    ends = events(FIRST, stays_open=False, before="retry: 100\n")
    later = problem(503, "not_ready", "NATS is away")
    replies = [ends, later, later, events(SECOND, stays_open=True)]
    with talking({EVENTS: replies}) as server, running("watch", "--json", "--url", server.url) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert lines[1] == '{"at":"2026-11-22T12:00:01Z"}\n'
    assert process.returncode == 0
    assert said.splitlines() == [
        f"{server.url} ended the stream of events. Trying again, until Ctrl-C.",
        f"{server.url} sends no events now (not_ready: NATS is away). Trying again, until Ctrl-C.",
        f"{server.url} is back.",
    ]


def test_it_ends_by_itself_after_the_time_given() -> None:
    """With exit code 0, if any vitals came."""
    with talking({EVENTS: [events(FIRST, stays_open=True)]}) as server:
        done = run_here("watch", "--for", "3s", "--url", server.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == '{"at":"2026-11-22T12:00:00Z","totals":{"amount":0.10}}\n'


def test_a_service_that_is_away_all_the_time_is_an_exit_code() -> None:
    """It is reported while it lasts, and again at the end."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    done = run_here("watch", "--for", "3s", "--url", url)
    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr.splitlines()[-1].startswith(f"Nothing listens at {url}: start it with `tarifa up`")


def test_a_service_without_events_is_one_sentence() -> None:
    """At once: trying again would not help."""
    with talking({}) as server:
        done = run_here("watch", "--url", server.url)
    assert (done.returncode, done.stdout) == (7, "")
    assert one_sentence(done.stderr).startswith(f"{server.url} has no /events to watch")


def test_another_server_at_that_url_is_reported() -> None:
    """An HTML page is not an event stream, whatever its status."""
    with talking({EVENTS: [Reply(200, b"<html>hello", "text/html")]}) as server:
        done = run_here("watch", "--for", "3s", "--url", server.url)
    assert done.returncode == 6
    assert "does not answer as Tarifa does (200 <html>hello)" in done.stderr


def test_unreadable_vitals_are_reported() -> None:
    """And not shown as if they had been read."""
    with talking({EVENTS: [events('{"at": "noon"}', stays_open=True)]}) as server:
        done = run_here("watch", "--for", "3s", "--url", server.url)
    assert (done.returncode, done.stdout) == (6, "")
    assert "sends vitals that cannot be read" in done.stderr


def test_in_a_terminal_it_is_a_view_that_stays(tmp_path: Path) -> None:
    """Drawn on a terminal of the test's own; Ctrl-C ends it and leaves the cursor visible."""
    master, slave = pty.openpty()
    shown = b""
    with talking({EVENTS: [events(VITALS_TEXT, stays_open=True)]}) as server:
        process = subprocess.Popen(
            [*COMMAND, "watch", "--url", server.url],
            cwd=tmp_path,
            env=environment({"TERM": "xterm"}),
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        try:
            while b"fallback is failing: payments are settled at others" not in shown:
                shown += os.read(master, 65_536)
            process.send_signal(signal.SIGINT)
            while (piece := _rest(master)) is not None:
                shown += piece
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
            process.wait()
            os.close(master)
    assert b"1,990.00" in shown
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")


def _rest(terminal: int) -> bytes | None:
    try:
        return os.read(terminal, 65_536) or None
    except OSError:  # the other end is closed
        return None
