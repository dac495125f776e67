"""The faults that are switched on, and what they have done; asked anew for each call."""

from collections import Counter

import orjson

from sandbox.processor.faults import Call, Fault, Plan, decide


class Recent:
    """Ids booked a short while ago, which a stale look-up does not see yet.

    The caller keeps an id out of here whose booking was answered 5xx: "500, and then it is not found" is the one sign
    which proves that a payment was not booked. A processor that gives it for a booked payment leaves no
    way to be right, so a stale read befalls only ids whose charge had another answer, or none.
    """

    def __init__(self, age_ms: int) -> None:
        self._age_ms = age_ms
        self._booked_ms: dict[str, int] = {}  # in order of booking

    def __len__(self) -> int:
        return len(self._booked_ms)

    def add(self, correlation_id: str, now_ms: int) -> None:
        """Remember an id as booked now, and forget those whose time is over."""
        self.discard(correlation_id)  # after a purge it may be booked again, and then it is the youngest
        self._booked_ms[correlation_id] = now_ms
        while (oldest := next(iter(self._booked_ms))) != correlation_id and not self.has(oldest, now_ms):
            del self._booked_ms[oldest]

    def discard(self, correlation_id: str) -> None:
        """Let everyone see this id from now on."""
        self._booked_ms.pop(correlation_id, None)

    def has(self, correlation_id: str, now_ms: int) -> bool:
        """Whether the id is younger than the age."""
        booked_ms = self._booked_ms.get(correlation_id)
        return booked_ms is not None and now_ms - booked_ms < self._age_ms


class Switchboard:
    """The plan in force, how many calls of each kind it has seen, and the counts since the process began."""

    def __init__(self) -> None:
        self.plan = Plan()
        self.is_calm = True
        self.recent = Recent(self.plan.stale_ms)
        self.held = 0  # requests held back that are still to be handled
        self.redirects_followed = 0
        self._numbers: Counter[Call] = Counter()
        self._done: Counter[Fault] = Counter()

    def switch(self, plan: Plan) -> None:
        """Put a plan in force: numbers begin anew, counts go on, and what is held stays held for its time."""
        self.plan = plan
        self.is_calm = plan.is_calm
        self.recent = Recent(plan.stale_ms)
        self._numbers.clear()

    def next_fault(self, call: Call) -> Fault | None:
        """The fault of the next call of this kind."""
        self._numbers[call] += 1
        return decide(self.plan, call, self._numbers[call])

    def count(self, fault: Fault) -> None:
        """Note that a fault was really done."""
        self._done[fault] += 1

    def report(self) -> bytes:
        """Everything, as JSON."""
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
