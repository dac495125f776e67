"""A payment with a traceparent: the processor gets the trace, and GET of the payment shows it."""

import asyncio
import re
from dataclasses import dataclass, field

import httpx

from sandbox.stack import Stack
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.fake_processor import two
from tests.e2e.running_system import PATIENCE_S, RunningSystem, new_id
from tests.e2e.scripted import Scripted

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@dataclass
class Traced(Scripted):
    """Records the traceparent of each POST, None where there is none."""

    traceparents: list[str | None] = field(default_factory=list)

    def answer(self, method: bytes, path: str, body: bytes) -> bytes | None:
        """Record the traceparent; answer as the script says."""
        if method == b"POST":
            found = re.search(rb"\r\ntraceparent: ([^\r]*)", self.head)
            self.traceparents.append(found[1].decode() if found else None)
        return super().answer(method, path, body)


async def test_a_traceparent_reaches_the_processor() -> None:
    """Through the balancer and two services; each attempt has its own span, and other payments have none."""
    default, fallback = Traced(fails=1), Traced()
    async with two(default, fallback) as processors:
        stack = Stack(env=ENVIRONMENT | {"PROCESSORS": processors})
        await asyncio.to_thread(stack.start)
        try:
            async with httpx.AsyncClient(base_url=stack.http_url, timeout=PATIENCE_S) as http:
                system, payment_id, other = RunningSystem(stack, http), new_id(), new_id()
                http.headers["traceparent"] = TRACEPARENT
                await system.pay_until_accepted(payment_id)
                del http.headers["traceparent"]
                await system.until_settled([payment_id])
                await system.pay_until_accepted(other)
                await system.until_settled([other])
                assert (await system.payment(payment_id))["traceparent"] == TRACEPARENT
                assert "traceparent" not in await system.payment(other)
        finally:
            await asyncio.to_thread(stack.stop)
    seen = [*default.traceparents, *fallback.traceparents]
    traced = [each for each in seen if each is not None]
    assert len(traced) == len(set(traced)) >= 2  # one failed
    assert all(re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-01", each) for each in traced)
    assert TRACEPARENT not in traced
    assert None in seen
