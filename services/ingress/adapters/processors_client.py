"""The dispatchers, asked over the bus who charges, and to have one paused or resumed; any one of them answers."""

from services.bus.micro.ask import NotAnsweredError, ask
from services.bus.wire.connection import Bus, BusAwayError
from services.contracts import operating, subjects
from services.contracts.events import NotAnEventError
from services.contracts.operating import ListedProcessor, M, PauseAnswered, PauseAsked, ProcessorList
from services.contracts.roster import Pause
from services.ingress.core.answers import TryLater

# An operator waits for these: the bucket is read, and written once or, among others who do the same, a few times.
PROCESSORS_TIMEOUT_S = 2.0
PAUSE_TIMEOUT_S = 4.0


class ProcessorsClient:
    """Asks ``dispatcher.processors`` and ``dispatcher.pause``."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def processors(self) -> tuple[ListedProcessor, ...] | TryLater:
        """Return who charges, as the bucket of processors has it now."""
        answer = await self._asked(subjects.DISPATCHER_PROCESSORS, b"", PROCESSORS_TIMEOUT_S, ProcessorList)
        return answer if isinstance(answer, TryLater) else answer.processors

    async def pause(self, name: str, pause: Pause | None) -> PauseAnswered | TryLater:
        """Have one paused, or by None resumed; TryLater: it may be done or not."""
        request = operating.encode(PauseAsked(name, pause))
        return await self._asked(subjects.DISPATCHER_PAUSE, request, PAUSE_TIMEOUT_S, PauseAnswered)

    async def _asked(self, subject: str, request: bytes, timeout_s: float, kind: type[M]) -> M | TryLater:
        try:
            return operating.decode(await ask(self._bus, subject, request, timeout_s), kind)
        except BusAwayError as error:
            return TryLater("dispatcher_away", f"no dispatcher answered: {error}")
        except NotAnsweredError as error:
            return TryLater("dispatcher_not_ready", f"the dispatcher cannot do that now: {error}")
        except NotAnEventError as error:
            return TryLater("dispatcher_unreadable", f"the dispatcher's answer cannot be read: {error}")
