"""An operator's requests by HTTP: each is recorded, with the name of the key, before it is done."""

from collections.abc import Callable
from datetime import datetime

from services.contracts.operating import ListedProcessor, PauseAnswered, no_such
from services.contracts.operations import Kind, Operation
from services.contracts.processor_entry import Pause
from services.contracts.store_errors import StoreUnavailableError
from services.ingress.core.admission import Rejected
from services.ingress.core.answers import Cleared, TryLater
from services.ingress.core.operating import no_such_processor, read_name, read_reason
from services.ingress.flow.ports import BookPurge, OperationOutcome, Processors, Recorded


class Operating:
    """The processors, and operators' changes to them and to the book; ``who`` is the name of the key."""

    def __init__(
        self, *, processors: Processors, book: BookPurge, recorded: Recorded, clock: Callable[[], datetime]
    ) -> None:
        self._processors = processors
        self._book = book
        self._recorded = recorded
        self._clock = clock

    async def processors(self) -> tuple[ListedProcessor, ...] | TryLater:
        """Return the processors that charge."""
        return await self._processors.processors()

    async def pause(self, name: str, body: bytes, who: str) -> ListedProcessor | Rejected | TryLater:
        """Send a processor nothing new; if it is paused already, it gets the new reason."""
        return await self._operate("pause", name, read_reason(body, is_needed=True), who)

    async def resume(self, name: str, body: bytes, who: str) -> ListedProcessor | Rejected | TryLater:
        """Send payments to a processor again; one that is not paused stays so."""
        return await self._operate("resume", name, read_reason(body, is_needed=False), who)

    async def purge(self, who: str) -> Cleared | TryLater:
        """Clear the book."""
        try:
            async with self._recorded(Operation("purge"), who) as outcome:
                answer = await self._book.purge()
                if isinstance(answer, TryLater):
                    outcome.failed(answer.detail)
                return answer
        except StoreUnavailableError as error:
            return TryLater("not_recorded", str(error))

    async def _operate(
        self, kind: Kind, name_text: str, reason: str | Rejected, who: str
    ) -> ListedProcessor | Rejected | TryLater:
        name = read_name(name_text)
        if isinstance(name, Rejected):
            return name
        if isinstance(reason, Rejected):
            return reason
        try:
            async with self._recorded(Operation(kind, name, reason), who) as outcome:
                pause = Pause(outcome.by, reason, self._clock()) if kind == "pause" else None
                return _answer(name, await self._processors.pause(name, pause), outcome)
        except StoreUnavailableError as error:
            return TryLater("not_recorded", str(error))


def _answer(
    name: str, answered: PauseAnswered | TryLater, outcome: OperationOutcome
) -> ListedProcessor | Rejected | TryLater:
    """Return the operator's answer, and have the same recorded."""
    if isinstance(answered, TryLater):
        outcome.failed(f"{answered.detail}; it may be done or not")
        return TryLater(
            answered.slug, f"{answered.detail}; it may be done or not: GET /processors shows it, repeating it is safe"
        )
    if answered.processor is None:
        why = no_such(name, answered.names)
        outcome.refused(why)
        return no_such_processor(why)
    return answered.processor
