"""What a processor does wrong for a while: a mixture of its own faults, in the format of `PUT /admin/faults`."""

from random import Random
from typing import Any

from sandbox.processor.faults import CallKind, Fault

# The share of calls of a kind that goes wrong, usually and in a bad mood: with the first, payments are still settled.
SHARE_USUAL = (0.02, 0.25)
SHARE_BAD = (0.3, 0.9)
BAD_MOODS = 0.2
WITH_LOOK_UPS = 0.6
WITH_HEALTH = 0.5
FAULTS_AT_ONCE_MAX = 6

_BESIDE_CHARGES = {CallKind.LOOK_UP: "look_up_", CallKind.HEALTH: "health_"}
_FAULTS = {call: [fault for fault in Fault if fault.startswith(start)] for call, start in _BESIDE_CHARGES.items()}
CHARGE_FAULTS = [fault for fault in Fault if not fault.startswith(tuple(_BESIDE_CHARGES.values()))]
# A single 400 among bookings means that the payment is wrong, and then it is rightly refused for good.
_FAULTS[CallKind.CHARGE] = [fault for fault in CHARGE_FAULTS if fault is not Fault.BAD_REQUEST]


def happens(dice: Random, share: float) -> bool:
    """Return True in that share of all cases."""
    return dice.random() < share


def random_mood(dice: Random) -> dict[str, Any]:
    """Return a random mixture: some faults of charges, often with some of look-ups and of health checks."""
    rates = _rates(dice, CallKind.CHARGE)
    if happens(dice, WITH_LOOK_UPS):
        rates |= _rates(dice, CallKind.LOOK_UP)
    if happens(dice, WITH_HEALTH):
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
    share = dice.uniform(*(SHARE_BAD if happens(dice, BAD_MOODS) else SHARE_USUAL))
    weights = [dice.random() + 0.1 for _ in chosen]
    return {fault.value: round(share * weight / sum(weights), 4) for fault, weight in zip(chosen, weights, strict=True)}
