"""The flow of a release: a dispatcher looks, the operator is asked twice, it is recorded, a dispatcher does it."""

from services.audit.core.releasing import known_lines
from services.audit.flow.ports import OperatorDialog, Recorded, ReleaseDispatchers
from services.contracts.assignments import processor_of
from services.contracts.operations import Operation
from services.contracts.releasing import Confirmed, risk, warnings

RELEASED = (
    "Released: a dispatcher that has it in hand gives it back before sending it again; from then on it is sent to {to}."
)


class ReleaseDialog:
    """Shows an operator what is known of one payment, asks, and has a dispatcher release it."""

    def __init__(self, *, dispatchers: ReleaseDispatchers, operator: OperatorDialog, recorded: Recorded) -> None:
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
