"""The audit after the faults: each id is compared with what clients were promised. Pure.

Every violation is one of three: lost (accepted, and at no processor), doubled (charged twice, or charged though no
client asked), differing (any other difference between two places about one payment, or a wrong answer to a client).
"""

import math
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sandbox.chaos.offered_payment import OfferedPayment
from sandbox.charges import Charge
from services.contracts.events import (
    NotAnEventError,
    PaymentRefused,
    PaymentReleased,
    PaymentSettled,
    Settlement,
    decode_settlement,
)
from services.contracts.stamp import micros_of, stamp_from_micros, stamp_from_text, text_of


class Verdict(StrEnum):
    """What is wrong with a payment; the values are keys in result.json."""

    LOST = "lost"
    DOUBLED = "doubled"
    DIFFERING = "differing"


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that must not happen; without an id it is not about a single payment."""

    verdict: Verdict
    id: str
    why: str


@dataclass(frozen=True, slots=True)
class UnknownOutcome:
    """An attempt whose outcome is unknown: from then on the payment stays at that processor.

    ``at_s``: when that was logged, in seconds since 1970.
    """

    id: str
    processor: str
    at_s: float


def charges_against_offers(offers: Mapping[str, OfferedPayment], charges: Iterable[Charge]) -> list[Violation]:
    """Every accepted payment is charged once, with its amount; nothing is charged that was not offered."""
    violations = []
    charged: dict[str, list[Charge]] = defaultdict(list)
    for charge in charges:
        charged[charge.id].append(charge)
    for payment_id, found in charged.items():
        offer = offers.get(payment_id)
        if len(found) > 1:
            places = ", ".join(f"{charge.processor} {charge.cents} {charge.requested_at}" for charge in found)
            violations.append(Violation(Verdict.DOUBLED, payment_id, f"charged {len(found)} times: {places}"))
        if offer is None or offer.is_invalid:
            violations.append(Violation(Verdict.DOUBLED, payment_id, "charged, though nobody asked for it"))
        elif any(charge.cents not in offer.amounts for charge in found):
            violations.append(Violation(Verdict.DIFFERING, payment_id, f"{offer.cents} cents offered, booked: {found}"))
    for offer in offers.values():
        if offer.accepted_s is not None and offer.id not in charged:
            violations.append(Violation(Verdict.LOST, offer.id, "accepted, and at no processor"))
        violations += [Violation(Verdict.DIFFERING, offer.id, wrong) for wrong in offer.wrong_answers]
    return violations


def settlements_against_charges(
    settlements: Iterable[bytes], charges: Iterable[Charge], released: Container[str] = ()
) -> list[Violation]:
    """SETTLEMENTS agrees with the processors about every charge, once or more often, and holds nothing else.

    No valid payment is refused for good: a processor that answered 400 did so to all of them.
    """
    booked = {(charge.id, charge.processor): charge for charge in charges}
    violations: list[Violation] = []
    settled: set[tuple[str, str]] = set()
    for data in settlements:
        match read_settlement(data):
            case PaymentSettled() as event:
                charge = booked.get((event.id, event.processor))
                if (
                    charge is None
                    or charge.cents != event.amount_cents
                    or charge.requested_at_us != micros_of(event.requested_at)
                ):
                    violations.append(Violation(Verdict.DIFFERING, event.id, f"settled as {event}, booked: {charge}"))
                settled.add((event.id, event.processor))
            case PaymentRefused() as event:
                violations.append(
                    Violation(
                        Verdict.DIFFERING, event.id, f"refused for good, though nothing was wrong with it: {event}"
                    )
                )
            case PaymentReleased() as event if event.id in released:
                pass
            case other:
                violations.append(Violation(Verdict.DIFFERING, "", f"SETTLEMENTS holds {other or data!r}"))
    missing = [key for key in booked if key not in settled]
    return violations + [
        Violation(Verdict.DIFFERING, key[0], f"booked at {key[1]} and never settled") for key in missing
    ]


def unknown_against_charges(
    unknown: Iterable[UnknownOutcome],
    charges: Iterable[Charge],
    restored_at_s: Sequence[float] = (),
    wait_s: float = 0.0,
) -> list[Violation]:
    """A payment with an unknown outcome is booked at that processor, and nowhere else.

    A store that went back in time (``restored_at_s``: when) has lost these outcomes: then every processor is asked, and
    none had the payment. Nothing is sent for ``wait_s`` after that, so outcomes within that time are earlier ones.
    """
    places: dict[str, list[Charge]] = defaultdict(list)
    for charge in charges:
        places[charge.id].append(charge)
    violations = []
    for outcome in unknown:
        booked = places[outcome.id]
        since_s = min(
            (restored_s for restored_s in restored_at_s if outcome.at_s < restored_s + wait_s), default=math.inf
        )
        if booked and all(charge.requested_at_us / 1e6 > since_s for charge in booked):
            continue
        if {charge.processor for charge in booked} != {outcome.processor}:
            why = f"unknown at {outcome.processor}, booked at {sorted({charge.processor for charge in booked})}"
            violations.append(Violation(Verdict.DIFFERING, outcome.id, why))
    return list(dict.fromkeys(violations))


def shown_against_charges(offers: Mapping[str, OfferedPayment], charges: Iterable[Charge]) -> list[Violation]:
    """Whatever a client was shown as settled is what the processor booked."""
    booked = {charge.id: charge for charge in charges}
    violations = []
    for offer in offers.values():
        for fact in offer.settlements_shown:
            charge = booked.get(offer.id)
            shown = (fact["processor"], micros_of(stamp_from_text(fact["requestedAt"])))
            if charge is None or shown != (charge.processor, charge.requested_at_us):
                violations.append(Violation(Verdict.DIFFERING, offer.id, f"shown as settled {fact}, booked: {charge}"))
        if len(offer.settlements_shown) > 1:
            violations.append(
                Violation(Verdict.DIFFERING, offer.id, f"shown as settled in two ways: {offer.settlements_shown}")
            )
    return violations


@dataclass(frozen=True, slots=True)
class SummaryPeriod:
    """A period in microseconds since 1970, both ends inclusive; None is an open end."""

    from_us: int | None = None
    to_us: int | None = None

    @property
    def query(self) -> dict[str, str]:
        """The period as a summary's query."""
        ends = {"from": self.from_us, "to": self.to_us}
        return {name: text_of(stamp_from_micros(end)) for name, end in ends.items() if end is not None}

    def has(self, stamp_us: int) -> bool:
        """Whether a stamp is within the period."""
        return (self.from_us is None or self.from_us <= stamp_us) and (self.to_us is None or stamp_us <= self.to_us)


def totals(charges: Iterable[Charge], period: SummaryPeriod, processors: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return count and cents of each processor within the period."""
    sums = dict.fromkeys(processors, (0, 0))
    for charge in charges:
        if period.has(charge.requested_at_us):
            count, cents = sums[charge.processor]
            sums[charge.processor] = (count + 1, cents + charge.cents)
    return sums


def read_summary(document: object, processors: Sequence[str]) -> dict[str, tuple[int, int]] | None:
    """Read an answer of GET /payments-summary, None if it is not well-formed."""
    if not isinstance(document, dict) or set(document) != set(processors):
        return None
    try:
        return {name: (int(part["totalRequests"]), round(part["totalAmount"] * 100)) for name, part in document.items()}
    except (KeyError, TypeError, ValueError):
        return None


def settlement_of(data: bytes) -> PaymentSettled | None:
    """Return the event in a message of SETTLEMENTS if it is a settlement."""
    event = read_settlement(data)
    return event if isinstance(event, PaymentSettled) else None


def read_settlement(data: bytes) -> Settlement | None:
    """Return the event in a message of SETTLEMENTS, None if it cannot be read."""
    try:
        return decode_settlement(data)
    except NotAnEventError:
        return None
