"""A random mix of a processor's own faults, each with a rate, in the format of `PUT /admin/faults`."""

from random import Random
from typing import Any

from sandbox.processor.faults import CallKind, Fault

# The share of calls of a kind that goes wrong, usually and at worst: with the first, payments are still settled.
USUAL_SHARE = (0.02, 0.25)
HIGH_SHARE = (0.3, 0.9)
HIGH_SHARE_CHANCE = 0.2
LOOK_UPS_CHANCE = 0.6
HEALTH_CHANCE = 0.5
FAULTS_AT_ONCE_MAX = 6

_BESIDE_CHARGES = {CallKind.LOOK_UP: "look_up_", CallKind.HEALTH: "health_"}
_FAULTS = {call: [fault for fault in Fault if fault.startswith(start)] for call, start in _BESIDE_CHARGES.items()}
CHARGE_FAULTS = [fault for fault in Fault if not fault.startswith(tuple(_BESIDE_CHARGES.values()))]
# A single 400 among bookings means that the payment is wrong, and then it is rightly refused for good.
_FAULTS[CallKind.CHARGE] = [fault for fault in CHARGE_FAULTS if fault is not Fault.BAD_REQUEST]


def happens(dice: Random, probability: float) -> bool:
    """Return True with this probability."""
    return dice.random() < probability


def random_fault_mix(dice: Random) -> dict[str, Any]:
    """Return a random mix: some faults of charges, often with some of look-ups and of health checks.

    The keys are `seed`, `rates` (a share of the calls, by fault), `late_ms`, `stale_ms` and `byte_ms`.
    """
    rates = _rates(dice, CallKind.CHARGE)
    if happens(dice, LOOK_UPS_CHANCE):
        rates |= _rates(dice, CallKind.LOOK_UP)
    if happens(dice, HEALTH_CHANCE):
        rates |= _rates(dice, CallKind.HEALTH)
    return {
        "seed": dice.randrange(2**31),
        "rates": rates,
        "late_ms": dice.randint(100, 5_000),
        "stale_ms": dice.choice((200, 500, 2_000)),
        "byte_ms": dice.choice((1, 5, 20)),
    }


def _rates(dice: Random, call: CallKind) -> dict[str, float]:
    faults = _FAULTS[call]
    chosen = dice.sample(faults, dice.randint(1, min(FAULTS_AT_ONCE_MAX, len(faults))))
    share = dice.uniform(*(HIGH_SHARE if happens(dice, HIGH_SHARE_CHANCE) else USUAL_SHARE))
    weights = [dice.random() + 0.1 for _ in chosen]
    return {fault.value: round(share * weight / sum(weights), 4) for fault, weight in zip(chosen, weights, strict=True)}
