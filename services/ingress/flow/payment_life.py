"""One payment's life: its status, what SETTLEMENTS holds of it, and what its dispatcher has in memory."""

from services.contracts.store_errors import StoreUnavailableError, UnreadableRecordError
from services.ingress.core.admission import Rejected
from services.ingress.core.answers import Missing, Standing, TryLater
from services.ingress.core.payment_life import Life, life_of
from services.ingress.flow.ports import DispatcherHoldings, PaymentHistory, Standings


class PaymentLife:
    """Returns the lives of payments."""

    def __init__(self, *, standings: Standings, history: PaymentHistory, dispatchers: DispatcherHoldings) -> None:
        self._standings = standings
        self._history = history
        self._dispatchers = dispatchers

    async def life(self, id_text: str) -> Rejected | Life | Missing | TryLater:
        """Return a payment's life."""
        payment = await self._standings.standing(id_text)
        if not isinstance(payment, Standing):
            return payment
        known = await self._dispatchers.life(payment.payment_id) if payment.status == "accepted" else None
        try:
            history = await self._history.of(payment.payment_id)
        except UnreadableRecordError as error:
            return TryLater("unreadable", f"what is stored under this id: {error}")
        except StoreUnavailableError as error:
            return TryLater("nats_away", f"NATS did not answer: {error}")
        return life_of(payment, history, known)
