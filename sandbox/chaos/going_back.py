"""Separates what a store restored from a copy cannot know from what must not be lost. Pure.

A payment that was accepted after the copy is in no stream afterwards. If no processor has booked it, it is lost; if one
has, it is charged and not counted. Both are reported, and neither is a finding. A second charge is still a finding, and
so is anything that happens to a payment that was accepted before the copy, or after the copy was restored.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sandbox.chaos.audit import Charge, Finding, Verdict
from sandbox.chaos.offers import Offer


class GoneBack(NamedTuple):
    """From the time of the copy until the store was restored from it."""

    copied_s: float
    back_s: float


@dataclass(frozen=True, slots=True)
class Lacked:
    """The ids that the copies lack: accepted, and at no processor; or booked by one, and in no stream."""

    lost: list[str]
    charged: list[str]

    @property
    def ids(self) -> frozenset[str]:
        """All of them."""
        return frozenset((*self.lost, *self.charged))


def perhaps_lacked(offer: Offer, times: Iterable[GoneBack]) -> bool:
    """Return whether a payment may have been stored after a copy, and before that was restored."""
    return any(
        bool(offer.story)
        and offer.story[0][0] < gone.back_s
        and (offer.accepted_s is None or gone.copied_s < offer.accepted_s)
        for gone in times
    )


def lacked(
    offers: Mapping[str, Offer], charges: Iterable[Charge], known: Container[str], times: Iterable[GoneBack]
) -> Lacked:
    """Return what the copies lack; ``known`` are the ids that the streams hold after all."""
    times = tuple(times)
    ids = [each.id for each in offers.values() if each.id not in known and perhaps_lacked(each, times)]
    booked = {charge.id for charge in charges}
    return Lacked(
        lost=[each for each in ids if each not in booked and offers[each].accepted_s is not None],
        charged=[each for each in ids if each in booked],
    )


def set_aside(findings: Iterable[Finding], named: Container[str]) -> list[Finding]:
    """Return the findings without those that follow from a payment's not being in a copy."""
    return [each for each in findings if each.verdict is Verdict.DOUBLED or not each.id or each.id not in named]
