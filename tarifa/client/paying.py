"""The flow of one payment, from the request to its settlement, as its client sees it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import assert_never

from tarifa.client.answers import (
    AcceptedAnswer,
    FoundAnswer,
    MissingAnswer,
    Negative,
    RejectedAnswer,
    TryLaterAnswer,
    UnreachableAnswer,
)
from tarifa.client.documents import PaymentDocument
from tarifa.client.service import Service

# A settlement takes some 10 ms: at first the polls are close together, so that the time shown is accurate; then ever
# further apart, since a payment that is held for its processor may wait a while.
LOOK_FIRST_S = 0.005
LOOK_GROWTH = 1.5
LOOK_LAST_S = 0.5

# A look that may wait is answered when the payment is settled, so one is usually enough. A service of an older version,
# or at which too many wait, answers at once. Below what a Service lets any answer take.
LOOK_WAITS_S = 10

WAITING_AFTER_S = 1.0  # after this long in silence the user is shown that all is well


@dataclass(frozen=True, slots=True)
class WaitingStep:
    """Accepted, not settled yet: normal while no processor serves."""

    up_to_s: float


@dataclass(frozen=True, slots=True)
class SettledEnding:
    """Charged, which was known ``after_ms`` milliseconds after the request began."""

    payment: PaymentDocument
    after_ms: float


@dataclass(frozen=True, slots=True)
class RefusedEnding:
    """A processor refused the payment for good: it is not charged."""

    payment: PaymentDocument
    after_ms: float


@dataclass(frozen=True, slots=True)
class UnsettledEnding:
    """Accepted, and not known to be settled at the last poll; ``trouble``: why that poll gave no answer."""

    waited_s: float
    trouble: Negative | None


PayStep = AcceptedAnswer | WaitingStep
Ending = SettledEnding | RefusedEnding | UnsettledEnding | Negative


async def pay(
    service: Service, payment_id: str, amount: Decimal, *, wait_s: float, show: Callable[[PayStep], None]
) -> Ending:
    """Pay once and follow the payment for at most ``wait_s`` seconds; each step is shown as it happens."""
    if (away := await service.reach()) is not None:
        return away
    begun_s = time.perf_counter()
    match await service.pay(payment_id, amount):
        case AcceptedAnswer() as accepted:
            show(accepted)
            return await _follow(service, payment_id, begun_s=begun_s, wait_s=wait_s, show=show)
        case (RejectedAnswer() | TryLaterAnswer() | UnreachableAnswer()) as negative:
            return negative
        case never:
            assert_never(never)


async def _follow(
    service: Service, payment_id: str, *, begun_s: float, wait_s: float, show: Callable[[PayStep], None]
) -> Ending:
    pause_s = LOOK_FIRST_S
    is_shown = False
    while True:
        left_s = wait_s - (time.perf_counter() - begun_s)
        answer = await service.payment(payment_id, wait_s=_look_s(left_s, is_first=not is_shown))
        since_s = time.perf_counter() - begun_s
        match answer:
            case FoundAnswer(PaymentDocument(status="settled") as payment):
                return SettledEnding(payment, since_s * 1000)
            case FoundAnswer(PaymentDocument(status="refused") as payment):
                return RefusedEnding(payment, since_s * 1000)
            case FoundAnswer() | MissingAnswer():  # missing: it is moving from one stream to the other
                trouble = None
            case (RejectedAnswer() | TryLaterAnswer() | UnreachableAnswer()) as negative:
                trouble = negative
            case never:
                assert_never(never)
        if since_s >= WAITING_AFTER_S and not is_shown:
            is_shown = True
            show(WaitingStep(wait_s))
        if since_s >= wait_s:
            return UnsettledEnding(since_s, trouble)
        await asyncio.sleep(min(pause_s, wait_s - since_s))
        pause_s = min(pause_s * LOOK_GROWTH, LOOK_LAST_S)


def _look_s(left_s: float, *, is_first: bool) -> int:
    """Return how long a look may wait: at first until it is shown that all is well, and never for the last second."""
    return max(0, int(min(left_s - 1, WAITING_AFTER_S if is_first else LOOK_WAITS_S)))
