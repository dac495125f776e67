"""The plan of faults that is in effect, and how often each fault happened; asked for each call."""

from collections import Counter

import orjson

from sandbox.processor.faults import CallKind, Fault, FaultPlan, decide


class RecentBookings:
    """Ids booked recently, which a stale look-up does not find yet.

    The caller discards an id whose booking was answered with 5xx: "500, and then not found" is the one sign
    that proves that a payment was not booked. A processor that gives it for a booked payment leaves callers no
    way to be right, so a stale read affects only ids whose charge had another answer, or none.
    """

    def __init__(self, age_ms: int) -> None:
        self._age_ms = age_ms
        self._booked_ms: dict[str, int] = {}  # in order of booking

    def __len__(self) -> int:
        return len(self._booked_ms)

    def add(self, correlation_id: str, now_ms: int) -> None:
        """Remember an id as booked now, and forget those that are too old."""
        self.discard(correlation_id)  # after a purge it may be booked again, and then it is the youngest
        self._booked_ms[correlation_id] = now_ms
        while (oldest := next(iter(self._booked_ms))) != correlation_id and not self.has(oldest, now_ms):
            del self._booked_ms[oldest]

    def discard(self, correlation_id: str) -> None:
        """Let look-ups find this id from now on."""
        self._booked_ms.pop(correlation_id, None)

    def has(self, correlation_id: str, now_ms: int) -> bool:
        """Whether the id is younger than the age."""
        booked_ms = self._booked_ms.get(correlation_id)
        return booked_ms is not None and now_ms - booked_ms < self._age_ms


class ActiveFaults:
    """The current plan, how many calls of each kind it has decided, and the counts since the process started."""

    def __init__(self) -> None:
        self.plan = FaultPlan()
        self.has_no_faults = True
        self.recent_bookings = RecentBookings(self.plan.stale_ms)
        self.held = 0  # requests held back that are still to be handled
        self.redirects_followed = 0
        self._numbers: Counter[CallKind] = Counter()
        self._done: Counter[Fault] = Counter()

    def set_plan(self, plan: FaultPlan) -> None:
        """Set the plan: numbering restarts, counts continue, and held requests stay held for their time."""
        self.plan = plan
        self.has_no_faults = plan.has_no_faults
        self.recent_bookings = RecentBookings(plan.stale_ms)
        self._numbers.clear()

    def next_fault(self, call: CallKind) -> Fault | None:
        """Return the fault of the next call of this kind."""
        self._numbers[call] += 1
        return decide(self.plan, call, self._numbers[call])

    def count(self, fault: Fault) -> None:
        """Count a fault that really happened."""
        self._done[fault] += 1

    def report(self) -> bytes:
        """Return the plan and all counts as JSON."""
        plan = self.plan
        return orjson.dumps(
            {
                "seed": plan.seed,
                "rates": {fault.value: rate for fault, rate in plan.rates.items()},
                "late_ms": plan.late_ms,
                "stale_ms": plan.stale_ms,
                "byte_ms": plan.byte_ms,
                "done": {fault.value: self._done[fault] for fault in Fault},
                "held": self.held,
                "redirects_followed": self.redirects_followed,
            }
        )
