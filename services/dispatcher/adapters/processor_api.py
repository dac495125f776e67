"""One processor over HTTP: whatever it does, or fails to do, comes back as a value and is never better than it was.

A payment counts as not sent only where the transport says `httpx.ConnectError` or `httpx.ConnectTimeout`, and as booked
only by a complete 2xx or by the processor's own record of it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Protocol, cast

import httpx
import orjson
from msgspec import Meta, Struct, json

from services.access.processor_access import NOTHING, Shown, hider
from services.contracts.money import amount_of, cents_of
from services.contracts.stamp import stamp_from_ms, stamp_from_text, text_of
from services.dispatcher.adapters.connection import Answer as HttpAnswer
from services.dispatcher.adapters.transport import NotTrustedError, Origin, origin_of
from services.dispatcher.core.outcome import (
    Absent,
    Answer,
    AskProcessor,
    Found,
    Lookup,
    LookupFailed,
    NoAnswer,
    NotSent,
    Outcome,
    Reply,
    outcome_after_lookup,
    outcome_of,
)

# An hour: what claims more is not a time that anyone measured.
HEALTH_MS_MAX: Final = 3_600_000
_DETAIL_BYTES_MAX: Final = 200  # of what a processor says, in logs and events
_OK: Final = 200
_NOT_FOUND: Final = 404


class Transport(Protocol):
    """What sends the requests."""

    async def exchange(self, origin: Origin, wire: bytes, timeout_s: float) -> HttpAnswer:
        """Send a request once, as it is, and return the answer when it is complete; what is kept of it is bounded.

        Raises:
            httpx.ConnectError, httpx.ConnectTimeout: nothing was sent.
            Exception: any other: there is no complete answer within ``timeout_s``; the request may have arrived.
        """


@dataclass(frozen=True, slots=True)
class Health:
    """What a processor says of itself."""

    failing: bool
    min_response_time_ms: int


@dataclass(frozen=True, slots=True)
class HealthUnread:
    """It said nothing about its health that can be read: refused, silent, limited, or not what was agreed."""

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
        url: its base URL, without a trailing slash.
        transport: sends the requests; its pool may serve several processors and is closed by whoever made it.
        call_timeout_s: for one request; `charge` may make two.
        health_timeout_s: for the health call, which processors hold back rather than refuse when asked too often.
        speaks_for_itself: whether a 503 is the processor's own; False where a gateway before it may say it.
        shown: what the processor is shown with every request. No detail that is returned has it, not even where the
            processor says it back.
    """

    def __init__(
        self,
        url: str,
        transport: Transport,
        *,
        call_timeout_s: float,
        health_timeout_s: float,
        speaks_for_itself: bool = True,
        shown: Shown = NOTHING,
    ) -> None:
        self._speaks_for_itself = speaks_for_itself
        self.url = url
        self._transport = transport
        self._call_timeout_s = call_timeout_s
        self._health_timeout_s = health_timeout_s
        payments = httpx.URL(f"{url}/payments")
        self._origin = origin_of(payments, shown.tls)
        self._hide = hider(shown)
        # What all requests have in common is put together here, and not anew with each payment.
        shows = b"".join(b"%b: %b\r\n" % (name.encode(), value.encode()) for name, value in shown.headers)
        target, host = payments.raw_path, b"HTTP/1.1\r\nHost: %b\r\n%b" % (payments.netloc, shows)
        self._post_begins = b"POST %b %bContent-Type: application/json\r\ncontent-length: " % (target, host)
        self._get_begins, self._get_ends = b"GET %b/" % target, b" %b\r\n" % host

    async def charge(
        self, payment_id: str, amount_cents: int, requested_at: datetime, traceparent: str | None = None
    ) -> Outcome:
        """Ask for one charge, and look it up where the reply does not say what became of it.

        ``traceparent``, a valid one, is sent as that header.

        Returns:
            Booked: charged; `recorded` is set where the look-up says so.
            NotBooked: not charged by this attempt, now or later; another attempt is safe, wherever it goes.
            Refused: not charged, and will not be.
            Unknown: perhaps charged, perhaps later: only this processor may be asked again.
        """
        reply = await self._post(payment_id, amount_cents, requested_at, traceparent)
        outcome = outcome_of(reply)
        if isinstance(outcome, AskProcessor):
            answer = cast("Answer", reply)  # without an answer there is nothing to ask about
            lookup = await self.look_up(payment_id)
            return outcome_after_lookup(answer, lookup, speaks_for_itself=self._speaks_for_itself)
        return outcome

    async def look_up(self, payment_id: str) -> Lookup:
        """Ask whether the processor has booked the id.

        Returns:
            Found: as it recorded the payment.
            Absent: it had not booked it when it answered; a charge still under way may yet be.
            LookupFailed: it did not say; ask again later.
        """
        is_there = False
        try:
            answer = await self._get(payment_id, self._call_timeout_s)
            is_there = answer.status == _OK
            if is_there:
                return _found(payment_id, _whole(answer), stamp_from_ms(answer.read_at_ms))
        except Exception as error:  # noqa: BLE001 (no failure of a look-up says anything about the payment)
            return LookupFailed(self._told(error), is_there)
        return Absent() if answer.status == _NOT_FOUND else LookupFailed(self._detail(answer))

    async def health(self) -> Health | HealthUnread:
        """Ask how the processor is; at most once in 5 s, counted over everyone who asks."""
        try:
            answer = await self._get("service-health", self._health_timeout_s)
            if answer.status != _OK:
                return HealthUnread(self._detail(answer))
            said = _health_body.decode(_whole(answer))
        except Exception as error:  # noqa: BLE001 (a processor that cannot be asked has no known health)
            return HealthUnread(self._told(error))
        return Health(said.failing, said.min_response_time)

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
            return NotSent(self._told(error), misconfigured=isinstance(error, NotTrustedError))
        except Exception as error:  # noqa: BLE001 (whatever it was, the request may have been sent)
            return NoAnswer(self._told(error))
        return Answer(answer.status, self._detail(answer), stamp_from_ms(answer.read_at_ms))

    async def _get(self, name: str, timeout_s: float) -> HttpAnswer:
        """Ask for what is at /payments/``name``, a UUID or a word: nothing in it needs quoting."""
        wire = b"%b%b%b" % (self._get_begins, name.encode(), self._get_ends)
        return await self._transport.exchange(self._origin, wire, timeout_s)

    def _detail(self, answer: HttpAnswer) -> str:
        # Of a body that was cut nothing is quoted: a credential that it says back may be cut with it, and not be found.
        said = _too_long(answer) if answer.is_cut else self._quoted(answer.body)
        return f"{answer.status} {said}".rstrip()

    def _told(self, error: Exception) -> str:
        return self._quoted(f"{type(error).__name__}: {error}".encode(errors="replace"))

    def _quoted(self, text: bytes) -> str:
        return self._hide(text)[:_DETAIL_BYTES_MAX].decode(errors="replace")


def _whole(answer: HttpAnswer) -> bytes:
    """Return the body of an answer, all of it; an exception where it was too long to be kept."""
    if answer.is_cut:
        raise ValueError(_too_long(answer))
    return answer.body


def _too_long(answer: HttpAnswer) -> str:
    return f"the body is over {len(answer.body)} bytes"


def _found(payment_id: str, body: bytes, answered_at: datetime) -> Found:
    """Read the record of a payment; any exception means that it cannot be read, or is another's."""
    said = _recorded_body.decode(body)
    cents = cents_of(said.amount)
    if said.correlation_id.lower() != payment_id or cents is None:
        raise ValueError(f"gave {said.correlation_id}, amount {said.amount}")
    return Found(cents, stamp_from_text(said.requested_at), answered_at)
