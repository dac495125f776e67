"""What cannot be stored is not reported as stored: NATS away, silent, full; and all works again afterwards."""

import asyncio
import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import httpx
import pytest

from services.bus.jetstream.publish import StoredAt, store
from services.bus.jetstream.state import stream_state
from services.bus.jetstream.streams import ensure_streams
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.events import PaymentSettled, encode
from services.contracts.money import Cents
from services.contracts.summary import Totals
from services.ingress.adapters.payment_stream import TROUBLE_HOLDS_S
from tests.conftest import LIMITS
from tests.integration.ingress.ingress_process import IngressProcess, LedgerStandIn, new_id, payment
from tests.nats_server import PATIENCE_S, NatsServer, until


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[NatsServer]:
    """A server whose store has its own disk of 16 MiB; skipped if none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small disk needs root: {mounted.stderr.strip()}")
    # By default the server lets streams reserve three quarters of the disk, and no more.
    (tmp_path / "nats.conf").write_text("jetstream { max_file_store: 16GB }")
    server = NatsServer(folder, "-c", str(tmp_path / "nats.conf"))
    try:
        yield server.start()
    finally:
        server.stop()
        subprocess.run(["/bin/umount", folder], check=True)


def fill(folder: Path) -> None:
    """Leave no room on a disk."""
    with (folder / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


def _assert_try_later(answer: httpx.Response, slug: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (503, slug)
    assert int(answer.headers["Retry-After"]) > 0
    assert "repeating it with the same correlationId is safe" in answer.json()["detail"]


async def _repeat_until_accepted(http: httpx.AsyncClient, payment_id: str) -> None:
    answers: list[int] = []
    while not answers or answers[-1] == 503:
        assert len(answers) < 10_000
        answers.append((await http.post("/payments", json=payment(payment_id))).status_code)
    assert answers[-1] == 202


async def test_killed_nats_is_503_and_comes_back(
    nats_server: NatsServer, ingress: IngressProcess, http: httpx.AsyncClient
) -> None:
    """While NATS is away nothing is accepted; what was stored before is answered again afterwards."""
    before, during = new_id(), new_id()
    assert (await http.post("/payments", json=payment(before))).status_code == 202
    nats_server.kill()
    await until(lambda: "bus.disconnected" in ingress.events(), "the loss of the connection")
    _assert_try_later(await http.post("/payments", json=payment(during)), "nats_away")
    assert (await http.get(f"/payments/{before}")).status_code == 503
    assert (await http.get("/payments-summary")).status_code == 503
    assert (await http.get("/healthz")).status_code == 200
    readiness = await http.get("/readyz")
    assert (readiness.status_code, readiness.json()["error"]) == (503, "not_ready")
    nats_server.start()
    await _repeat_until_accepted(http, during)
    again = await http.post("/payments", json=payment(before))
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")


async def test_an_id_that_the_server_forgot_is_still_known(
    bus: Bus, nats_server: NatsServer, ingress: IngressProcess, tmp_path: Path
) -> None:
    """A restarted server forgets the ids of settled payments, and any server old ones: they are replays."""
    settled_id, now = new_id(), datetime.now(UTC)
    await _store_settled(bus, settled_id, accepted_at=now)
    async with httpx.AsyncClient(base_url=ingress.url, timeout=PATIENCE_S, trust_env=False) as http:
        await _repeat_until_accepted(http, new_id())
        nats_server.restart()
        await until(lambda: "bus.reconnected" in ingress.events(), "the reconnect")
        await _assert_known(http, settled_id)
    later = IngressProcess(tmp_path / "later.log", nats_server.url).start()
    try:
        async with httpx.AsyncClient(base_url=later.url, timeout=PATIENCE_S, trust_env=False) as http:
            await _assert_known(http, settled_id)
            long_ago_id = new_id()
            await _store_settled(bus, long_ago_id, accepted_at=now - timedelta(days=1))
            await _assert_known(http, long_ago_id)
    finally:
        later.stop()


async def _store_settled(bus: Bus, payment_id: str, accepted_at: datetime) -> None:
    event = PaymentSettled(payment_id, Cents(1990), "default", accepted_at, accepted_at, 1)
    await until(lambda: bus.is_connected, "the test's own connection")
    subject = subjects.settled("default", payment_id)
    assert isinstance(await store(bus, subjects.SETTLEMENTS, subject, encode(event)), StoredAt)


async def _assert_known(http: httpx.AsyncClient, payment_id: str) -> None:
    same = await http.post("/payments", json=payment(payment_id, 19.90))
    assert (same.status_code, same.headers["Idempotent-Replayed"]) == (202, "true")
    assert (await http.post("/payments", json=payment(payment_id, 20))).status_code == 409


async def test_nats_that_does_not_confirm_is_503(
    bus: Bus, nats_server: NatsServer, ingress: IngressProcess, http: httpx.AsyncClient
) -> None:
    """A publish without a PubAck is not reported as stored; repeated, it is stored once."""
    payment_id = new_id()
    assert (await http.post("/payments", json=payment(new_id()))).status_code == 202
    nats_server.freeze()
    _assert_try_later(await http.post("/payments", json=payment(payment_id)), "nats_away")
    nats_server.thaw()
    await _repeat_until_accepted(http, payment_id)
    assert (await stream_state(bus, subjects.PAYMENTS)).messages == 2


async def test_full_stream_is_503(bus: Bus, nats_server: NatsServer, tmp_path: Path) -> None:
    """At BACKLOG_MAX a new payment is refused, a known one is still answered, and nothing stored is dropped."""
    await LedgerStandIn({"default": Totals(0, 0)}).serve(bus)
    ingress = IngressProcess(tmp_path / "ingress.log", nats_server.url, BACKLOG_MAX="3").start()
    try:
        async with httpx.AsyncClient(base_url=ingress.url, timeout=PATIENCE_S, trust_env=False) as http:
            stored = [new_id() for _ in range(3)]
            await _until_ready_says(http, '"status":"ready"')
            for payment_id in stored:
                assert (await http.post("/payments", json=payment(payment_id))).status_code == 202
            _assert_try_later(await http.post("/payments", json=payment(new_id())), "backlog_full")
            again = await http.post("/payments", json=payment(stored[0]))
            assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
            assert (await _until_ready_says(http, "PAYMENTS: full")).status_code == 503
            for payment_id in stored:
                assert (await http.get(f"/payments/{payment_id}")).status_code == 200
    finally:
        ingress.stop()


async def test_readiness_detects_a_full_disk_without_any_payment(
    bus: Bus, small_disk: NatsServer, tmp_path: Path
) -> None:
    """It stores something to check; after a restart of NATS with room again, all works."""
    full = await Bus.connect(small_disk.url, "fills")
    await ensure_streams(full, replace(LIMITS, settlements_bytes_max=1 << 20))
    await LedgerStandIn({"default": Totals(0, 0)}).serve(full)
    ingress = IngressProcess(tmp_path / "ingress.log", small_disk.url, SETTLEMENTS_BYTES_MAX="1048576").start()
    try:
        async with httpx.AsyncClient(base_url=ingress.url, timeout=PATIENCE_S, trust_env=False) as http:
            await _until_ready_says(http, '"status":"ready"')
            fill(small_disk.folder)
            assert (await _until_ready_says(http, "NATS stores nothing")).status_code == 503
            assert (await http.post("/payments", json=payment(new_id()))).status_code == 503
            (small_disk.folder / "filler").unlink()
            small_disk.restart()
            assert (await _until_ready_says(http, '"status":"ready"')).status_code == 200
            assert (await http.post("/payments", json=payment(new_id()))).status_code == 202
    finally:
        ingress.stop()
        await full.close()


async def test_readiness_stores_little_however_often_it_is_asked_for(
    bus: Bus, nats_server: NatsServer, tmp_path: Path
) -> None:
    """Nobody needs a key for it, and what it stores is synced to the disk."""
    await ensure_streams(bus, LIMITS)
    await LedgerStandIn({"default": Totals(0, 0)}).serve(bus)
    ingress = IngressProcess(tmp_path / "ingress.log", nats_server.url).start()
    try:
        async with httpx.AsyncClient(base_url=ingress.url, timeout=PATIENCE_S, trust_env=False) as http:
            before, begun_s = (await stream_state(bus, "KV_leases")).last_seq, monotonic()
            answers = await asyncio.gather(*(http.get("/readyz") for _ in range(100)))
            stored = (await stream_state(bus, "KV_leases")).last_seq - before
        assert {answer.status_code for answer in answers} == {200}
        assert 1 <= stored <= 1 + (monotonic() - begun_s) / TROUBLE_HOLDS_S
    finally:
        ingress.stop()


async def test_readiness_detects_full_settlements(bus: Bus, nats_server: NatsServer, tmp_path: Path) -> None:
    """Payments are accepted then, and none settles."""
    await ensure_streams(bus, replace(LIMITS, settlements_bytes_max=1 << 20))
    await LedgerStandIn({"default": Totals(0, 0)}).serve(bus)
    ingress = IngressProcess(tmp_path / "ingress.log", nats_server.url, SETTLEMENTS_BYTES_MAX="1048576").start()
    try:
        async with httpx.AsyncClient(base_url=ingress.url, timeout=PATIENCE_S, trust_env=False) as http:
            await _until_ready_says(http, '"status":"ready"')
            subject = subjects.settled("default", new_id())
            while isinstance(await store(bus, subjects.SETTLEMENTS, subject, b"x" * 500), StoredAt):
                pass
            assert (await _until_ready_says(http, "SETTLEMENTS: full")).status_code == 503
    finally:
        ingress.stop()


async def _until_ready_says(http: httpx.AsyncClient, text: str) -> httpx.Response:
    """Return the readiness with that text; on a busy machine one with a timeout may come first."""
    async with asyncio.timeout(PATIENCE_S):
        while text not in (readiness := await http.get("/readyz")).text:  # noqa: ASYNC110  # HTTP has no event
            await asyncio.sleep(0.1)
    return readiness
