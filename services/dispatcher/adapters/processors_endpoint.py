"""``dispatcher.processors`` and ``dispatcher.pause``: for ingress, which may not write the bucket of processors itself.

The caller has recorded a pause in OPERATIONS before; the operators' command changes the bucket in the same way.
"""

from collections.abc import Mapping

from services.bus.micro.service import About, Answer, CannotAnswerError, schema_of
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import operating, subjects
from services.contracts.events import NotAnEventError
from services.contracts.operating import PauseAnswered, PauseAsked, ProcessorList, listed, names_of
from services.contracts.operations import TEXT_CHARS_MAX
from services.contracts.processor_entry import Entries, generations_in
from services.records.processors import ProcessorBucket, entries_of

PROCESSORS_ARE = "The processors in the bucket, each with its fee, URL and state"
PAUSE_IS = "Pauses a processor, so that it gets nothing new, or resumes it; only for ingress, which records it"
BAD_REQUEST, UNAVAILABLE = 400, 503

ABOUT: Mapping[str, About] = {
    subjects.DISPATCHER_PROCESSORS: About(PROCESSORS_ARE, answered=schema_of(ProcessorList)),
    subjects.DISPATCHER_PAUSE: About(PAUSE_IS, asked=schema_of(PauseAsked), answered=schema_of(PauseAnswered)),
}


class ProcessorsEndpoint:
    """Answers from the bucket, which is read each time."""

    def __init__(self, bus: Bus) -> None:
        self._bucket = ProcessorBucket(bus)

    @property
    def answers(self) -> Mapping[str, Answer]:
        """The handlers, by subject."""
        return {subjects.DISPATCHER_PROCESSORS: self.processors, subjects.DISPATCHER_PAUSE: self.pause}

    async def processors(self, _data: bytes) -> bytes:
        """Return all processors, whatever the request.

        Raises:
            CannotAnswerError: the bucket does not answer.
        """
        return operating.encode(ProcessorList(tuple(map(listed, generations_in(await self._entries())))))

    async def pause(self, data: bytes) -> bytes:
        """Pause or resume one, and return its new state.

        Raises:
            CannotAnswerError: it is not such a request; or the bucket does not answer, and it may be done or not.
        """
        asked = _asked(data)
        try:
            changed = await self._bucket.pause(asked.name, asked.pause)
        except BusUnavailableError as error:
            raise CannotAnswerError(UNAVAILABLE, str(error)) from error
        return operating.encode(
            PauseAnswered(None if changed is None else listed(changed), names_of(await self._entries()))
        )

    async def _entries(self) -> Entries:
        try:
            return entries_of(await self._bucket.read())
        except BusUnavailableError as error:
            raise CannotAnswerError(UNAVAILABLE, str(error)) from error


def _asked(data: bytes) -> PauseAsked:
    try:
        asked = operating.decode(data, PauseAsked)
    except NotAnEventError as error:
        raise CannotAnswerError(BAD_REQUEST, f"not a PauseAsked: {error}") from error
    if asked.pause is not None and not (asked.pause.by and len(asked.pause.reason) <= TEXT_CHARS_MAX):
        raise CannotAnswerError(BAD_REQUEST, f"not a PauseAsked: by must be there, reason at most {TEXT_CHARS_MAX}")
    return asked
