"""A processor's public API, asked for an operator: whatever happens is returned as a value.

The stock client of httpx is good enough here: nothing is charged, and no payment waits.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated

import httpx
from msgspec import Meta, Struct, json

from services.access.processor_access import NO_CREDENTIALS, ProcessorAccess, ProcessorCredentials, hider
from services.audit.core.answer import Answer, Charged, NotCharged, Unanswered, Unreadable
from services.contracts.money import cents_of
from services.contracts.processor import Processor
from services.contracts.stamp import stamp_from_text

CALL_TIMEOUT_S = 5.0
BODY_BYTES_MAX = 64 * 1024
_DETAIL_CHARS_MAX = 200


class _Recorded(Struct, rename="camel"):
    correlation_id: str
    amount: Annotated[float, Meta(gt=0, lt=1e11)]  # below that, cents are exact
    requested_at: str


_recorded = json.Decoder(_Recorded)


def client(credentials: ProcessorCredentials) -> httpx.AsyncClient:
    """Return a client for one processor, with that processor's credentials only.

    It follows no redirects: another server does not answer for the processor.
    """
    return httpx.AsyncClient(
        timeout=CALL_TIMEOUT_S,
        trust_env=False,
        follow_redirects=False,
        headers=list(credentials.headers),
        verify=credentials.tls or True,
    )


@asynccontextmanager
async def records_of(
    processors: Iterable[Processor], access: ProcessorAccess
) -> AsyncIterator[Mapping[str, "ProcessorRecords"]]:
    """Yield each processor's records by name; connections are closed at the end."""
    async with AsyncExitStack() as clients:
        records = {}
        for each in processors:
            credentials = access.credentials_for(each.url)
            http = await clients.enter_async_context(client(credentials))
            records[each.name] = ProcessorRecords(each.url, http, credentials)
        yield records


class ProcessorRecords:
    """One processor's records; ``url`` without a trailing slash. Credentials are removed from what it answers."""

    def __init__(self, url: str, http: httpx.AsyncClient, credentials: ProcessorCredentials = NO_CREDENTIALS) -> None:
        self._hide = hider(credentials)
        self._url = url
        self._http = http

    async def ask(self, payment_id: str) -> Answer:
        """Ask once about one payment; 404 is the only answer that means that it does not have it."""
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):  # in total: the client's own timeout is for each read
                status, body = await self._get(payment_id)
        except (httpx.HTTPError, TimeoutError) as error:
            return Unanswered(f"{type(error).__name__}: {error}".rstrip(": "))
        match status:
            case httpx.codes.OK:
                return _read(payment_id, body)
            case httpx.codes.NOT_FOUND:
                return NotCharged()
            case _:
                return Unanswered(_detail(f"{status} ", body))

    async def _get(self, payment_id: str) -> tuple[int, bytes]:
        async with self._http.stream("GET", f"{self._url}/payments/{payment_id}") as response:
            body = b""
            async for part in response.aiter_bytes():
                body += part
                if len(body) > BODY_BYTES_MAX:
                    break  # too long for a record of a payment
            return response.status_code, self._hide(body)


def _read(payment_id: str, body: bytes) -> Charged | Unreadable:
    try:
        recorded = _recorded.decode(body)
        stamp = stamp_from_text(recorded.requested_at)
    except (ValueError, OverflowError, RecursionError):
        return Unreadable(_detail("", body))
    cents = cents_of(recorded.amount)
    if cents is None or recorded.correlation_id.lower() != payment_id:
        return Unreadable(_detail("", body))
    return Charged(cents, stamp)


def _detail(before: str, body: bytes) -> str:
    # One line, whatever the body is: findings are read line by line.
    text = body[:_DETAIL_CHARS_MAX].decode(errors="replace")
    return (before + "".join(letter if letter.isprintable() else " " for letter in text)).strip()
