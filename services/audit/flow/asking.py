"""Asking every processor about a payment, at a bounded pace, and again where there was no answer.

Processors serve payments first: an audit is paced over all processors together, and one that does not answer at all is
not asked any more after a while.
"""

from collections.abc import Mapping

from services.audit.core.answer import Answer, Unanswered
from services.audit.flow.pace import EvenPace, Sleep
from services.audit.flow.ports import AskedProcessor

TRIES_MAX = 3
TRY_AGAIN_AFTER_S = 0.5  # times the number of tries so far
SILENT_IDS_MAX = 20  # in a row, each tried TRIES_MAX times: the processor is away, not busy

_LEFT_ALONE = Unanswered(f"not asked: {SILENT_IDS_MAX} ids in a row had no answer")


class Asking:
    """Asks all processors by name; ``calls`` counts every request made."""

    def __init__(self, processors: Mapping[str, AskedProcessor], pace: EvenPace, sleep: Sleep) -> None:
        self._processors = processors
        self._pace = pace
        self._sleep = sleep
        self._silent_ids = dict.fromkeys(processors, 0)
        self.calls = 0

    async def ask(self, payment_id: str) -> dict[str, Answer]:
        """Return each processor's answer."""
        return {name: await self._ask(name, payment_id) for name in self._processors}

    async def _ask(self, name: str, payment_id: str) -> Answer:
        if self._silent_ids[name] >= SILENT_IDS_MAX:
            return _LEFT_ALONE
        answer = await self._once(name, payment_id)
        for tries in range(1, TRIES_MAX):
            if not isinstance(answer, Unanswered):
                break
            await self._sleep(TRY_AGAIN_AFTER_S * tries)
            answer = await self._once(name, payment_id)
        self._silent_ids[name] = self._silent_ids[name] + 1 if isinstance(answer, Unanswered) else 0
        return answer

    async def _once(self, name: str, payment_id: str) -> Answer:
        await self._pace.turn()
        self.calls += 1
        start_s = self._pace.now_s()
        answer = await self._processors[name].ask(payment_id)
        self._pace.note(name, self._pace.now_s() - start_s, is_answered=not isinstance(answer, Unanswered))
        return answer
