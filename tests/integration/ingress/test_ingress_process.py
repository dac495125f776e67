"""The process: what it refuses to start with, where it listens, and how it ends."""

import asyncio
import json
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from services.bus.jetstream.lookup import last_for
from services.bus.wire.connection import Bus
from services.contracts import subjects
from tests.integration.ingress.ingress_process import IngressProcess, free_port, new_id, payment
from tests.nats_server import PATIENCE_S, NatsServer, until

WRONG = {
    "INGRESS_LISTEN": "8080",
    "INGRESS_REUSE_PORT": "yes",
    "NATS_URL": "127.0.0.1",
    "PROCESSORS": "default",
    "IDEMPOTENCY_WINDOW_S": "ten",
    "BACKLOG_MAX": "0",
    "AMOUNT_MAX": "1e9",
    "ALLOW_PURGE": "true",
    "SETTLEMENTS_BYTES_MAX": "2GiB",
    "METRICS_LISTEN": "9100",
    "LOG_LEVEL": "TRACE",
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_setting_stops_the_start_and_is_named(tmp_path: Path, name: str) -> None:
    """A wrong variable ends the process with 2 and a sentence that begins with its name."""
    process = IngressProcess(tmp_path / "ingress.log", "nats://127.0.0.1:1", **{name: WRONG[name]}).spawn()
    assert process.wait() == 2
    assert process.log.read_text().startswith(name)


def test_address_in_use_stops_the_start(tmp_path: Path, nats_server: NatsServer) -> None:
    """A port that another process uses is reported as the wrong setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        process = IngressProcess(tmp_path / "ingress.log", nats_server.url, INGRESS_LISTEN=where).spawn()
        assert process.wait() == 2
    assert f"INGRESS_LISTEN is {where}" in process.log.read_text()


def test_two_instances_share_a_port_if_set_to(tmp_path: Path, nats_server: NatsServer) -> None:
    """INGRESS_REUSE_PORT lets a second instance listen beside the first."""
    settings = {"INGRESS_LISTEN": f"127.0.0.1:{free_port()}", "INGRESS_REUSE_PORT": "1"}
    both = [IngressProcess(tmp_path / f"{number}.log", nats_server.url, **settings) for number in (1, 2)]
    try:
        for process in both:
            process.start()
        assert both[0].stop() == 0
        answer = httpx.get(f"http://{settings['INGRESS_LISTEN']}/healthz", timeout=PATIENCE_S, trust_env=False)
        assert answer.status_code == 200
    finally:
        for process in both:
            process.stop()


def test_unix_socket_of_a_killed_process_is_replaced_and_a_live_one_is_not(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    """A stale socket file is replaced; a live one is an error; every user may connect; the end removes it."""
    path = tmp_path / "in.sock"
    killed, second, third = (
        IngressProcess(tmp_path / f"{number}.log", nats_server.url, INGRESS_LISTEN=f"unix:{path}")
        for number in (1, 2, 3)
    )
    try:
        killed.start().stop(signal.SIGKILL)
        assert path.is_socket()
        second.start()
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        assert third.spawn().wait() == 2
        assert "another process listens" in third.log.read_text()
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), timeout=PATIENCE_S) as client:
            assert client.post("http://ingress/payments", json=payment(new_id())).status_code == 202
        assert second.stop() == 0
        assert not path.exists()
    finally:
        for process in (killed, second, third):
            process.stop()


async def test_signal_before_nats_is_there_ends_the_process(tmp_path: Path) -> None:
    """A process that waits for NATS can still be stopped."""
    process = IngressProcess(tmp_path / "ingress.log", f"nats://127.0.0.1:{free_port()}").spawn()
    try:
        await until(lambda: "bus.error" in process.events(), "the first attempt to connect")
    finally:
        code = process.stop()
    assert code == 0


async def test_stop_under_load_answers_whatever_was_sent(bus: Bus, ingress: IngressProcess) -> None:
    """SIGTERM in the middle of it: each request sent has an answer, and each 202 is stored."""
    clients = [asyncio.create_task(_post_until_closed(ingress.port)) for _ in range(32)]
    sent_early = [new_id() for _ in range(3)]
    late = [await asyncio.open_connection("127.0.0.1", ingress.port) for _ in sent_early]
    for (_, writer), payment_id in zip(late, sent_early, strict=True):
        writer.write(_request(payment_id)[:-5])  # a request that has begun to arrive
    await asyncio.sleep(0.2)
    stopped = asyncio.create_task(asyncio.to_thread(ingress.stop))
    await until(lambda: _is_refused(ingress.port), "the end of listening")
    for (_, writer), payment_id in zip(late, sent_early, strict=True):
        writer.write(_request(payment_id)[-5:])
    answers = [answer for client in clients for answer in await client]
    answers += [
        (payment_id, abs(await _answer(reader) or 0)) for (reader, _), payment_id in zip(late, sent_early, strict=True)
    ]
    for _, writer in late:
        writer.close()
    assert await stopped == 0
    assert ingress.events()[-1] == "ingress.stopped"
    assert "ingress.fault" not in ingress.events()
    assert "ingress.connection_aborted" not in ingress.events()
    assert {status for _, status in answers} == {202}
    for payment_id, _ in answers:
        assert await last_for(bus, subjects.PAYMENTS, subjects.accepted(payment_id)) is not None


def test_only_what_is_needed_is_imported() -> None:
    """No HTTP client, and nothing of the other services: each instance would use memory for them."""
    code = "import sys, services.ingress.__main__; print(*sys.modules)"
    modules = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert not modules & {"httpx", "sanic_ext", "services.dispatcher", "services.ledger"}


def _request(payment_id: str) -> bytes:
    body = json.dumps(payment(payment_id)).encode()
    return b"POST /payments HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def _is_refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def _answer(reader: asyncio.StreamReader) -> int | None:
    """Return the status of one answer; None if the connection was closed instead."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    lines = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if line)
    await reader.readexactly(int(lines[b"content-length"]))
    return int(head.split()[1]) if lines[b"connection"] == b"keep-alive" else -int(head.split()[1])


async def _post_until_closed(port: int) -> list[tuple[str, int | None]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers: list[tuple[str, int | None]] = []
    while True:
        payment_id = new_id()
        writer.write(_request(payment_id))
        status = await _answer(reader)
        answers.append((payment_id, abs(status) if status is not None else None))
        if status is None or status < 0:
            writer.close()
            return answers
