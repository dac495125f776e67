"""Whether payments were settled at the other processor while one was away, also after a part was hit. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sandbox.chaos.audit import Verdict, Violation

SERVED_LEAST_S = (
    12.0  # another processor must serve for so long after the hit before it is a violation that nothing is settled
)


class Outage(NamedTuple):
    """An outage that was done; ``served_s``: for how long after the hit another processor took payments."""

    processor: str
    hit_s: float
    ended_s: float
    served_s: float


def outages_without_settlements(outages: Iterable[Outage], settled: Sequence[tuple[str, float]]) -> list[Violation]:
    """Return the outages after whose hit nothing was settled elsewhere; ``settled`` are processors and times."""
    return [
        Violation(
            Verdict.DIFFERING,
            "",
            f"nothing was settled elsewhere in the {outage.ended_s - outage.hit_s:.0f} s after the hit in an outage of "
            f"{outage.processor}, though another processor served for {outage.served_s:.0f} s of them",
        )
        for outage in outages
        if outage.served_s >= SERVED_LEAST_S
        and not any(name != outage.processor and outage.hit_s <= at_s <= outage.ended_s for name, at_s in settled)
    ]
