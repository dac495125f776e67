"""A load test's payments and processors on a virtual clock, with the dispatcher's real ``Traffic`` between them.

What is simulated: users who each pay about once a second, processors that read their delay when a call arrives and
their failure flag after it, a health call in 5.1 s, a machine that needs a fixed time for each call it makes, and the
stream. What is real: every decision. No I/O, no sleeping, and only seeded random numbers: a run always gives the same
figures.
"""

import random
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from sandbox.rinha.profile import PROCESSORS, Behaviour, Profile
from services.contracts.money import Cents
from services.contracts.stamp import EPOCH
from services.dispatcher.core.condition import Health
from services.dispatcher.core.in_hand import InHand, Start
from services.dispatcher.core.route import Rules
from services.dispatcher.core.traffic import Traffic

RULES = Rules(
    settle_within_ms=10_000, spill_after_ms=1_000, slow_call_ms=1_400, calls_per_s_max=1_000, in_flight_max=256
)
HEALTH_EVERY_MS = 5_100.0
LOOK_EVERY_MS = 1_000.0
TICK_MS = 20.0
STEP_MS = 5.0  # turns happen at whole steps: what changes within one is handled by one turn
PULL_SHARE = 4
PAY_TOOK_MS = 2.0  # each user waits for the answer, then a second
CALL_COSTS_MS = (0.85, 0.5)  # 740 calls a second
AFTER_END_MS = 1_000.0  # the totals are read when the last users have slept their last second
QUICK_MS = 1_500.0  # a call that takes longer may be missing in a check of the summaries


@dataclass(slots=True)
class Figures:
    """The results of a run."""

    accepted: int = 0
    settled: Counter[str] = field(default_factory=Counter)
    settled_in: dict[int, Counter[str]] = field(default_factory=dict)  # by second of the settlement
    late: int = 0  # settled after the totals were read, or not at all
    slow: int = 0  # booked by a call longer than QUICK_MS
    failed_calls: Counter[str] = field(default_factory=Counter)
    moves: int = 0
    in_flight_max: Counter[str] = field(default_factory=Counter)
    waited_ms_max: float = 0.0
    idle_ms: float = 0.0  # the machine idle while payments waited and the cheapest would have served

    def share_on(self, name: str) -> float:
        """Return the part of all settled payments that this processor charged."""
        return self.settled[name] / max(1, self.settled.total())

    def share_of_ceiling(self, profile: Profile) -> float:
        """Return what is left after fees, as a part of what every accepted payment on the cheapest would leave."""
        net = sum(count * (1 - float(profile.fees[name])) for name, count in self.settled.items())
        return net / (self.accepted * (1 - float(min(profile.fees.values()))))


