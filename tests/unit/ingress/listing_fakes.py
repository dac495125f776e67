"""Fakes of the sources of a list of payments, and a list that uses them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from services.contracts.events import PaymentAccepted, PaymentSettled
from services.contracts.holding import Holding, HoldingsAsked
from services.contracts.money import Cents
from services.contracts.store_errors import StoreUnavailableError
from services.ingress.core.answers import Standing
from services.ingress.core.listing import (
    KnownHoldings,
    ListPage,
    ListRow,
    SettledStretch,
    WaitingPayment,
)
from services.ingress.flow.listing import Listing

NOON = datetime(2025, 7, 15, 12, tzinfo=UTC)
ME, OTHER = "dispatcher-1/me", "dispatcher-2/other"


def an_id(number: int) -> str:
    """Return the id of the payment that has this sequence."""
    return f"00000000-0000-4000-8000-{number:012d}"


def held(seq: int, *, in_doubt: bool = True, in_hand: bool = True, processor: str = "default") -> Holding:
    """Return what a dispatcher reports of a payment."""
    return Holding(an_id(seq), processor, seq, ME, 2, in_doubt, NOON, seq=seq, in_hand=in_hand)


@dataclass
class FakePayments:
    """PAYMENTS: one payment a second since noon, at these sequences."""

    seqs: list[int]
    away: bool = False
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0

    async def first_from(self, seq: int) -> WaitingPayment | None:
        """Return the first at or after it."""
        self.asked += 1
        if self.away:
            raise StoreUnavailableError("away")
        await self.may_answer.wait()
        found = min((each for each in self.seqs if each >= seq), default=None)
        if found is None:
            return None
        event = PaymentAccepted(an_id(found), Cents(found), NOON + timedelta(seconds=found))
        return WaitingPayment(Standing(event), found)


@dataclass
class FakeDispatchers:
    """Dispatchers that know these."""

    holdings_known: list[Holding] | None
    asked: list[HoldingsAsked] = field(default_factory=list)

    async def holdings(self, asked: HoldingsAsked) -> KnownHoldings | None:
        """Answer as if they were one."""
        self.asked.append(asked)
        if self.holdings_known is None:
            return None
        found = [
            each
            for each in self.holdings_known
            if each.seq > asked.after
            and (asked.to is None or each.seq <= asked.to)
            and (asked.processor is None or each.processor == asked.processor)
            and (each.in_doubt or not asked.in_doubt)
        ]
        looked_to = found[asked.limit - 1].seq if len(found) > asked.limit else None
        return KnownHoldings(tuple(found[: asked.limit]), looked_to, ("dispatcher-1",), ())


@dataclass
class FakeSettled:
    """SETTLEMENTS: one a second since noon, at the sequences 1 to ``last``."""

    last: int
    since: list[datetime] = field(default_factory=list)

    async def first_since(self, moment: datetime) -> int:
        """Return the first since."""
        self.since.append(moment)
        return max(1, round((moment - NOON).total_seconds()))

    async def read(self, first: int, count: int) -> SettledStretch:
        """Return a stretch of at most 3, so that there are several."""
        end = min(self.last, first + min(count, 3) - 1)
        rows = tuple((seq, settled(seq)) for seq in range(first, end + 1))
        return SettledStretch(rows, end + 1 if end < self.last else None)

    async def counted(self, rows: Sequence[tuple[int, ListRow]]) -> list[ListRow]:
        """All are."""
        return [row for _, row in rows]


def settled(seq: int) -> ListRow:
    """Return a settled payment; every second one at the fallback."""
    name = "default" if seq % 2 else "fallback"
    stamp = NOON + timedelta(seconds=seq)
    return ListRow(Standing(PaymentSettled(an_id(seq), Cents(seq), name, stamp, NOON, seq)), is_counted=True)


def listing(
    seqs: Sequence[int] = (), known: list[Holding] | None = None, settled_to: int = 0
) -> tuple[Listing, FakePayments, FakeDispatchers]:
    """Return the flow with its fakes; it is an hour past noon."""
    payments, dispatchers = FakePayments(list(seqs)), FakeDispatchers(known)
    payments.may_answer.set()
    flow = Listing(
        payments=payments,
        settled=FakeSettled(settled_to),
        dispatchers=dispatchers,
        clock=lambda: NOON + timedelta(hours=1),
    )
    return flow, payments, dispatchers


async def all_of(flow: Listing, **query: str) -> list[int]:
    """Return the sequences of all pages, until there is no next one."""
    found: list[int] = []
    cursor: str | None = None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = await flow.page({name: [text] for name, text in (query | more).items()})
        assert isinstance(page, ListPage), page
        found += [int(row.payment.payment_id[-12:]) for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return found
