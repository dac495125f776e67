"""The ledger, asked over the bus: an answer within a second, or the word that there is none."""

from collections.abc import Mapping
from datetime import UTC, datetime

from services.bus.micro.ask import BusAwayError, NotAnsweredError, ask
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.events import NotAnEventError
from services.contracts.summary import SummaryAsked, Totals, decode_answered, encode
from services.ingress.core.answers import TryLater
from services.ingress.core.period import Period

# Clients wait 1.5 s for a summary; a 503 within that tells them more than silence.
ASK_TIMEOUT_S = 1.0


class LedgerClient:
    """Asks ``ledger.summary``."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def summary(self, period: Period) -> Mapping[str, Totals] | TryLater:
        """Return the totals by processor name, as of now."""
        request = encode(SummaryAsked(period.start, period.end, datetime.now(UTC)))
        try:
            return decode_answered(await ask(self._bus, subjects.LEDGER_SUMMARY, request, ASK_TIMEOUT_S)).totals
        except BusAwayError as error:
            return TryLater("ledger_away", f"the ledger did not answer: {error}")
        except NotAnsweredError as error:
            return TryLater("ledger_not_ready", f"the ledger cannot answer now: {error}")
        except NotAnEventError as error:
            return TryLater("ledger_unreadable", f"the ledger's answer cannot be read: {error}")

    async def trouble(self) -> str | None:
        """Return why a summary could not be had now, or None."""
        answer = await self.summary(Period())
        return f"ledger: {answer.detail}" if isinstance(answer, TryLater) else None
