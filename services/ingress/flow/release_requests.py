"""A release by HTTP: recorded with the name of the key, then decided and done by a dispatcher."""

from services.contracts.operations import Operation
from services.contracts.releasing import ReleaseAnswered, warnings
from services.contracts.store_errors import StoreUnavailableError
from services.ingress.core.admission import Rejected, read_id
from services.ingress.core.answers import TryLater
from services.ingress.core.releasing import Released, read_release, refused
from services.ingress.flow.ports import OperationOutcome, Recorded, Releases


class ReleaseRequests:
    """Payments in doubt, and their releases; ``who`` is the name of the key."""

    def __init__(self, *, dispatchers: Releases, recorded: Recorded) -> None:
        self._dispatchers = dispatchers
        self._recorded = recorded

    async def look(self, id_text: str) -> ReleaseAnswered | Rejected | TryLater:
        """Return all that is known, for an operator to judge; nothing is changed, and nothing recorded."""
        payment_id = read_id(id_text, "id in the path")
        if isinstance(payment_id, Rejected):
            return payment_id
        answer = await self._dispatchers.look(payment_id)
        if isinstance(answer, TryLater) or answer.refusal is None or answer.refusal.why != "no_such_payment":
            return answer
        return refused(answer.refusal)

    async def release(self, id_text: str, body: bytes, who: str) -> Released | Rejected | TryLater:
        """Send a payment elsewhere than where it may have been charged, as the operator has confirmed."""
        wanted = read_release(id_text, body)
        if isinstance(wanted, Rejected):
            return wanted
        confirmed = wanted.confirmed
        detail = f"from {confirmed.from_processor} to {wanted.to}"
        try:
            async with self._recorded(
                Operation("release", wanted.payment_id, confirmed.reason, detail), who
            ) as outcome:
                answer = await self._dispatchers.release(wanted.payment_id, wanted.to, confirmed)
                return _answer(answer, wanted.to, outcome)
        except StoreUnavailableError as error:
            return TryLater("not_recorded", str(error))


def _answer(answered: ReleaseAnswered | TryLater, to: str, outcome: OperationOutcome) -> Released | Rejected | TryLater:
    """Return the operator's answer, and have the same recorded."""
    if isinstance(answered, TryLater):
        why = f"{answered.detail}; it may be done or not"
        outcome.failed(why)
        return TryLater(answered.slug, f"{why}: repeating it is safe, and shows it")
    if answered.released is None:
        if answered.refusal is None:
            raise ValueError("neither released nor refused")
        outcome.refused(answered.refusal.detail)
        return refused(answered.refusal)
    return Released(answered.released, warnings(answered.sight, to), answered.is_repeated)
