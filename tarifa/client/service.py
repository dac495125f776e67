"""The service over HTTP: one method per call, each with all possible results. Nothing is retried here."""

import time
from collections.abc import AsyncGenerator, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Self

import httpx

from services.contracts.period import Period
from tarifa.client.answers import (
    AcceptedAnswer,
    FoundAnswer,
    LifeAnswer,
    ListAnswer,
    MissingAnswer,
    Negative,
    NoEventsAnswer,
    RejectedAnswer,
    SummaryAnswer,
    TryLaterAnswer,
    UnreachableAnswer,
)
from tarifa.client.documents import (
    NotADocumentError,
    json_text,
    life_from,
    page_from,
    payment_from,
    problem_from,
    summary_from,
)
from tarifa.client.period import query_of
from tarifa.client.sse import Event, EventTooLongError, Parser
from tarifa.client.trust import is_stranger, trusted

ANSWER_WITHIN_S = 16.0  # the service answers within 15, one way or the other
CONNECT_WITHIN_S = 3.0
SILENCE_MAX_S = 6.0  # vitals come about once a second; after this long the connection is dead

_JSON = {"Content-Type": "application/json"}
_EVENT_STREAM = "text/event-stream"
_SHOWN_MAX = 80  # characters shown of an answer that is not the service's


