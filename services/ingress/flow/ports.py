"""What the flow needs from outside. Adapters implement these; tests have fakes."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from services.contracts.events import Settlement
from services.contracts.history import HistoryAnswered, HistoryAsked
from services.contracts.holding import Holding, HoldingsAsked
from services.contracts.operating import ListedProcessor, PauseAnswered
from services.contracts.operations import Operation
from services.contracts.payment import Payment
from services.contracts.period import Period
from services.contracts.processor_entry import Pause
from services.contracts.releasing import Confirmed, ReleaseAnswered
from services.contracts.summary import Totals
from services.ingress.core.admission import Rejected
from services.ingress.core.answers import Cleared, Known, Missing, Standing, Stored, TryLater, WaitingFor
from services.ingress.core.listing import KnownHoldings, ListRow, SettledStretch, WaitingPayment


class PaymentStore(Protocol):
    """What is stored about payments. No method raises if NATS is away: that is ``TryLater``."""

    async def store(self, payment: Payment) -> Stored | Known | TryLater:
        """Store it unless its id is known; return once the stream has answered which, or did not within 1.5 s."""

    async def accepted(self, payment_id: str) -> Standing | Missing | TryLater:
        """Look it up among the payments that wait to be settled."""

    async def settlement(self, payment_id: str) -> Standing | Missing | TryLater:
        """Look it up among the settled and the refused."""

    async def clear(self, at: datetime) -> Stored | TryLater:
        """Clear the book of all that was settled before."""

    async def trouble(self) -> str | None:
        """Return why a payment or its settlement could not be stored now, or None."""


class LedgerQueries(Protocol):
    """The ledger, asked over the bus."""

    async def summary(self, period: Period) -> Mapping[str, Totals] | TryLater:
        """Ask for the totals by processor name; returns within about a second in any case."""

    async def history(self, asked: HistoryAsked) -> HistoryAnswered | TryLater:
        """Ask for the past in steps; returns within about a second in any case."""

    async def trouble(self) -> str | None:
        """Return why a summary is not available now, or None."""


class DispatcherHoldings(Protocol):
    """The dispatchers, asked all at once. None raises: what else is known is worth returning without their answer."""

    async def waiting_for(self, payment_id: str) -> WaitingFor | None:
        """Ask what an accepted payment waits for; None if none has it or none answers within 0.3 s."""

    async def holdings(self, asked: HoldingsAsked) -> KnownHoldings | None:
        """Ask which payment waits for which processor; None: none answers within 0.5 s."""

    async def life(self, payment_id: str) -> Holding | None:
        """Ask for all that a dispatcher has in memory of a payment; None: none answers within 0.6 s."""


class WaitingPayments(Protocol):
    """PAYMENTS, read without consuming. May raise StoreUnavailableError: not known."""

    async def first_from(self, seq: int) -> WaitingPayment | None:
        """Return the first that waits at or after a sequence; None: there is none."""


class SettledPayments(Protocol):
    """SETTLEMENTS, as far as it has got. Each may raise StoreUnavailableError: not known."""

    async def first_since(self, moment: datetime) -> int:
        """Return the first sequence that was stored at or after a moment."""

    async def read(self, first: int, count: int) -> SettledStretch:
        """Return the settlements among at most ``count`` messages from a sequence on."""

    async def counted(self, rows: Sequence[tuple[int, ListRow]]) -> list[ListRow]:
        """Return the rows; of two settlements of one payment only the first is marked as counted."""


class SettlementHints(Protocol):
    """Settlements as they are published."""

    def listening(self, payment_id: str, call: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        """Call ``call`` whenever this payment may have been settled or refused. Some are lost; never raises."""


class SettlementLookup(Protocol):
    """The settled and the refused payments."""

    async def settlement(self, payment_id: str) -> Standing | Missing | TryLater:
        """Look a payment up among them; never raises."""


class Standings(Protocol):
    """The status of payments."""

    async def standing(self, id_text: str) -> Rejected | Standing | Missing | TryLater:
        """Return the status of a payment."""


class PaymentHistory(Protocol):
    """SETTLEMENTS, by payment."""

    async def of(self, payment_id: str) -> Sequence[tuple[Settlement, datetime]]:
        """Return what it holds of a payment, each with when it was stored. Raises StoreUnavailableError: not known."""


class Processors(Protocol):
    """The processors that charge, as the dispatchers know them."""

    async def processors(self) -> tuple[ListedProcessor, ...] | TryLater:
        """Return all of them, those that are paused too."""

    async def pause(self, name: str, pause: Pause | None) -> PauseAnswered | TryLater:
        """Pause one, or resume it by None; TryLater: it may be done or not."""


class Releases(Protocol):
    """The dispatchers, one of which releases a payment."""

    async def look(self, payment_id: str) -> ReleaseAnswered | TryLater:
        """Return what is known of a payment, and whether it may be released."""

    async def release(self, payment_id: str, to: str, confirmed: Confirmed) -> ReleaseAnswered | TryLater:
        """Have it released; TryLater: it may be done or not."""


class BookPurge(Protocol):
    """The ledger's book, as far as operators may change it."""

    async def purge(self) -> Cleared | TryLater:
        """Clear it of all before now; TryLater: it may be done or not."""


class OperationOutcome(Protocol):
    """The outcome of an operation; ``by`` is who does it, in one word."""

    by: str

    def refused(self, why: str) -> None:
        """Record that nothing was done."""

    def failed(self, why: str) -> None:
        """Record that it may be done or not."""


# Records the request, and by whom, before the body, and the outcome after it. Raises StoreUnavailableError: it was not
# recorded, and nothing is done.
Recorded = Callable[[Operation, str], AbstractAsyncContextManager[OperationOutcome]]
