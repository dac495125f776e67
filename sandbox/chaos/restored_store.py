"""What a store restored from an older copy cannot know, apart from what must not be lost. Pure.

A payment that was accepted after the copy is in no stream afterwards. If no processor has booked it, it is lost; if one
has, it is charged and not counted. Both are reported, and neither is a violation. A second charge is still a violation,
and so is anything that happens to a payment that was accepted before the copy, or after the copy was restored.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sandbox.chaos.audit import Verdict, Violation
from sandbox.chaos.offered_payment import OfferedPayment
from sandbox.charges import Charge


class StoreRestore(NamedTuple):
    """From the time of the copy until the store was restored from it."""

    copied_s: float
    restored_s: float


@dataclass(frozen=True, slots=True)
class MissingFromCopy:
    """The ids that the copies do not have: accepted, and at no processor; or booked by one, and in no stream."""

    lost: list[str]
    charged: list[str]

    @property
    def ids(self) -> frozenset[str]:
        """The lost and the charged ones together."""
        return frozenset((*self.lost, *self.charged))


def may_be_missing(offer: OfferedPayment, restores: Iterable[StoreRestore]) -> bool:
    """Return whether a payment may have been stored after a copy, and before that was restored."""
    return any(
        bool(offer.history)
        and offer.history[0][0] < restore.restored_s
        and (offer.accepted_s is None or restore.copied_s < offer.accepted_s)
        for restore in restores
    )


def missing_from_copy(
    offers: Mapping[str, OfferedPayment],
    charges: Iterable[Charge],
    known: Container[str],
    restores: Iterable[StoreRestore],
) -> MissingFromCopy:
    """Return what the copies do not have; ``known`` are the ids that the streams hold after all."""
    restores = tuple(restores)
    ids = [each.id for each in offers.values() if each.id not in known and may_be_missing(each, restores)]
    booked = {charge.id for charge in charges}
    return MissingFromCopy(
        lost=[each for each in ids if each not in booked and offers[each].accepted_s is not None],
        charged=[each for each in ids if each in booked],
    )


def without_missing(violations: Iterable[Violation], missing: Container[str]) -> list[Violation]:
    """Return the violations without those that follow from a payment's not being in a copy."""
    return [each for each in violations if each.verdict is Verdict.DOUBLED or not each.id or each.id not in missing]
