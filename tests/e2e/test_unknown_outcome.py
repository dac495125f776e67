"""An unknown outcome is never sent to another processor, however long it lasts."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import httpx
import orjson
import pytest
import pytest_asyncio

from sandbox.stack import Stack
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.river import PATIENCE_S, River, new_id, until


class Doubtful:
    """A processor that books, then hangs up without an answer, until it is told to answer."""

    def __init__(self) -> None:
        self.booked: dict[str, bytes] = {}
        self.posts = 0
        self.answers = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak one request per connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
            )
            body = await reader.readexactly(length)
            answer = self._answer(head.split(b" ", 2), body)
            if answer is not None:
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, request: list[bytes], body: bytes) -> bytes | None:
        method, path = request[0], request[1].decode()
        if path.endswith("service-health"):
            return _http(b"200 OK", b'{"failing": false, "minResponseTime": 0}')
        if method == b"GET":
            known = self.booked.get(path.rpartition("/")[2])
            return _http(b"404 Not Found", b"") if known is None else _http(b"200 OK", known)
        self.posts += 1
        payment_id = orjson.loads(body)["correlationId"]
        again = payment_id in self.booked
        self.booked.setdefault(payment_id, body)
        if not self.answers:
            return None
        if again:
            return _http(b"422 Unprocessable Entity", b'{"message": "CorrelationId already exists"}')
        return _http(b"200 OK", b'{"message": "payment processed successfully"}')


def _http(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body)


@pytest_asyncio.fixture
async def doubtful() -> AsyncIterator[tuple[Doubtful, str]]:
    """The doubtful processor and its URL."""
    processor = Doubtful()
    server = await asyncio.start_server(processor.serve, "127.0.0.1", 0)
    async with server:
        yield processor, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
def counting() -> Doubtful:
    """The dear processor, which must see nothing of it."""
    return Doubtful()


async def test_an_unknown_outcome_is_never_sent_to_another_processor(
    doubtful: tuple[Doubtful, str], counting: Doubtful
) -> None:
    """It stays with the processor that may have charged it, far beyond the deadline, and is settled as that says."""
    processor, url = doubtful
    counting.answers = True
    server = await asyncio.start_server(counting.serve, "127.0.0.1", 0)
    dear = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    env = ENVIRONMENT | {"PROCESSORS": f"default={url}@0.05,fallback={dear}@0.15", "SETTLE_WITHIN_S": "1"}
    stack = Stack(env=env)
    await asyncio.to_thread(stack.start)
    try:
        async with httpx.AsyncClient(base_url=stack.http_url, timeout=PATIENCE_S) as http:
            river = River(stack, http)
            payment_id = new_id()
            await river.pay_until_accepted(payment_id)
            await asyncio.sleep(3)  # three times SETTLE_WITHIN_S
            await until(lambda: _posted(processor, 5), "it was sent again and again")
            assert payment_id not in counting.booked
            assert (await river.payment(payment_id))["status"] == "accepted"
            processor.answers = True
            await river.until_settled([payment_id])
            shown = await river.payment(payment_id)
            assert shown["processor"] == "default"
            recorded = orjson.loads(processor.booked[payment_id])["requestedAt"]
            assert datetime.fromisoformat(shown["requestedAt"]) == datetime.fromisoformat(recorded)
            assert payment_id not in counting.booked
    finally:
        await asyncio.to_thread(stack.stop)
        server.close()
        await server.wait_closed()


async def _posted(processor: Doubtful, times: int) -> bool:
    return processor.posts >= times
