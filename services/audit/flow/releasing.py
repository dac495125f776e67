"""The flow of a release: look, explain the risk, ask the operator twice, look again, record it, do it.

The event is stored before the line in ASSIGNMENTS: what is recorded may not have happened, but what happened is
recorded.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from services.audit.core.answer import Answer
from services.audit.core.releasing import Bound, Sight, Waiting, known_lines, refusal, risk
from services.contracts.events import PaymentRefused, PaymentReleased, PaymentSettled
from services.contracts.operations import Operation

CONFLICT = (
    "Not released: a dispatcher or another operator was first, and the payment's line in ASSIGNMENTS is no longer the "
    "last one. Look at it again."
)
RELEASED = (
    "Released: a dispatcher that has it in hand lets go of it before sending it again; from then on it is sent to {to}."
)


class Records(Protocol):
    """One payment in the streams. Each may raise BusAwayError or AwayError: not known."""

    async def accepted(self, payment_id: str) -> Waiting | None:
        """Return it if it waits in PAYMENTS."""

    async def settlement(self, payment_id: str) -> PaymentSettled | PaymentRefused | None:
        """Return its newest settlement."""

    async def bound(self, payment_id: str) -> Bound:
        """Return the processor that it is assigned to."""

    async def record(self, event: PaymentReleased) -> None:
        """Store the event; a second one is harmless."""

    async def release(self, event: PaymentReleased, seq: int, line: int) -> bool:
        """Store the line that releases it, after ``line``; return whether it is valid."""


class Asking(Protocol):
    """The processors."""

    async def ask(self, payment_id: str) -> Mapping[str, Answer]:
        """Return each processor's answer about the payment."""


class Operator(Protocol):
    """The person at the terminal, or an option given instead."""

    def show(self, text: str) -> None:
        """Print a text."""

    async def accepts(self, payment_id: str) -> bool:
        """Ask twice; return whether the risk is accepted."""


class Outcome(Protocol):
    """The outcome of the operation."""

    def refused(self, why: str) -> None:
        """Record that nothing was done."""


# Records the request before the body, and the outcome after it. Raises AwayError: nothing is recorded, nothing done.
Recorded = Callable[[Operation], AbstractAsyncContextManager[Outcome]]


class Releasing:
    """Releases one payment to ``to``, which must be in ``processors``."""

    def __init__(
        self,
        *,
        records: Records,
        asking: Asking,
        operator: Operator,
        recorded: Recorded,
        processors: tuple[str, ...],
        now: Callable[[], datetime],
    ) -> None:
        self._records = records
        self._asking = asking
        self._operator = operator
        self._recorded = recorded
        self._processors = processors
        self._now = now

    async def release(self, payment_id: str, to: str, reason: str) -> bool:
        """Return whether it was released; the operator is shown why not."""
        sight = await self._look(payment_id)
        for line in known_lines(sight):
            self._operator.show(line)
        if self._is_refused(sight, to):
            return False
        self._operator.show(f"\n{risk(sight, to)}\n")
        if not await self._operator.accepts(payment_id):
            self._operator.show("Nothing was changed.")
            return False
        # Minutes may have passed at the keyboard.
        if self._is_refused(await self._look(payment_id), to):
            return False
        return await self._do(sight, to, reason)

    async def _do(self, sight: Sight, to: str, reason: str) -> bool:
        event = PaymentReleased(sight.payment_id, sight.bound.processor, to, reason, self._now())
        operation = Operation("release", sight.payment_id, reason, f"from {sight.bound.processor} to {to}")
        async with self._recorded(operation) as outcome:
            await self._records.record(event)
            # After the line that the operator saw: what a dispatcher has written since was not considered.
            done = await self._records.release(event, sight.seq, sight.bound.line)
            if not done:
                outcome.refused("its line in ASSIGNMENTS was no longer the last one")
        self._operator.show(RELEASED.format(to=to) if done else CONFLICT)
        return done

    async def _look(self, payment_id: str) -> Sight:
        # The line first: what is read after it can only be newer. PAYMENTS before SETTLEMENTS, because a settlement is
        # stored before the payment leaves.
        bound = await self._records.bound(payment_id)
        accepted = await self._records.accepted(payment_id)
        settlement = await self._records.settlement(payment_id)
        answers = await self._asking.ask(payment_id)
        event, seq = (None, 0) if accepted is None else accepted
        return Sight(payment_id, event, settlement, bound, answers, seq)

    def _is_refused(self, sight: Sight, to: str) -> bool:
        why = refusal(sight, to, self._processors)
        if why is not None:
            self._operator.show(f"Not released. {why}")
        return why is not None
