"""What an operator released, and which second charges that allows. Pure.

A release may charge a payment twice and says so beforehand. So of a payment whose release announced it and is written
down in SETTLEMENTS, one charge at the old processor beside the one at the new is no finding; anything else is.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.chaos.audit import Charge, read_settlement
from services.contracts.events import PaymentReleased, PaymentSettled

_DONE = 0


@dataclass(frozen=True, slots=True)
class Release:
    """One run of the command; ``announced``: it told of the risk before it did anything."""

    id: str
    bound_to: str
    to: str
    code: int
    announced: bool
    said: str

    @property
    def is_done(self) -> bool:
        """Whether the command said that the payment is released."""
        return self.code == _DONE


def announced(settlements: Iterable[bytes], releases: Iterable[Release]) -> dict[str, set[str]]:
    """Return the payments whose release announced a second charge, with the processors where they may be charged."""
    told = {(each.id, each.bound_to, each.to) for each in releases if each.announced}
    found: dict[str, set[str]] = {}
    for data in settlements:
        event = read_settlement(data)
        if isinstance(event, PaymentReleased) and (event.id, event.from_processor, event.to_processor) in told:
            found.setdefault(event.id, set()).update((event.from_processor, event.to_processor))
    return found


def without_second(
    charges: list[Charge], settlements: Iterable[bytes], allowed: dict[str, set[str]]
) -> tuple[list[Charge], list[Charge]]:
    """Return the charges without those that a release announced, and these.

    Taken out is the one that is not settled, so that the rest is still what streams and summaries have to say.
    """
    settled = {
        (event.id, event.processor)
        for event in map(read_settlement, settlements)
        if isinstance(event, PaymentSettled) and event.id in allowed
    }
    by_id: dict[str, list[Charge]] = {}
    for charge in charges:
        by_id.setdefault(charge.id, []).append(charge)
    second = [
        charge
        for payment_id, places in allowed.items()
        if sorted(charge.processor for charge in by_id.get(payment_id, ())) == sorted(places)
        and any((charge.id, charge.processor) in settled for charge in by_id[payment_id])
        for charge in by_id[payment_id]
        if (charge.id, charge.processor) not in settled
    ]
    return [charge for charge in charges if charge not in second], second
