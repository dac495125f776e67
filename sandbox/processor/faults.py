"""Which fault a call gets: values in, a value out; no clock, no socket, no state.

A decision depends only on the seed, the kind of call and the call's number among its kind: the same
sequence of requests gets the same faults, and the number of health calls changes nothing for payments.

Every fault could occur with a processor on a real network, and none is a lie that a caller could not detect.
So a 5xx "after booking" is never followed by a stale look-up of the same id (see `active_faults`), and an unrequested
answer is either sent before the caller can have sent its next request, or proves nothing and ends the connection.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeGuard

import orjson

from sandbox.processor.payment import Malformed

# Ten minutes, as for the configured delay: longer than any caller waits.
MS_MAX: Final = 600_000


class CallKind(StrEnum):
    """The kinds of call that have faults; admin calls have none, or nobody could end the faults."""

    CHARGE = "charge"
    LOOK_UP = "look_up"
    HEALTH = "health"


class Fault(StrEnum):
    """What can go wrong. Of a charge, "after booking" is also true where the id was booked by an earlier call."""

    # Charges: nothing is booked by this call.
    CLOSE_BEFORE_BOOKING = "close_before_booking"  # the connection is closed without an answer
    ERROR_BEFORE_BOOKING = "error_before_booking"  # 500
    TOO_MANY_REQUESTS = "too_many_requests"  # 429
    BAD_REQUEST = "bad_request"  # 400 to a valid request: realistic only if a processor answers every request so
    REDIRECT_302 = "redirect_302"  # to a URL that answers 200 to everyone and books nothing
    REDIRECT_307 = "redirect_307"
    UNREAD = "unread"  # neither the request nor anything after it is read; the connection stays open for a while
    # Charges: booked, but later.
    BOOK_LATE = "book_late"  # held for `late_ms`, then handled as if it came now, whether or not the caller still waits
    # Charges: booked at once, and then
    CLOSE_AFTER_BOOKING = "close_after_booking"  # the connection is closed without an answer
    HANG_AFTER_BOOKING = "hang_after_booking"  # never answered; the connection stays open
    HALF_ANSWER = "half_answer"  # the head and half the body, then the connection is closed
    GARBAGE_ANSWER = "garbage_answer"  # bytes that are not HTTP, then the connection is closed
    ERROR_AFTER_BOOKING = "error_after_booking"  # 500
    SLOW_ANSWER = "slow_answer"  # one byte every `byte_ms`
    LATE_ANSWER = "late_answer"  # the right answer after `late_ms`
    UNASKED_BEHIND = "unasked_behind"  # a second 200 right behind the answer; no later request there is read
    UNASKED_WHEN_IDLE = "unasked_when_idle"  # once the connection idles, an unrequested 504, then closed
    # Look-ups.
    LOOK_UP_ERROR = "look_up_error"  # 500
    LOOK_UP_HANG = "look_up_hang"  # never answered
    LOOK_UP_CLOSE = "look_up_close"  # closed without an answer
    LOOK_UP_STALE = "look_up_stale"  # 404 for an id booked less than `stale_ms` ago by a call not answered 5xx
    # Health.
    HEALTH_LIE = "health_lie"  # `failing` is the opposite of what is configured
    HEALTH_ERROR = "health_error"  # 500
    HEALTH_HANG = "health_hang"  # never answered
    HEALTH_CLOSE = "health_close"  # closed without an answer


_FAULTS: Final[dict[CallKind, tuple[Fault, ...]]] = {
    CallKind.LOOK_UP: tuple(fault for fault in Fault if fault.startswith("look_up_")),
    CallKind.HEALTH: tuple(fault for fault in Fault if fault.startswith("health_")),
    CallKind.CHARGE: tuple(fault for fault in Fault if not fault.startswith(("look_up_", "health_"))),
}


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """How often each fault happens, as a share of the calls of its kind; the default is never.

    ``late_ms``, ``stale_ms``, ``byte_ms``: the times that some of the faults take, see `Fault`.
    """

    seed: int = 0
    rates: Mapping[Fault, float] = field(default_factory=dict)
    late_ms: int = 15_000
    stale_ms: int = 500
    byte_ms: int = 10

    @property
    def has_no_faults(self) -> bool:
        """Whether there are no faults."""
        return not any(self.rates.values())


def decide(plan: FaultPlan, call: CallKind, number: int) -> Fault | None:
    """Return the fault of the call with this number among its kind, if it gets one."""
    key = f"{plan.seed}/{call}/{number}".encode()
    left = int.from_bytes(hashlib.blake2b(key, digest_size=7).digest()) / 2**56  # seven bytes: exact in a float
    for fault in _FAULTS[call]:
        left -= plan.rates.get(fault, 0)
        if left < 0:
            return fault
    return None


def read_fault_plan(body: bytes) -> FaultPlan | Malformed:
    """Read `{"seed", "rates", "late_ms", "stale_ms", "byte_ms"}`, all optional; unknown fields are refused."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Malformed("the body is not JSON")
    if type(fields) is not dict or type(fields.get("rates", {})) is not dict:
        return Malformed("the body, or its rates, is not a JSON object")
    rates = fields.pop("rates", {})
    for name, value in fields.items():
        if name not in ("seed", "late_ms", "stale_ms", "byte_ms"):
            return Malformed(f"{name} is not known")
        if type(value) is not int or (name != "seed" and not 0 <= value <= MS_MAX):
            return Malformed(f"{name} is not an integer, or not within 0 and {MS_MAX} ms")
    return _invalid_rates(rates) or FaultPlan(rates={Fault(name): rate for name, rate in rates.items()}, **fields)


def _invalid_rates(rates: dict[str, object]) -> Malformed | None:
    """Return what is wrong with the rates, if anything."""
    for name, rate in rates.items():
        if name not in set(Fault):
            return Malformed(f"{name} is not a fault; faults are {', '.join(Fault)}")
        if not _is_fraction(rate):
            return Malformed(f"the rate of {name} is not a number within 0 and 1")
    for call, faults in _FAULTS.items():
        total = sum(rate for name, rate in rates.items() if name in faults and _is_fraction(rate))
        if total > 1 + 1e-9:  # ten times 0.1 is a little more than 1
            return Malformed(f"the rates of {call} calls add up to more than 1")
    return None


def _is_fraction(rate: object) -> TypeGuard[float]:
    return type(rate) in (int, float) and isinstance(rate, int | float) and 0 <= rate <= 1
