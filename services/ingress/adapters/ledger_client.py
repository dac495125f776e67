"""Asks the ledger over the bus: an answer within a second, or a TryLater."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from services.bus.micro.ask import BusUnavailableError, NotAnsweredError, ask
from services.bus.wire.connection import Bus
from services.contracts import history, subjects, summary
from services.contracts.events import NotAnEventError
from services.contracts.history import HistoryAnswered, HistoryAsked
from services.contracts.period import Period
from services.contracts.summary import SummaryAsked, Totals
from services.ingress.core.answers import TryLater

# Clients wait 1.5 s for a summary; a 503 within that is more useful than no answer.
ASK_TIMEOUT_S = 1.0

T = TypeVar("T")


class LedgerClient:
    """Asks ``ledger.summary`` and ``ledger.history``."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def summary(self, period: Period) -> Mapping[str, Totals] | TryLater:
        """Return the totals by processor name, as of now."""
        asked = summary.encode(SummaryAsked(period.start, period.end, datetime.now(UTC)))
        answer = await self._ask(subjects.LEDGER_SUMMARY, asked, summary.decode_answered)
        return answer if isinstance(answer, TryLater) else answer.totals

    async def history(self, asked: HistoryAsked) -> HistoryAnswered | TryLater:
        """Return the past in steps, up to now."""
        return await self._ask(subjects.LEDGER_HISTORY, history.encode(asked), history.decode_answered)

    async def trouble(self) -> str | None:
        """Return why a summary is not available now, or None."""
        answer = await self.summary(Period())
        return f"ledger: {answer.detail}" if isinstance(answer, TryLater) else None

    async def _ask(self, subject: str, request: bytes, read: Callable[[bytes], T]) -> T | TryLater:
        try:
            return read(await ask(self._bus, subject, request, ASK_TIMEOUT_S))
        except BusUnavailableError as error:
            return TryLater("ledger_away", f"the ledger did not answer: {error}")
        except NotAnsweredError as error:
            return TryLater("ledger_not_ready", f"the ledger cannot answer now: {error}")
        except NotAnEventError as error:
            return TryLater("ledger_unreadable", f"the ledger's answer cannot be read: {error}")
