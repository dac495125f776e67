"""The flow of a release: a dispatcher looks, the operator is asked twice, it is recorded, a dispatcher does it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from services.audit.core.releasing import known_lines
from services.contracts.assignments import processor_of
from services.contracts.operations import Operation
from services.contracts.releasing import Confirmed, ReleaseAnswered, risk, warnings

RELEASED = (
    "Released: a dispatcher that has it in hand gives it back before sending it again; from then on it is sent to {to}."
)


class Dispatchers(Protocol):
    """The dispatchers, one of which does it. Either may raise BusAwayError: not known, ask again."""

    async def look(self, payment_id: str, to: str) -> ReleaseAnswered:
        """Return what is known, and whether it may be released to ``to``."""

    async def release(self, payment_id: str, to: str, confirmed: Confirmed) -> ReleaseAnswered:
        """Have it released, if what the operator has judged still holds."""


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
    """Releases one payment."""

    def __init__(self, *, dispatchers: Dispatchers, operator: Operator, recorded: Recorded) -> None:
        self._dispatchers = dispatchers
        self._operator = operator
        self._recorded = recorded

    async def release(self, payment_id: str, to: str, reason: str) -> bool:
        """Return whether it was released; the operator is shown why not."""
        known = await self._dispatchers.look(payment_id, to)
        sight = known.sight
        for line in known_lines(sight):
            self._operator.show(line)
        if known.refusal is not None:
            self._operator.show(f"Not released. {known.refusal.detail}")
            return False
        self._operator.show(f"\n{risk(processor_of(sight.generation), to)}\n")
        for warning in warnings(sight, to):
            self._operator.show(f"{warning}\n")
        if not await self._operator.accepts(payment_id):
            self._operator.show("Nothing was changed.")
            return False
        # Minutes may have passed at the keyboard: the dispatcher looks again, and refuses what has changed meanwhile.
        return await self._do(payment_id, to, Confirmed(sight.processor, sight.line, reason))

    async def _do(self, payment_id: str, to: str, confirmed: Confirmed) -> bool:
        operation = Operation("release", payment_id, confirmed.reason, f"from {confirmed.from_processor} to {to}")
        async with self._recorded(operation) as outcome:
            answer = await self._dispatchers.release(payment_id, to, confirmed)
            if answer.refusal is not None:
                outcome.refused(answer.refusal.detail)
        if answer.refusal is not None:
            self._operator.show(f"Not released. {answer.refusal.detail}")
            return False
        self._operator.show(RELEASED.format(to=to))
        return True
