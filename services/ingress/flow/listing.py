"""A list of payments: those that wait, with what dispatchers know of each, and those that are settled.

It reads what others work on, and must not slow them down: few lists at once, each for a second at most, some tens of
messages at a time. A page that was cut short by time says where the next one begins, like any other.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar, assert_never

from services.contracts.events import PaymentSettled
from services.contracts.holding import LIMIT_MAX, Holding, HoldingsAsked
from services.contracts.store_errors import StoreUnavailableError
from services.ingress.core.admission import Rejected
from services.ingress.core.answers import Standing, TryLater
from services.ingress.core.listing import (
    AcceptedAsked,
    ListPage,
    ListRow,
    Query,
    SettledAsked,
    WaitingPayment,
    cursor_of,
    read_listing,
    waiting_for,
)
from services.ingress.flow.ports import DispatcherHoldings, SettledPayments, WaitingPayments

LISTS_AT_ONCE_MAX = 2  # in one instance
LIST_FOR_S = 1.0  # then a page ends where it is; the balancer waits for 2 s
TOGETHER = 20  # messages that are requested before others have a turn
SETTLED_TOGETHER = 200
# A settlement is stored after its stamp was made, by the clock of another machine.
CLOCKS_APART_MAX = timedelta(minutes=5)

T = TypeVar("T")

NOBODY_KNOWS = TryLater(
    "dispatchers_away", "no dispatcher answers, and only dispatchers know which payment waits for which processor"
)


class Listing:
    """Lists payments."""

    def __init__(
        self,
        *,
        payments: WaitingPayments,
        settled: SettledPayments,
        dispatchers: DispatcherHoldings,
        clock: Callable[[], datetime],
    ) -> None:
        self._payments = payments
        self._settled = settled
        self._dispatchers = dispatchers
        self._clock = clock
        self._at_once = 0

    async def page(self, query: Query) -> Rejected | ListPage | TryLater:
        """Return the requested page of a list."""
        asked = read_listing(query)
        if isinstance(asked, Rejected):
            return asked
        if self._at_once == LISTS_AT_ONCE_MAX:
            return TryLater("too_many_lists", f"this instance reads at most {LISTS_AT_ONCE_MAX} lists at once")
        self._at_once += 1
        try:
            return await self._page(asked, asyncio.get_running_loop().time() + LIST_FOR_S)
        except StoreUnavailableError as error:
            return TryLater("nats_away", f"NATS did not answer: {error}")
        finally:
            self._at_once -= 1

    async def _page(self, asked: AcceptedAsked | SettledAsked, until_s: float) -> ListPage | TryLater:
        match asked:
            case SettledAsked():
                return await self._of_settled(asked, until_s)
            case AcceptedAsked(processor=None, in_doubt=None | False):
                return await self._of_all(asked, until_s)
            case AcceptedAsked():
                return await self._of_assigned(asked, until_s)
            case never:
                assert_never(never)

    async def _of_assigned(self, asked: AcceptedAsked, until_s: float) -> ListPage | TryLater:
        """Begin with what dispatchers know: of a long backlog few are assigned or in doubt."""
        rows: list[ListRow] = []
        after: int | None = asked.after
        page = ListPage((), None)
        while after is not None:
            wanted = HoldingsAsked(asked.limit - len(rows), after, None, asked.processor, asked.in_doubt is True)
            known = await self._dispatchers.holdings(wanted)
            if known is None:
                return NOBODY_KNOWS
            after = known.looked_to
            for some in _parts(known.holdings, TOGETHER):
                found = await asyncio.gather(*(self._payments.first_from(each.seq) for each in some))
                for holding, waiting in zip(some, found, strict=True):
                    if waiting is not None and waiting.payment.payment_id == holding.id:
                        rows += self._wanted(asked, waiting.payment, holding)
            page = ListPage(tuple(rows), _cursor("accepted", after), known.answered, known.silent)
            if len(rows) >= asked.limit or _is_over(until_s):
                break
        return page

    async def _of_all(self, asked: AcceptedAsked, until_s: float) -> ListPage | TryLater:
        """Read PAYMENTS in order, and ask the dispatchers about each part of it."""
        rows: list[ListRow] = []
        after: int | None = asked.after
        answered: set[str] = set()
        silent: set[str] = set()
        while after is not None and len(rows) < asked.limit and not _is_over(until_s):
            some, end = await self._some(after, min(TOGETHER, asked.limit - len(rows)))
            if some:
                known = await self._dispatchers.holdings(HoldingsAsked(LIMIT_MAX, after, some[-1].seq))
                if known is None and asked.in_doubt is not None:
                    return NOBODY_KNOWS
                by_id = {} if known is None else {each.id: each for each in known.holdings}
                for waiting in some:
                    rows += self._wanted(asked, waiting.payment, by_id.get(waiting.payment.payment_id))
                answered |= set(known.answered if known else ())
                silent |= set(known.silent if known else ())
            after = end
        return ListPage(
            tuple(rows), _cursor("accepted", after), tuple(sorted(answered)), tuple(sorted(silent - answered))
        )

    async def _some(self, after: int, count: int) -> tuple[list[WaitingPayment], int | None]:
        """Return the next that wait, and the sequence after which the others do; None: there are none."""
        some: list[WaitingPayment] = []
        while len(some) < count:
            waiting = await self._payments.first_from(after + 1)
            if waiting is None:
                return some, None
            some.append(waiting)
            after = waiting.seq
        return some, after

    async def _of_settled(self, asked: SettledAsked, until_s: float) -> ListPage:
        rows: list[tuple[int, ListRow]] = []
        period = asked.period
        first: int | None = asked.after + 1
        if period.start is not None and not asked.after:
            first = await self._settled.first_since(_stored_from(period.start))
        while first is not None and not _is_over(until_s):
            stretch = await self._settled.read(first, SETTLED_TOGETHER)
            first = stretch.next_seq
            for seq, row in stretch.rows:
                if _matches(row.payment, asked):
                    rows.append((seq, row))
                if len(rows) == asked.limit:
                    return ListPage(await self._counted(rows), cursor_of("settled", seq))
        return ListPage(await self._counted(rows), None if first is None else cursor_of("settled", first - 1))

    async def _counted(self, rows: Sequence[tuple[int, ListRow]]) -> tuple[ListRow, ...]:
        counted: list[ListRow] = []
        for some in _parts(rows, TOGETHER):
            counted += await self._settled.counted(some)
        return tuple(counted)

    def _wanted(self, asked: AcceptedAsked, payment: Standing, holding: Holding | None) -> list[ListRow]:
        """Return a payment with what is known of it, if it is one of those requested."""
        if asked.older_than is not None and payment.accepted_at > self._clock() - asked.older_than:
            return []
        if asked.in_doubt is not None and (holding is not None and holding.in_doubt) != asked.in_doubt:
            return []
        return [ListRow(payment if holding is None else replace(payment, waiting_for=waiting_for(holding)))]


def _matches(payment: Standing, asked: SettledAsked) -> bool:
    event = payment.event
    if not isinstance(event, PaymentSettled) or asked.processor not in {None, event.processor}:
        return False
    return event.requested_at in asked.period


def _is_over(until_s: float) -> bool:
    return asyncio.get_running_loop().time() >= until_s


def _cursor(status: str, after: int | None) -> str | None:
    return None if after is None else cursor_of(status, after)


def _parts(all_of_them: Sequence[T], size: int) -> list[Sequence[T]]:
    return [all_of_them[begin : begin + size] for begin in range(0, len(all_of_them), size)]


def _stored_from(start: datetime) -> datetime:
    """Return from when what was settled since ``start`` can have been stored; there is no date before the year 1."""
    earliest = datetime.min.replace(tzinfo=UTC)
    return max(start, earliest + CLOCKS_APART_MAX) - CLOCKS_APART_MAX
