"""One processor over HTTP: whatever happens is returned as a value, and never as better than it was.

A payment counts as not sent only where the transport raises `httpx.ConnectError` or `httpx.ConnectTimeout`, and as
booked only by a complete 2xx or by the processor's own record of it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Protocol, cast

import httpx
import orjson
from msgspec import Meta, Struct, json

from services.access.processor_access import NO_CREDENTIALS, ProcessorCredentials, hider
from services.contracts.money import amount_of, cents_of
from services.contracts.processor_entry import ProcessorGeneration
from services.contracts.stamp import stamp_from_ms, stamp_from_text, text_of
from services.dispatcher.adapters.connection import HttpAnswer
from services.dispatcher.adapters.transport import NotTrustedError, Origin, origin_of
from services.dispatcher.core.outcome import (
    Absent,
    AskProcessor,
    Found,
    Lookup,
    LookupFailed,
    NoAnswer,
    NotSent,
    Outcome,
    PostAnswer,
    Reply,
    outcome_after_lookup,
    outcome_of,
)

# An hour: more than that is not a response time.
HEALTH_MS_MAX: Final = 3_600_000
_DETAIL_BYTES_MAX: Final = 200  # of a processor's answer, in logs and events
_OK: Final = 200
_NOT_FOUND: Final = 404


class Transport(Protocol):
    """Sends the requests."""

    async def exchange(self, origin: Origin, wire: bytes, timeout_s: float) -> HttpAnswer:
        """Send a request once, unchanged, and return the complete answer; what is kept of it is bounded.

        Raises:
            httpx.ConnectError, httpx.ConnectTimeout: nothing was sent.
            Exception: any other: there is no complete answer within ``timeout_s``; the request may have arrived.
        """


@dataclass(frozen=True, slots=True)
class HealthAnswer:
    """A processor's health reply."""

    failing: bool
    min_response_time_ms: int


@dataclass(frozen=True, slots=True)
class HealthUnread:
    """It gave no readable health reply: refused, silent, limited, or in another format."""

    detail: str


class _HealthBody(Struct, rename="camel"):
    failing: bool
    min_response_time: Annotated[int, Meta(ge=0, le=HEALTH_MS_MAX)]


class _RecordedBody(Struct, rename="camel"):
    correlation_id: str
    amount: Annotated[float, Meta(gt=0, lt=1e11)]  # cents are exact below; far above AMOUNT_MAX
    requested_at: str


_health_body = json.Decoder(_HealthBody)
_recorded_body = json.Decoder(_RecordedBody)


