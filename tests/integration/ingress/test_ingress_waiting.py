"""``Prefer: wait``: a payment is answered when it is settled or refused, by a real ingress on a real nats-server."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.bus.jetstream.state import stream_state
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.ingress.core.preferences import WAIT_S_MAX
from tests.integration.ingress.ingress_process import IngressProcess, free_port, new_id, payment
from tests.integration.ingress.payment_states import refuse, settle, waiting
from tests.nats_server import NatsServer, until

FINAL = {"settled": settle, "refused": refuse}


@pytest.fixture
def metrics_port() -> int:
    """The port of the ingress's metrics."""
    return free_port()


@pytest.fixture
def ingress(tmp_path: Path, nats_server: NatsServer, metrics_port: int) -> Iterator[IngressProcess]:
    """A ready ingress with metrics."""
    process = IngressProcess(tmp_path / "log", nats_server.url, METRICS_LISTEN=f"127.0.0.1:{metrics_port}")
    try:
        yield process.start()
    finally:
        process.stop()


class Waits:
    """The ingress's metrics about requests that wait."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/metrics"

    async def now(self) -> int:
        """Return how many wait."""
        return await self._read("tarifa_awaiting_requests")

    async def counted(self, result: str) -> int:
        """Return how many ended with that result."""
        return await self._read(f'tarifa_waits_total{{result="{result}"}}')

    async def are(self, count: int) -> None:
        """Wait until that many wait."""

        async def is_so() -> bool:
            return await self.now() == count

        await until(is_so)

    async def _read(self, name: str) -> int:
        async with httpx.AsyncClient(trust_env=False) as client:
            text = (await client.get(self._url)).text
        return int(float(next(line for line in text.splitlines() if line.startswith(f"{name} ")).rpartition(" ")[2]))


@pytest.fixture
def waits(metrics_port: int) -> Waits:
    """Those of the test's ingress."""
    return Waits(metrics_port)


@asynccontextmanager
async def asked(http: httpx.AsyncClient, waits: Waits, *request: Any, **more: Any) -> AsyncIterator[Any]:
    """Yield a task with the answer to a request, once that waits."""
    task = asyncio.create_task(http.request(*request, **more))
    await waits.are(1)
    yield task


@pytest.mark.parametrize("status", FINAL)
async def test_a_payer_is_answered_when_it_is_settled_or_refused(
    bus: Bus, http: httpx.AsyncClient, waits: Waits, status: str
) -> None:
    """200 with what GET would answer, at once and not at the end of the wait; and nothing is left behind."""
    payment_id = new_id()
    more: dict[str, Any] = {"json": payment(payment_id), "headers": {"Prefer": "respond-async, wait=30"}}
    begun_s = time.monotonic()
    async with asked(http, waits, "POST", "/payments", **more) as task:
        assert await waiting(bus) == 1
        await FINAL[status](bus, payment_id)
        answer = await task
    assert time.monotonic() - begun_s < 30
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=30")
    assert "idempotent-replayed" not in answer.headers
    assert answer.json()["status"] == status
    assert answer.json() == (await http.get(f"/payments/{payment_id}")).json()
    assert (await waits.now(), await waits.counted("settled")) == (0, 1)
    again = await http.post("/payments", **more)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.json() == answer.json()


