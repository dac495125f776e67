"""One generation of a processor, for routing: evidence, and the payments that wait to be sent there again."""

from dataclasses import dataclass, field

from services.dispatcher.core.condition import Evidence
from services.dispatcher.core.in_hand import InHand
from services.dispatcher.core.pace import in_flight_limit
from services.dispatcher.core.route import Candidate, Rules

ASSUMED_LATENCY_MS = 100.0  # while nothing is known of a processor


@dataclass(slots=True)
class GenerationState:
    """``bound`` is a heap by due time; ``unclaimed``: how many are assigned there by dead processes, not in hand yet.

    ``reserved``: the slots kept for the latter, at most half of all. They come only with what is fetched, and with no
    slot left for anything else, nothing would be fetched.
    """

    name: str
    takes_new: bool = True  # payments: it is neither paused nor closing
    evidence: Evidence = field(default_factory=Evidence)
    unclaimed: int = 0
    reserved: int = 0
    bound: list[tuple[float, int, InHand]] = field(default_factory=list)

    def candidate(self, rules: Rules, now_ms: float) -> Candidate:
        """Return what ``route`` compares: its condition, free slots and throughput at ``now_ms``."""
        evidence = self.evidence
        condition = evidence.condition(now_ms)
        limit = in_flight_limit(
            condition.base_latency_ms, calls_per_s_max=rules.calls_per_s_max, in_flight_max=rules.in_flight_max
        )
        self.reserved = min(self.unclaimed, limit // 2)
        latency_ms = max(condition.base_latency_ms or ASSUMED_LATENCY_MS, 1.0)
        serves = condition.state == "serving"
        return Candidate(
            name=self.name,
            serves=serves,
            slow=(condition.latency_ms or 0.0) > rules.slow_call_ms,
            free=limit - evidence.in_flight - len(self.bound) - self.reserved,
            canary_due=evidence.canary_due(now_ms, serving=serves) and evidence.in_flight < rules.in_flight_max,
            per_s=rules.in_flight_max * 1000 / latency_ms,
        )

    def claimable(self, rules: Rules, now_ms: float) -> int:
        """Return for how many of the ``unclaimed`` there are free slots now."""
        return max(0, min(self.unclaimed, self.candidate(rules, now_ms).free + self.reserved))