class Simulation:
    """One run of a profile.

    Args:
        profile: the load test.
        health_at_ms: when the health endpoints are first asked; the stages do not wait for them.
        stages_late_ms: how long after their second the processors change.
        call_costs_ms: what making a call and reading its answer costs the machine.
        seed: of the jitter.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        health_at_ms: float = 300.0,
        stages_late_ms: float = 0.0,
        call_costs_ms: tuple[float, float] = CALL_COSTS_MS,
        seed: int = 1,
        rules: Rules = RULES,
    ) -> None:
        self._profile = profile
        self._stages_at_ms = [stage.second * 1000 + stages_late_ms for stage in profile.stages]
        self._random = random.Random(seed)  # noqa: S311  # jitter
        self._call_costs_ms = call_costs_ms
        self._traffic = Traffic(PROCESSORS, rules)
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._machine_free_ms = 0.0
        self._stream: deque[InHand] = deque()
        self._outstanding = 0
        self._seq = 0
        self._turn_at_ms = -1.0
        self._end_ms = profile.length_s * 1000.0
        self.figures = Figures()
        self._at(health_at_ms, self._health)
        self._at(0.0, self._look)
        self._at(0.0, self._tick)
        for step_from, users_from, users_to, during in _ramps(profile):
            for user in range(users_from, users_to):
                begin = step_from + during * (user - users_from) / max(1, users_to - users_from)
                self._at(begin, self._pay)

    def run(self) -> Figures:
        """Run the whole load and the second after it."""
        close_ms = self._end_ms + AFTER_END_MS
        while self._events and self._events[0][0] <= close_ms:
            self._now, _, event = heappop(self._events)
            event()
        self.figures.late = self.figures.accepted - self.figures.settled.total()
        return self.figures

    # ---- the world

    def _at(self, when_ms: float, event: Callable[[], None]) -> None:
        self._count += 1
        heappush(self._events, (when_ms, self._count, event))

    def _behaviour(self, processor: str, at_ms: float) -> Behaviour:
        stage = self._profile.stages[max(0, bisect_right(self._stages_at_ms, at_ms) - 1)]
        return stage.default if processor == PROCESSORS[0] else stage.fallback

    def _pay(self) -> None:
        if self._now >= self._end_ms:
            return
        self._seq += 1
        self.figures.accepted += 1
        payment = InHand(str(self._seq), Cents(1), EPOCH, self._now, self._seq, {})
        self._stream.append(payment)
        self._hand_over()
        self._at(self._now + self._profile.as_json["sleep_s"] * 1000 + PAY_TOOK_MS, self._pay)

    def _health(self) -> None:
        for name in PROCESSORS:
            says = self._behaviour(name, self._now)
            self._traffic.evidence(name).add_health(Health(self._now, says.failing, says.delay_ms))
        self._changed()
        self._at(self._now + HEALTH_EVERY_MS, self._health)

    def _machine(self, cost_ms: float) -> float:
        """Return when the machine, which does one thing after another, will have done this one."""
        self._machine_free_ms = max(self._machine_free_ms, self._now) + cost_ms
        return self._machine_free_ms

    # ---- the dispatcher around its traffic

    def _changed(self) -> None:
        at_ms = (self._now // STEP_MS + 1) * STEP_MS
        if at_ms > self._turn_at_ms:
            self._turn_at_ms = at_ms
            self._at(at_ms, self._turn)

    def _tick(self) -> None:
        self._changed()
        self._at(self._now + TICK_MS, self._tick)

    def _look(self) -> None:
        self._traffic.backlog = len(self._stream)
        self._traffic.head_stored_ms = self._stream[0].since_ms if self._stream else self._now
        self._at(self._now + LOOK_EVERY_MS, self._look)

    def _turn(self) -> None:
        for start in self._traffic.starts(self._now):
            self._start(start)
        wanted = self._traffic.fetchable(self._now) - self._outstanding
        if wanted > 0 and wanted * PULL_SHARE >= self._outstanding:
            self._outstanding += wanted
            self._hand_over()
        waiting = self._stream or self._traffic.waiting
        if waiting and self._machine_free_ms < self._now and not self._behaviour(PROCESSORS[0], self._now).failing:
            self.figures.idle_ms += STEP_MS

    def _hand_over(self) -> None:
        while self._outstanding and self._stream:
            payment = self._stream.popleft()
            self._outstanding -= 1
            self._traffic.backlog = len(self._stream)
            self._traffic.head_stored_ms = payment.since_ms
            self._traffic.take(payment)
            self._traffic.to_route(payment)
            self._changed()

    def _start(self, start: Start) -> None:
        payment, name = start.payment, start.generation
        evidence = self._traffic.evidence(name)
        token = evidence.sent(self._now)
        if payment.generation not in {"", name}:
            self.figures.moves += 1
        self.figures.in_flight_max[name] = max(self.figures.in_flight_max[name], evidence.in_flight)
        sent_ms = self._now

        def answers() -> None:
            failing = self._behaviour(name, self._now).failing
            self._at(self._machine(self._call_costs_ms[1]), failed if failing else booked)

        def booked() -> None:
            evidence.answered(token, self._now)
            self._traffic.remove(payment)
            self.figures.settled[name] += 1
            self.figures.settled_in.setdefault(int(self._now / 1000), Counter())[name] += 1
            self.figures.slow += self._now - sent_ms > QUICK_MS
            self.figures.waited_ms_max = max(self.figures.waited_ms_max, self._now - payment.since_ms)
            self._changed()

        def failed() -> None:
            evidence.failed(token, self._now)
            self.figures.failed_calls[name] += 1
            self._traffic.to_route_later(payment, self._now, self._random.random())
            self._changed()

        arrives_ms = self._machine(self._call_costs_ms[0])
        self._at(arrives_ms + self._behaviour(name, arrives_ms).delay_ms, answers)


def _ramps(profile: Profile) -> list[tuple[float, int, int, float]]:
    """Return for each step of the ramp: from when, users before it, users after it, how long (ms)."""
    ramps, at_ms, users = [(0.0, 0, profile.as_json["users_at_start"], 0.0)], 0.0, profile.as_json["users_at_start"]
    for step in profile.as_json["users"]:
        ramps.append((at_ms, users, max(users, step["up_to"]), step["during_s"] * 1000.0))
        at_ms, users = at_ms + step["during_s"] * 1000.0, max(users, step["up_to"])
    return ramps