class Service:
    """A client of one service, with an API key where it asks for one.

    ``retry_ms`` is the reconnection time that its event stream last asked for.

    Raises:
        ValueError: the URL is https, and TARIFA_CA names a file that cannot be used.
    """

    def __init__(self, url: str, key: str | None, answer_within_s: float = ANSWER_WITHIN_S) -> None:
        self.url = url
        self.retry_ms: int | None = None
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(answer_within_s, connect=min(CONNECT_WITHIN_S, answer_within_s)),
            verify=trusted() if url.startswith("https:") else True,
            trust_env=False,  # an office's proxy cannot reach 127.0.0.1
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def reach(self) -> UnreachableAnswer | None:
        """Connect, so that the next call measures the service alone. Return why that failed, or None."""
        answer = await self._ask("GET", "/healthz")
        return answer if isinstance(answer, UnreachableAnswer) else None

    async def pay(self, payment_id: str, amount: Decimal) -> AcceptedAnswer | Negative:
        """POST a payment. After anything but ``AcceptedAnswer`` and ``RejectedAnswer`` it may or may not be stored."""
        body = json_text({"correlationId": payment_id, "amount": amount})
        begun_s = time.perf_counter()
        answer = await self._ask("POST", "/payments", content=body, headers=_JSON)
        took_ms = (time.perf_counter() - begun_s) * 1000
        if isinstance(answer, httpx.Response) and answer.status_code == httpx.codes.ACCEPTED:
            return AcceptedAnswer(took_ms, answer.headers.get("Idempotent-Replayed") == "true")
        return self._negative(answer)

    async def payment(self, payment_id: str, wait_s: int = 0) -> FoundAnswer | MissingAnswer | Negative:
        """GET the state of a payment; the service may answer ``wait_s`` later, or when it is settled or refused."""
        prefers = {"Prefer": f"wait={wait_s}"} if wait_s else {}
        answer = await self._ask("GET", f"/payments/{payment_id}", headers=prefers)
        if isinstance(answer, httpx.Response) and answer.status_code == httpx.codes.OK:
            try:
                return FoundAnswer(payment_from(answer.content), answer.text)
            except NotADocumentError as error:
                return self._strange(str(error))
        return self._missing(answer)

    async def life(self, payment_id: str) -> LifeAnswer | MissingAnswer | Negative:
        """GET what happened to a payment, step by step (/payments/{id}/life)."""
        answer = await self._ask("GET", f"/payments/{payment_id}/life")
        if isinstance(answer, httpx.Response) and answer.status_code == httpx.codes.OK:
            try:
                return LifeAnswer(life_from(answer.content), answer.text)
            except NotADocumentError as error:
                return self._strange(str(error))
        return self._missing(answer)

    async def page(self, query: Mapping[str, str]) -> ListAnswer | Negative:
        """GET part of a list of payments; ``query`` is that of /payments."""
        answer = await self._ask("GET", "/payments", params=query)
        if isinstance(answer, httpx.Response) and answer.status_code == httpx.codes.OK:
            try:
                return ListAnswer(page_from(answer.content))
            except NotADocumentError as error:
                return self._strange(str(error))
        return self._negative(answer)

    async def summary(self, period: Period) -> SummaryAnswer | Negative:
        """GET the totals of a period by processor."""
        answer = await self._ask("GET", "/payments-summary", params=query_of(period))
        if isinstance(answer, httpx.Response) and answer.status_code == httpx.codes.OK:
            try:
                return SummaryAnswer(summary_from(answer.content))
            except NotADocumentError as error:
                return self._strange(str(error))
        return self._negative(answer)

    async def events(self) -> AsyncGenerator[Event | NoEventsAnswer | UnreachableAnswer, None]:
        """GET events over one connection; the last result is why there are no more."""
        parser = Parser()
        timeout = httpx.Timeout(SILENCE_MAX_S, connect=CONNECT_WITHIN_S)
        try:
            async with self._http.stream(
                "GET", "/events", headers={"Accept": _EVENT_STREAM}, timeout=timeout
            ) as answer:
                if not answer.headers.get("Content-Type", "").startswith(_EVENT_STREAM):
                    await answer.aread()
                    yield self._no_events(answer)
                    return
                async for received in answer.aiter_bytes():
                    for event in parser.feed(received):
                        yield event
                    self.retry_ms = parser.retry_ms
            yield UnreachableAnswer(f"{self.url} ended the stream of events.")
        except httpx.TransportError as error:
            yield self._away(error)
        except EventTooLongError as error:
            yield self._strange(str(error))

    async def _ask(self, method: str, path: str, **more: object) -> httpx.Response | UnreachableAnswer:
        try:
            return await self._http.request(method, path, **more)  # type: ignore[arg-type]  # as request() has them
        except httpx.TransportError as error:
            return self._away(error)

    def _missing(self, answer: httpx.Response | UnreachableAnswer) -> MissingAnswer | Negative:
        match self._negative(answer):
            case RejectedAnswer("no_such_payment"):
                return MissingAnswer()
            case negative:
                return negative

    def _negative(self, answer: httpx.Response | UnreachableAnswer) -> Negative:
        if isinstance(answer, UnreachableAnswer):
            return answer
        try:
            problem = problem_from(answer.content)
        except NotADocumentError:
            text = " ".join(answer.text.split())[:_SHOWN_MAX]
            return self._strange(f"{answer.status_code} {text}".strip())
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            return RejectedAnswer(problem.error, f"{problem.detail} (TARIFA_KEY has the key; `tarifa keys` makes one)")
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            return TryLaterAnswer(problem.error, problem.detail)
        return RejectedAnswer(problem.error, problem.detail)

    def _no_events(self, answer: httpx.Response) -> NoEventsAnswer | UnreachableAnswer:
        match self._negative(answer):
            case RejectedAnswer("no_such_route"):
                return NoEventsAnswer()
            case RejectedAnswer(slug, detail) | TryLaterAnswer(slug, detail):
                return UnreachableAnswer(f"{self.url} sends no events now ({slug}: {detail}).")
            case UnreachableAnswer() as away:
                return away

    def _away(self, error: httpx.TransportError) -> UnreachableAnswer:
        match error:
            case httpx.ConnectError() if is_stranger(error):
                return UnreachableAnswer(
                    f"{self.url} has no trusted certificate: name its authority's file in TARIFA_CA."
                )
            case httpx.ConnectError() | httpx.ConnectTimeout():
                start = "start it with `tarifa up` or `make up`, or say where it is with --url or TARIFA_URL"
                return UnreachableAnswer(f"Nothing listens at {self.url}: {start}.")
            case httpx.TimeoutException():
                return UnreachableAnswer(
                    f"{self.url} has not answered in time: look at the output of `tarifa up` there."
                )
            case _:
                what = type(error).__name__
                return UnreachableAnswer(
                    f"{self.url} broke the connection ({what}): look at the output of `tarifa up` there."
                )

    def _strange(self, what: str) -> UnreachableAnswer:
        return UnreachableAnswer(
            f"{self.url} does not answer as Tarifa does ({what}): look at --url and at what runs there."
        )