class ProcessorApi:
    """The calls to one processor.

    Args:
        registered: its generation as it is registered; replaced when its fee or state changes. Another URL is another
            client.
        transport: sends the requests; its pool may serve several processors, and its creator closes it.
        call_timeout_s: for one request; `charge` may make two.
        health_timeout_s: for the health call, which processors delay rather than refuse when called too often.
        speaks_for_itself: whether a 503 is the processor's own; False where a gateway in front of it may send one.
        credentials: sent with every request. No returned detail contains them, even if the processor
            repeats them.
    """

    def __init__(
        self,
        registered: ProcessorGeneration,
        transport: Transport,
        *,
        call_timeout_s: float,
        health_timeout_s: float,
        speaks_for_itself: bool = True,
        credentials: ProcessorCredentials = NO_CREDENTIALS,
    ) -> None:
        self._speaks_for_itself = speaks_for_itself
        self.registered = registered
        self._transport = transport
        self._call_timeout_s = call_timeout_s
        self._health_timeout_s = health_timeout_s
        payments = httpx.URL(f"{registered.url}/payments")
        self._origin = origin_of(payments, credentials.tls)
        self._hide = hider(credentials)
        # The common part of all requests is put together here, and not for each payment.
        headers = b"".join(b"%b: %b\r\n" % (name.encode(), value.encode()) for name, value in credentials.headers)
        target, host = payments.raw_path, b"HTTP/1.1\r\nHost: %b\r\n%b" % (payments.netloc, headers)
        self._post_begins = b"POST %b %bContent-Type: application/json\r\ncontent-length: " % (target, host)
        self._get_begins, self._get_ends = b"GET %b/" % target, b" %b\r\n" % host

    async def charge(
        self, payment_id: str, amount_cents: int, requested_at: datetime, traceparent: str | None = None
    ) -> Outcome:
        """Charge a payment, and look it up where the reply does not show the outcome.

        ``traceparent``, a valid one, is sent as that header.

        Returns:
            Booked: charged; `recorded` is set if the look-up found it.
            NotBooked: not charged by this attempt, now or later; another attempt is safe, at any processor.
            Refused: not charged, and it will not be.
            Unknown: it may be charged, now or later: only this processor may be asked again.
        """
        reply = await self._post(payment_id, amount_cents, requested_at, traceparent)
        outcome = outcome_of(reply)
        if isinstance(outcome, AskProcessor):
            answer = cast("PostAnswer", reply)  # only an answer leads to a look-up
            lookup = await self.look_up(payment_id)
            return outcome_after_lookup(answer, lookup, speaks_for_itself=self._speaks_for_itself)
        return outcome

    async def look_up(self, payment_id: str) -> Lookup:
        """Ask whether the processor has booked the id.

        Returns:
            Found: the payment as it is recorded.
            Absent: it was not booked at the time of the answer; a charge under way may still be.
            LookupFailed: no usable answer; ask again later.
        """
        is_there = False
        try:
            answer = await self._get(payment_id, self._call_timeout_s)
            is_there = answer.status == _OK
            if is_there:
                return _found(payment_id, _whole(answer), stamp_from_ms(answer.read_at_ms))
        except Exception as error:  # noqa: BLE001 (no failure of a look-up says anything about the payment)
            return LookupFailed(self._error_text(error), is_there)
        return Absent() if answer.status == _NOT_FOUND else LookupFailed(self._detail(answer))

    async def health(self) -> HealthAnswer | HealthUnread:
        """Ask for the processor's health; at most once in 5 s, over all callers together."""
        try:
            answer = await self._get("service-health", self._health_timeout_s)
            if answer.status != _OK:
                return HealthUnread(self._detail(answer))
            reply = _health_body.decode(_whole(answer))
        except Exception as error:  # noqa: BLE001 (a processor that cannot be asked has no known health)
            return HealthUnread(self._error_text(error))
        return HealthAnswer(reply.failing, reply.min_response_time)

    async def _post(self, payment_id: str, amount_cents: int, requested_at: datetime, traceparent: str | None) -> Reply:
        content = orjson.dumps(
            {"correlationId": payment_id, "amount": amount_of(amount_cents), "requestedAt": text_of(requested_at)}
        )
        if traceparent is None:
            wire = b"%b%d\r\n\r\n%b" % (self._post_begins, len(content), content)
        else:
            head = (self._post_begins, len(content), traceparent.encode())
            wire = b"%b%d\r\ntraceparent: %b\r\n\r\n%b" % (*head, content)
        try:
            answer = await self._transport.exchange(self._origin, wire, self._call_timeout_s)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return NotSent(self._error_text(error), misconfigured=isinstance(error, NotTrustedError))
        except Exception as error:  # noqa: BLE001 (whatever it was, the request may have been sent)
            return NoAnswer(self._error_text(error))
        return PostAnswer(answer.status, self._detail(answer), stamp_from_ms(answer.read_at_ms))

    async def _get(self, name: str, timeout_s: float) -> HttpAnswer:
        """GET /payments/``name``, a UUID or a word: nothing in it needs quoting."""
        wire = b"%b%b%b" % (self._get_begins, name.encode(), self._get_ends)
        return await self._transport.exchange(self._origin, wire, timeout_s)

    def _detail(self, answer: HttpAnswer) -> str:
        # A body that was cut is not quoted: a credential in it may be cut too, and would not be recognized.
        text = _too_long(answer) if answer.is_cut else self._quoted(answer.body)
        return f"{answer.status} {text}".rstrip()

    def _error_text(self, error: Exception) -> str:
        return self._quoted(f"{type(error).__name__}: {error}".encode(errors="replace"))

    def _quoted(self, text: bytes) -> str:
        return self._hide(text)[:_DETAIL_BYTES_MAX].decode(errors="replace")


def _whole(answer: HttpAnswer) -> bytes:
    """Return the complete body of an answer; raise if it was too long to be kept."""
    if answer.is_cut:
        raise ValueError(_too_long(answer))
    return answer.body


def _too_long(answer: HttpAnswer) -> str:
    return f"the body is over {len(answer.body)} bytes"


def _found(payment_id: str, body: bytes, answered_at: datetime) -> Found:
    """Read the record of a payment; any exception means that it is unreadable, or another payment's."""
    record = _recorded_body.decode(body)
    cents = cents_of(record.amount)
    if record.correlation_id.lower() != payment_id or cents is None:
        raise ValueError(f"gave {record.correlation_id}, amount {record.amount}")
    return Found(cents, stamp_from_text(record.requested_at), answered_at)
