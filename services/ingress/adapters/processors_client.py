"""Asks the dispatchers over the bus for an operator: pauses, resumes, releases; any one of them answers."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from services.bus.micro.ask import NotAnsweredError, ask
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import operating, releasing, subjects
from services.contracts.events import NotAnEventError
from services.contracts.operating import ListedProcessor, PauseAnswered, PauseAsked, ProcessorList
from services.contracts.processor_entry import Pause
from services.contracts.releasing import ANSWERED_WITHIN_S, Confirmed, ReleaseAnswered, ReleaseAsked
from services.ingress.core.answers import TryLater

# An operator waits for these: the bucket is read, and written once or, if others do the same, a few times.
PROCESSORS_TIMEOUT_S = 2.0
PAUSE_TIMEOUT_S = 4.0

T = TypeVar("T")


class ProcessorsClient:
    """Asks ``dispatcher.processors`` and ``dispatcher.pause``."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def processors(self) -> tuple[ListedProcessor, ...] | TryLater:
        """Return the processors that charge, from the bucket of processors as it is now."""
        read = partial(operating.decode, kind=ProcessorList)
        answer = await _asked(self._bus, subjects.DISPATCHER_PROCESSORS, b"", PROCESSORS_TIMEOUT_S, read)
        return answer if isinstance(answer, TryLater) else answer.processors

    async def pause(self, name: str, pause: Pause | None) -> PauseAnswered | TryLater:
        """Pause one, or resume it by None; TryLater: it may be done or not."""
        request, read = operating.encode(PauseAsked(name, pause)), partial(operating.decode, kind=PauseAnswered)
        return await _asked(self._bus, subjects.DISPATCHER_PAUSE, request, PAUSE_TIMEOUT_S, read)


class DispatcherReleases:
    """Asks ``dispatcher.release``."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def look(self, payment_id: str) -> ReleaseAnswered | TryLater:
        """Return what is known of a payment, and whether it may be released."""
        return await self._asked(ReleaseAsked(payment_id))

    async def release(self, payment_id: str, to: str, confirmed: Confirmed) -> ReleaseAnswered | TryLater:
        """Have it released; TryLater: it may be done or not."""
        return await self._asked(ReleaseAsked(payment_id, to, confirmed))

    async def _asked(self, asked: ReleaseAsked) -> ReleaseAnswered | TryLater:
        request, read = releasing.encode(asked), partial(releasing.decode, kind=ReleaseAnswered)
        return await _asked(self._bus, subjects.DISPATCHER_RELEASE, request, ANSWERED_WITHIN_S, read)


async def _asked(bus: Bus, subject: str, request: bytes, timeout_s: float, read: Callable[[bytes], T]) -> T | TryLater:
    try:
        return read(await ask(bus, subject, request, timeout_s))
    except BusUnavailableError as error:
        return TryLater("dispatcher_away", f"no dispatcher answered: {error}")
    except NotAnsweredError as error:
        return TryLater("dispatcher_not_ready", f"the dispatcher cannot do that now: {error}")
    except NotAnEventError as error:
        return TryLater("dispatcher_unreadable", f"the dispatcher's answer cannot be read: {error}")
