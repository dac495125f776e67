"""A processor's public API, asked on behalf of an operator: whatever it does comes back as a value.

The stock client of httpx is good enough here: nothing is charged, and no payment waits.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated

import httpx
from msgspec import Meta, Struct, json

from services.access.processor_access import NOTHING, ProcessorAccess, Shown, hider
from services.audit.core.answer import Answer, Charged, NotCharged, Unanswered, Unreadable
from services.contracts.money import cents_of
from services.contracts.processor import Processor
from services.contracts.stamp import stamp_from_text

CALL_TIMEOUT_S = 5.0
BODY_BYTES_MAX = 64 * 1024
_DETAIL_CHARS_MAX = 200


class _Recorded(Struct, rename="camel"):
    correlation_id: str
    amount: Annotated[float, Meta(gt=0, lt=1e11)]  # cents are exact below
    requested_at: str


_recorded = json.Decoder(_Recorded)


def client(shown: Shown) -> httpx.AsyncClient:
    """Return a client for one processor, to whom alone it shows what it is shown.

    It follows no redirects: another server's word is not the processor's.
    """
    return httpx.AsyncClient(
        timeout=CALL_TIMEOUT_S,
        trust_env=False,
        follow_redirects=False,
        headers=list(shown.headers),
        verify=shown.tls or True,
    )


@asynccontextmanager
async def records_of(
    processors: Iterable[Processor], access: ProcessorAccess
) -> AsyncIterator[Mapping[str, "ProcessorRecords"]]:
    """Give what each processor has recorded, by name; connections are closed at the end."""
    async with AsyncExitStack() as clients:
        records = {}
        for each in processors:
            shown = access.shown_to(each.url)
            http = await clients.enter_async_context(client(shown))
            records[each.name] = ProcessorRecords(each.url, http, shown)
        yield records


class ProcessorRecords:
    """What one processor has recorded; ``url`` without a trailing slash. What it is shown is in no answer."""

    def __init__(self, url: str, http: httpx.AsyncClient, shown: Shown = NOTHING) -> None:
        self._hide = hider(shown)
        self._url = url
        self._http = http

    async def ask(self, payment_id: str) -> Answer:
        """Ask once for one payment; 404 is the only answer that says that it does not have it."""
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):  # in all: the client's own is for each part of an answer
                status, body = await self._get(payment_id)
        except (httpx.HTTPError, TimeoutError) as error:
            return Unanswered(f"{type(error).__name__}: {error}".rstrip(": "))
        match status:
            case httpx.codes.OK:
                return _read(payment_id, body)
            case httpx.codes.NOT_FOUND:
                return NotCharged()
            case _:
                return Unanswered(_told(f"{status} ", body))

    async def _get(self, payment_id: str) -> tuple[int, bytes]:
        async with self._http.stream("GET", f"{self._url}/payments/{payment_id}") as response:
            body = b""
            async for part in response.aiter_bytes():
                body += part
                if len(body) > BODY_BYTES_MAX:
                    break  # no record of a payment, whatever it is
            return response.status_code, self._hide(body)


def _read(payment_id: str, body: bytes) -> Charged | Unreadable:
    try:
        said = _recorded.decode(body)
        stamp = stamp_from_text(said.requested_at)
    except (ValueError, OverflowError, RecursionError):
        return Unreadable(_told("", body))
    cents = cents_of(said.amount)
    if cents is None or said.correlation_id.lower() != payment_id:
        return Unreadable(_told("", body))
    return Charged(cents, stamp)


def _told(before: str, body: bytes) -> str:
    # One line, whatever it is: findings are read line by line.
    text = body[:_DETAIL_CHARS_MAX].decode(errors="replace")
    return (before + "".join(letter if letter.isprintable() else " " for letter in text)).strip()
