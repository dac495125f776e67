"""What the flow needs of the world. Adapters keep these; tests have fakes of them."""

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
from services.contracts.releasing import Confirmed, ReleaseAnswered
from services.contracts.roster import Pause
from services.contracts.summary import Totals
from services.ingress.core.admission import Rejected
from services.ingress.core.answers import Cleared, Known, Missing, Standing, Stored, TryLater, WaitingFor
from services.ingress.core.listing import KnownHoldings, SettledStretch, Waiting
from services.ingress.core.period import Period


class PaymentStream(Protocol):
    """What is stored about payments. No method raises for NATS being away: that is ``TryLater``."""

    async def store(self, payment: Payment) -> Stored | Known | TryLater:
        """Store it unless its id is known; return when the stream has said which, or did not within 1.5 s."""

    async def accepted(self, payment_id: str) -> Standing | Missing | TryLater:
        """Look it up among the payments that wait to be settled."""

    async def settlement(self, payment_id: str) -> Standing | Missing | TryLater:
        """Look it up among the settled and the refused."""

    async def clear(self, at: datetime) -> Stored | TryLater:
        """Have the book forget all that was settled before."""

    async def trouble(self) -> str | None:
        """Return why a payment could not be stored now, or None."""


class Ledger(Protocol):
    """What was settled where."""

    async def summary(self, period: Period) -> Mapping[str, Totals] | TryLater:
        """Ask for the totals by processor name; answers, one way or the other, within about a second."""

    async def history(self, asked: HistoryAsked) -> HistoryAnswered | TryLater:
        """Ask for the past in steps; answers, one way or the other, within about a second."""

    async def trouble(self) -> str | None:
        """Return why a summary could not be had now, or None."""


class Dispatchers(Protocol):
    """Who has payments in hand, asked all at once. None raises: what else is known is worth returning without it."""

    async def waiting_for(self, payment_id: str) -> WaitingFor | None:
        """Ask what an accepted payment waits for; None where nobody has it or says so within 0.3 s."""

    async def holdings(self, asked: HoldingsAsked) -> KnownHoldings | None:
        """Ask which payment waits for which processor; None: none answers within 0.5 s."""

    async def life(self, payment_id: str) -> Holding | None:
        """Ask for all that is remembered of a payment; None: nobody says within 0.6 s."""


class WaitingPayments(Protocol):
    """PAYMENTS, looked at and not consumed. May raise AwayError: not known."""

    async def first_from(self, seq: int) -> Waiting | None:
        """Return the first that waits at or behind a sequence; None: there is none."""


class SettledPayments(Protocol):
    """SETTLEMENTS, as far as it has got. Each may raise AwayError: not known."""

    async def first_since(self, moment: datetime) -> int:
        """Return the first sequence that was stored at or after a moment."""

    async def read(self, first: int, count: int) -> SettledStretch:
        """Return the settlements among at most ``count`` messages from a sequence on."""


class SettlementHints(Protocol):
    """What is said of settlements as they are published."""

    def heard(self, payment_id: str, call: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        """Have ``call`` called whenever this payment may have been settled or refused. Some are lost; never raises."""


class Standings(Protocol):
    """How payments stand."""

    async def standing(self, id_text: str) -> Rejected | Standing | Missing | TryLater:
        """Return how a payment stands."""


class History(Protocol):
    """SETTLEMENTS, by payment."""

    async def of(self, payment_id: str) -> Sequence[tuple[Settlement, datetime]]:
        """Return what it holds of a payment, each with when it was stored. Raises AwayError: not known."""


class Processors(Protocol):
    """Who charges, as the dispatchers have it."""

    async def processors(self) -> tuple[ListedProcessor, ...] | TryLater:
        """Return all of them."""

    async def pause(self, name: str, pause: Pause | None) -> PauseAnswered | TryLater:
        """Have one paused, or by None resumed; TryLater: it may be done or not."""


class Releases(Protocol):
    """The dispatchers, one of which releases a payment."""

    async def look(self, payment_id: str) -> ReleaseAnswered | TryLater:
        """Return what is known of a payment, and whether it may be released."""

    async def release(self, payment_id: str, to: str, confirmed: Confirmed) -> ReleaseAnswered | TryLater:
        """Have it released; TryLater: it may be done or not."""


class Book(Protocol):
    """What was settled, as summaries have it."""

    async def purge(self) -> Cleared | TryLater:
        """Have it forget all before now; TryLater: it may have, or not."""


class OperationOutcome(Protocol):
    """What comes of an operation; ``by`` is who does it, in one word."""

    by: str

    def refused(self, why: str) -> None:
        """Record that nothing was done."""

    def failed(self, why: str) -> None:
        """Record that it may be done or not."""


# Records that it is asked for, by whom, before it goes on, and at the end what came of it. Raises AwayError: it could
# not be recorded, and so nothing is done.
Recorded = Callable[[Operation, str], AbstractAsyncContextManager[OperationOutcome]]