async def test_a_get_is_answered_when_it_is_settled(bus: Bus, http: httpx.AsyncClient, waits: Waits) -> None:
    """With the same answer; without Prefer it returns at once that it is not."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id))
    async with asked(http, waits, "GET", f"/payments/{payment_id.upper()}", headers={"Prefer": 'Wait="999"'}) as task:
        assert (await http.get(f"/payments/{payment_id}")).json()["status"] == "accepted"
        await settle(bus, payment_id)
        answer = await task
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, f"wait={WAIT_S_MAX}")
    assert answer.json()["status"] == "settled"
    known = await http.get(f"/payments/{payment_id}", headers={"Prefer": "wait=30"})
    assert (known.json(), known.headers["preference-applied"]) == (answer.json(), "wait=30")


async def test_after_the_wait_the_answer_is_the_usual_one(http: httpx.AsyncClient, waits: Waits) -> None:
    """202 to a POST, the status to a GET; the header shows that it waited."""
    payment_id = new_id()
    begun_s = time.monotonic()
    paid = await http.post("/payments", json=payment(payment_id), headers={"Prefer": "wait=1"})
    assert time.monotonic() - begun_s >= 1
    assert (paid.status_code, paid.headers["preference-applied"]) == (202, "wait=1")
    assert paid.json() == {"correlationId": payment_id, "status": "accepted"}
    found = await http.get(f"/payments/{payment_id}", headers={"Prefer": "wait=1"})
    assert (found.status_code, found.headers["preference-applied"]) == (200, "wait=1")
    assert (found.json()["status"], found.json()["waitingFor"]) == ("accepted", None)
    assert await waits.counted("not_yet") == 2


@pytest.mark.parametrize(
    "prefer", ["wait=0", "wait=-1", "wait=soon", "wait", "respond-async", "return=minimal", "", "x"]
)
async def test_an_invalid_wait_is_ignored(http: httpx.AsyncClient, prefer: str) -> None:
    """A preference never makes a request wrong."""
    answer = await http.post("/payments", json=payment(new_id()), headers={"Prefer": prefer})
    assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
    assert "preference-applied" not in answer.headers


async def test_what_will_not_be_settled_does_not_wait(bus: Bus, http: httpx.AsyncClient, waits: Waits) -> None:
    """Nothing stored, nothing to wait for: the same errors, at once, and each stored or not as without Prefer."""
    prefers = {"Prefer": "wait=30"}
    payment_id = new_id()
    unknown = await http.get(f"/payments/{payment_id}", headers=prefers)
    assert (unknown.status_code, "preference-applied" in unknown.headers) == (404, False)
    assert (await http.get("/payments/x", headers=prefers)).status_code == 400
    assert (await http.post("/payments", content=b"x", headers=prefers)).status_code == 400
    await http.post("/payments", json=payment(payment_id))
    other = await http.post("/payments", json=payment(payment_id, 1), headers=prefers)
    assert (other.status_code, other.json()["error"]) == (409, "amount_differs")
    assert await waiting(bus) == 1
    assert await waits.counted("not_awaited") == 0


async def test_a_client_that_hangs_up_frees_its_place_and_its_payment_stays(
    bus: Bus, http: httpx.AsyncClient, waits: Waits
) -> None:
    """It was stored before the wait."""
    async with asked(http, waits, "POST", "/payments", json=payment(new_id()), headers={"Prefer": "wait=30"}) as task:
        task.cancel()
        await waits.are(0)
    assert await waiting(bus) == 1
    assert (await stream_state(bus, subjects.SETTLEMENTS)).messages == 0


async def test_a_stop_answers_waiting_requests_at_once(
    http: httpx.AsyncClient, waits: Waits, ingress: IngressProcess
) -> None:
    """As without Prefer: it is stored, and the process ends as usual."""
    async with asked(http, waits, "POST", "/payments", json=payment(new_id()), headers={"Prefer": "wait=30"}) as task:
        begun_s = time.monotonic()
        assert await asyncio.to_thread(ingress.stop) == 0
        answer = await task
        assert time.monotonic() - begun_s < 30
    assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
    assert "preference-applied" not in answer.headers
    assert "ingress.connection_aborted" not in ingress.events()


async def test_while_nats_is_away_a_request_still_waits_and_then_finds_what_was_settled(
    bus: Bus, nats_server: NatsServer, http: httpx.AsyncClient, waits: Waits
) -> None:
    """The subscription ends with the server; the request looks up again, whatever was published meanwhile."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id))
    async with asked(http, waits, "GET", f"/payments/{payment_id}", headers={"Prefer": "wait=30"}) as task:
        before = bus.reconnects
        nats_server.kill()
        nats_server.start()
        await until(lambda: bus.reconnects > before and bus.is_connected)
        await settle(bus, payment_id)
        answer = await task
    assert (answer.status_code, answer.json()["status"]) == (200, "settled")
