"""Receivers of spans: OTLP over HTTP in JSON, and a file of JSON lines as the collector's file exporter writes them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Self, TextIO

import httpx
import orjson

from services.audit.core.spans import NotTakenError, Span, export_request

TRACES_PATH = "/v1/traces"
TIMEOUT_S = 10.0
TRIES = 6
AGAIN_AFTER_FIRST_S = 0.5  # doubled each time
AGAIN_AFTER_MAX_S = 30.0
_DETAIL_CHARS_MAX = 200
# The statuses that the specification calls retryable; all others are final.
_AGAIN = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}

log = logging.getLogger("tarifa.audit")


class OtlpReceiver:
    """A collector at a base URL, as http://127.0.0.1:4318."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self._url = f"{url.rstrip('/')}{TRACES_PATH}"

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str, headers: dict[str, str]) -> AsyncIterator[Self]:
        """Return a receiver that sends ``headers`` with each request, and close its connections at the end."""
        async with httpx.AsyncClient(headers=headers, timeout=TIMEOUT_S) as http:
            yield cls(http, url)

    async def send(self, spans: Sequence[Span]) -> int:
        """POST them, and retry while the collector asks for it or does not answer; return how many it refused."""
        content = orjson.dumps(export_request(spans))
        again_after_s, why = AGAIN_AFTER_FIRST_S, ""
        for number in range(TRIES):
            if number:
                log.warning("traces.not_taken", extra={"url": self._url, "error": why, "again_after_s": again_after_s})
                await asyncio.sleep(again_after_s)
                again_after_s *= 2
            try:
                answer = await self._http.post(self._url, content=content, headers={"Content-Type": "application/json"})
            except httpx.TransportError as error:
                why = f"{type(error).__name__}: {error}"
                continue
            if answer.is_success:
                return _refused(answer)
            why = f"{answer.status_code} {answer.text[:_DETAIL_CHARS_MAX]}".rstrip()
            if answer.status_code not in _AGAIN:
                break
            again_after_s = max(again_after_s, _wanted_s(answer))
        raise NotTakenError(f"{self._url}: {why}")


class FileReceiver:
    """A file, to which each batch is appended as a line."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    @classmethod
    @asynccontextmanager
    async def at(cls, path: Path) -> AsyncIterator[Self]:
        """Return a receiver that appends to that file, and close it at the end.

        Raises:
            NotTakenError: it cannot be opened.
        """
        try:
            file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise NotTakenError(f"{path}: {error.strerror}") from error
        with file:
            yield cls(file)

    async def send(self, spans: Sequence[Span]) -> int:
        """Write one line; none is refused."""
        try:
            self._file.write(orjson.dumps(export_request(spans)).decode() + "\n")
            self._file.flush()
        except OSError as error:
            raise NotTakenError(f"{self._file.name}: {error.strerror}") from error
        return 0


def _refused(answer: httpx.Response) -> int:
    """Return how many spans a 2xx reports as rejected."""
    try:
        partly = answer.json().get("partialSuccess") or {}
        refused = int(partly.get("rejectedSpans", 0))
    except (ValueError, AttributeError, TypeError):
        return 0  # some collectors answer with an empty body
    if refused:
        log.warning("traces.refused", extra={"spans": refused, "error": str(partly.get("errorMessage", ""))})
    return refused


def _wanted_s(answer: httpx.Response) -> float:
    """Return the collector's Retry-After in seconds, bounded; 0 where there is none in seconds."""
    text = answer.headers.get("Retry-After", "")
    return min(float(text), AGAIN_AFTER_MAX_S) if text.isdigit() else 0.0
