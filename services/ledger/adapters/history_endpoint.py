"""``ledger.history``: the past in equal steps of time, for the plots."""

from collections.abc import Awaitable, Callable

from services.bus.micro.service import About, CannotAnswerError, schema_of
from services.contracts import history
from services.contracts.events import NotAnEventError
from services.contracts.history import HistoryAnswered, HistoryAsked

HISTORY_IS = 'What was settled and how the system was, in equal steps of time; {"stepS": 60, "steps": 30}: half an hour'

BAD_REQUEST = 400
NOT_NOW = 503


class HistoryEndpoint:
    """The endpoint: bytes in, bytes out.

    Args:
        answer: returns the steps, or None while the book is not whole.
        why_not: returns why there is no answer now.
    """

    about = About(HISTORY_IS, schema_of(HistoryAsked), schema_of(HistoryAnswered))

    def __init__(
        self, answer: Callable[[HistoryAsked], Awaitable[HistoryAnswered | None]], why_not: Callable[[], str]
    ) -> None:
        self._answer = answer
        self._why_not = why_not

    async def history(self, data: bytes) -> bytes:
        """Answer a HistoryAsked with a HistoryAnswered.

        Raises:
            CannotAnswerError: the request is wrong, or the book is not whole now.
        """
        try:
            asked = history.decode_asked(data)
        except NotAnEventError as error:
            raise CannotAnswerError(BAD_REQUEST, f"not a HistoryAsked: {error}") from error
        answered = await self._answer(asked)
        if answered is None:
            raise CannotAnswerError(NOT_NOW, self._why_not())
        return history.encode(answered)
