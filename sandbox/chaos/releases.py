"""What an operator released, and which second charges that allows. Pure.

A release may charge a payment twice and says so beforehand. So if a payment's release announced it and is stored in
SETTLEMENTS, one charge at the old processor besides the one at the new is not a violation; anything else is.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.chaos.audit import read_settlement
from sandbox.charges import Charge
from services.contracts.events import PaymentReleased, PaymentSettled

_DONE = 0


@dataclass(frozen=True, slots=True)
class Release:
    """One run of the command; ``announced``: it explained the risk before it did anything."""

    id: str
    bound_to: str
    to: str
    code: int
    announced: bool
    output: str

    @property
    def is_done(self) -> bool:
        """Whether the command reported that the payment is released."""
        return self.code == _DONE


def announced(settlements: Iterable[bytes], releases: Iterable[Release]) -> dict[str, set[str]]:
    """Return the payments whose release announced a second charge, with the processors where they may be charged."""
    by_command = {(each.id, each.bound_to, each.to) for each in releases if each.announced}
    found: dict[str, set[str]] = {}
    for data in settlements:
        event = read_settlement(data)
        if isinstance(event, PaymentReleased) and (event.id, event.from_processor, event.to_processor) in by_command:
            found.setdefault(event.id, set()).update((event.from_processor, event.to_processor))
    return found


def without_second(
    charges: list[Charge], settlements: Iterable[bytes], allowed: dict[str, set[str]]
) -> tuple[list[Charge], list[Charge]]:
    """Return the charges without those that a release announced, and then those.

    The one that is not settled is taken out, so that the rest is what streams and summaries must contain.
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
