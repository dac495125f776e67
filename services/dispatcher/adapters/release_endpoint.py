"""``dispatcher.release``: looks at a payment, or releases it; any dispatcher can do it.

The caller has recorded a release in OPERATIONS before. Whether it is allowed is decided here and nowhere else.
"""

from collections.abc import Mapping
from typing import Protocol

from services.bus.micro.service import About, Answer, CannotAnswerError, schema_of
from services.bus.wire.connection import BusUnavailableError
from services.contracts import releasing, subjects
from services.contracts.events import NotAnEventError
from services.contracts.operations import reason_from_text
from services.contracts.releasing import Confirmed, ReleaseAnswered, ReleaseAsked
from services.contracts.store_errors import StoreUnavailableError

RELEASE_IS = "Looks up a payment in doubt or, confirmed by a person and recorded, releases it to another processor"
BAD_REQUEST, UNAVAILABLE = 400, 503

ABOUT: Mapping[str, About] = {
    subjects.DISPATCHER_RELEASE: About(
        RELEASE_IS, asked=schema_of(ReleaseAsked), answered=schema_of(ReleaseAnswered), takes_long=True
    ),
}


class ReleasingFlow(Protocol):
    """What this adapter calls; both methods may raise StoreUnavailableError or BusUnavailableError: not known."""

    async def look(self, payment_id: str, to: str) -> ReleaseAnswered:
        """Return what is known, and whether it may be released."""

    async def release(self, payment_id: str, to: str, confirmed: Confirmed) -> ReleaseAnswered:
        """Release a payment, if what a person has judged still holds."""


class ReleaseEndpoint:
    """Passes requests to the flow."""

    def __init__(self, flow: ReleasingFlow) -> None:
        self._flow = flow

    @property
    def answers(self) -> Mapping[str, Answer]:
        """The handlers, by subject."""
        return {subjects.DISPATCHER_RELEASE: self.release}

    async def release(self, data: bytes) -> bytes:
        """Look, or release.

        Raises:
            CannotAnswerError: it is not such a request; or the streams do not answer, and it may be done or not.
        """
        asked = _asked(data)
        try:
            if asked.confirmed is None:
                answer = await self._flow.look(asked.id, asked.to_processor)
            else:
                answer = await self._flow.release(asked.id, asked.to_processor, asked.confirmed)
        except (StoreUnavailableError, BusUnavailableError) as error:
            raise CannotAnswerError(UNAVAILABLE, str(error)) from error
        return releasing.encode(answer)


def _asked(data: bytes) -> ReleaseAsked:
    try:
        asked = releasing.decode(data, ReleaseAsked)
        if asked.confirmed is not None:
            reason_from_text(asked.confirmed.reason)
    except (NotAnEventError, ValueError) as error:
        raise CannotAnswerError(BAD_REQUEST, f"not a ReleaseAsked: {error}") from error
    if asked.confirmed is not None and not (asked.to_processor and asked.confirmed.from_processor):
        raise CannotAnswerError(BAD_REQUEST, "not a ReleaseAsked: a confirmed one names both processors")
    return asked
