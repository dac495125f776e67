"""The flow of ingress: admit, store, await the PubAck, answer. 2xx means: stored.

An id that the stream knows is answered from its original. If the original cannot be found the answer is "try later",
never 2xx: the stream remembers ids for a while longer than it holds payments.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from services.contracts.history import HistoryAnswered
from services.contracts.payment import Payment
from services.contracts.period import Period
from services.contracts.summary import Totals
from services.ingress.core.admission import Admitted, Rejected, admit, read_id
from services.ingress.core.answers import (
    REPEAT_IS_SAFE,
    Accepted,
    AmountDiffers,
    Cleared,
    Known,
    Missing,
    Replayed,
    Standing,
    Stored,
    TryLater,
)
from services.ingress.core.history import read_range
from services.ingress.core.period import read_period
from services.ingress.flow.ports import DispatcherHoldings, LedgerQueries, PaymentStore

# After a purge: how often and how long the ledger is asked until it shows the book cleared, about a second.
CLEARED_LOOKS_MAX = 50
CLEARED_LOOK_EVERY_S = 0.02

# A payment is answered within 1.5 s, as long as the challenge's clients wait: a look-up before it is stored (0.5 s) and
# the store (1 s). One whose id is known may take this long in addition: after 2 s the balancer asks the other instance.
ANSWER_AGAIN_WITHIN_S = 0.5

Look = Callable[[str], Awaitable[Standing | Missing | TryLater]]


class Ingress:
    """Answers requests about payments; ``amount_max`` is in the unit of ``amount``."""

    def __init__(
        self,
        *,
        payments: PaymentStore,
        dispatchers: DispatcherHoldings,
        ledger: LedgerQueries,
        clock: Callable[[], datetime],
        amount_max: int,
    ) -> None:
        self._payments = payments
        self._dispatchers = dispatchers
        self._ledger = ledger
        self._clock = clock
        self._amount_max = amount_max

    async def accept(
        self, body: bytes, traceparent: str | None = None
    ) -> Rejected | Accepted | Replayed | AmountDiffers | TryLater:
        """Store a payment, once; one that is stored already keeps the ``traceparent`` that it has."""
        match admit(body, self._amount_max):
            case Admitted(payment_id, amount_cents):
                return await self._store(Payment(payment_id, amount_cents, self._clock(), traceparent))
            case Rejected() as rejected:
                return rejected
            case never:
                assert_never(never)

    async def standing(self, id_text: str) -> Rejected | Standing | Missing | TryLater:
        """Return the status of a payment."""
        payment_id = read_id(id_text, "id in the path")
        if isinstance(payment_id, Rejected):
            return payment_id
        # The settlement is stored before the payment leaves PAYMENTS: if it is in neither, it is looked up there again.
        looks = (self._payments.settlement, self._payments.accepted, self._payments.settlement)
        found = await _first(payment_id, *looks)
        return await self._with_waiting_for(found) if isinstance(found, Standing) else found

    async def summary(self, from_texts: list[str], to_texts: list[str]) -> Rejected | Mapping[str, Totals] | TryLater:
        """Return what was settled where within a period."""
        period = read_period(from_texts, to_texts)
        return period if isinstance(period, Rejected) else await self._ledger.summary(period)

    async def history(self, range_texts: list[str]) -> Rejected | HistoryAnswered | TryLater:
        """Return what was settled and how the system was, in the steps of a range of the past."""
        asked = read_range(range_texts)
        return asked if isinstance(asked, Rejected) else await self._ledger.history(asked)

    async def purge(self) -> Cleared | TryLater:
        """Clear the book; returns when the book shows it, or after a while: it is stored, and will be done."""
        cleared = await self._payments.clear(self._clock())
        if isinstance(cleared, TryLater):
            return cleared
        for _ in range(CLEARED_LOOKS_MAX):
            totals = await self._ledger.summary(Period())
            if isinstance(totals, TryLater) or not any(total.count for total in totals.values()):
                break
            await asyncio.sleep(CLEARED_LOOK_EVERY_S)
        return Cleared()

    async def troubles(self) -> list[str]:
        """Return what prevents a payment from being accepted and counted now; no dispatcher is asked."""
        found = await asyncio.gather(self._payments.trouble(), self._ledger.trouble())
        return [trouble for trouble in found if trouble is not None]

    async def _with_waiting_for(self, found: Standing) -> Standing:
        """Add what an accepted payment waits for."""
        if found.status != "accepted":
            return found
        waiting_for = await self._dispatchers.waiting_for(found.payment_id)
        if waiting_for is None:  # perhaps because it was settled while they were asked
            settled = await self._payments.settlement(found.payment_id)
            return settled if isinstance(settled, Standing) else found
        return replace(found, waiting_for=waiting_for)

    async def _store(self, payment: Payment) -> Accepted | Replayed | AmountDiffers | TryLater:
        match await self._payments.store(payment):
            case Stored():
                return Accepted(payment.correlation_id)
            case Known(original):
                try:
                    async with asyncio.timeout(ANSWER_AGAIN_WITHIN_S):
                        return await self._answer_again(payment, original)
                except TimeoutError:
                    return TryLater("nats_away", f"NATS did not answer what was stored; {REPEAT_IS_SAFE}")
            case TryLater() as later:
                return later
            case never:
                assert_never(never)

    async def _answer_again(self, payment: Payment, original: Standing | None) -> Replayed | AmountDiffers | TryLater:
        # Accepted first: while it waits there nothing else exists. Once more at the end: it may have arrived meanwhile.
        looks = (self._payments.accepted, self._payments.settlement, self._payments.accepted)
        match original or await _first(payment.correlation_id, *looks):
            case Standing() as original if original.amount_cents == payment.amount_cents:
                return Replayed(original)
            case Standing() as original:
                return AmountDiffers(original)
            case Missing():
                return TryLater(
                    "original_missing", f"the id is known, but what was stored is not found; {REPEAT_IS_SAFE}"
                )
            case TryLater() as later:
                return later
            case never:
                assert_never(never)


async def _first(payment_id: str, *looks: Look) -> Standing | Missing | TryLater:
    for look in looks:
        found = await look(payment_id)
        if not isinstance(found, Missing):
            return found
    return Missing()
