"""What end-to-end tests do as a client, operator and auditor of a running stack, by public interfaces only."""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx

from sandbox.stack import Stack

PATIENCE_S = 60.0  # how long something that must happen may take on a busy machine
TOKEN = {"X-Rinha-Token": "123"}


def new_id() -> str:
    """Return a fresh correlation id."""
    return str(uuid.uuid4())


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until ``condition()`` is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not await condition():
        assert time.monotonic() < deadline, f"timed out waiting until {what}"
        await asyncio.sleep(0.1)


@dataclass
class RunningSystem:
    """One running stack and a client of it."""

    stack: Stack
    http: httpx.AsyncClient

    async def pay(self, payment_id: str, amount: float = 19.9) -> httpx.Response:
        """POST a payment."""
        return await self.http.post("/payments", json={"correlationId": payment_id, "amount": amount})

    async def pay_many(self, count: int, at_once: int = 16) -> list[str]:
        """POST payments until ``count`` are accepted, repeating each 503 with the same id, as its body asks."""
        ids = [new_id() for _ in range(count)]
        rest = iter(ids)

        async def client() -> None:
            for payment_id in rest:
                await self.pay_until_accepted(payment_id)

        await asyncio.gather(*[client() for _ in range(at_once)])
        return ids

    async def pay_until_accepted(self, payment_id: str) -> None:
        """POST one payment until it is answered 202."""

        async def accepted() -> bool:
            try:
                answer = await self.pay(payment_id)
            except httpx.TransportError:
                return False
            assert answer.status_code in {202, 502, 503, 504}, answer.text
            return answer.status_code == 202

        await until(accepted, "the payment is accepted")

    async def payment(self, payment_id: str) -> dict[str, Any]:
        """GET a payment."""
        answer = await self.http.get(f"/payments/{payment_id}")
        return dict(answer.json()) if answer.status_code == 200 else {"status": answer.status_code}

    async def until_settled(self, ids: list[str]) -> None:
        """Wait until every one of them is settled."""
        open_ids = set(ids)

        async def all_settled() -> bool:
            for payment_id in list(open_ids)[:50]:
                if (await self.payment(payment_id))["status"] == "settled":
                    open_ids.discard(payment_id)
            return not open_ids

        await until(all_settled, "all payments are settled")

    async def summary(self, **period: str) -> dict[str, dict[str, float]]:
        """GET the summary."""
        answer = await self.http.get("/payments-summary", params=period)
        answer.raise_for_status()
        return dict(answer.json())

    async def vitals(self) -> dict[str, Any]:
        """Return the next document of the page's stream."""
        async with self.http.stream("GET", "/events") as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    return dict(json.loads(line.removeprefix("data:")))
        raise AssertionError("the stream ended without a document")

    async def set_processor(self, name: str, *, failing: bool | None = None, delay_ms: int | None = None) -> None:
        """Make one of the stack's processors fail, or answer after a delay."""
        url = f"{self.stack.processor_url(name)}/admin/configurations"
        if failing is not None:
            (await self.http.put(f"{url}/failure", json={"failure": failing}, headers=TOKEN)).raise_for_status()
        if delay_ms is not None:
            (await self.http.put(f"{url}/delay", json={"delay": delay_ms}, headers=TOKEN)).raise_for_status()

    async def book(self, name: str) -> dict[str, dict[str, Any]]:
        """Return what one of the stack's processors booked, by id."""
        answer = await self.http.get(f"{self.stack.processor_url(name)}/admin/payments", headers=TOKEN)
        rows = [json.loads(line) for line in answer.text.splitlines() if line.strip()]
        return {row["correlationId"]: row for row in rows}

    async def where(self, ids: list[str]) -> dict[str, list[str]]:
        """Return for each id the processors that booked it."""
        books = {name: await self.book(name) for name in ("default", "fallback")}
        return {payment_id: [name for name, book in books.items() if payment_id in book] for payment_id in ids}

    async def assert_charged_once(self, ids: list[str]) -> None:
        """Assert that each id is booked at exactly one processor, and that the summary equals both books."""
        where = await self.where(ids)
        assert [found for found in where.values() if len(found) != 1] == []
        summary = await self.summary()
        for name in ("default", "fallback"):
            book = await self.book(name)
            assert summary[name]["totalRequests"] == len(book)
            assert round(summary[name]["totalAmount"] * 100) == sum(round(row["amount"] * 100) for row in book.values())
