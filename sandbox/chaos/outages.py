"""Whether payments were settled at the other processor while one was away, also after a part was hit. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sandbox.chaos.audit import Finding, Verdict

SERVED_LEAST_S = 12.0  # for which another processor served after the hit, before it is a fault that nothing was settled


class Outage(NamedTuple):
    """An outage that was done; ``served_s``: for how long after the hit another processor took payments."""

    processor: str
    hit_s: float
    ended_s: float
    served_s: float


def stood_still(outages: Iterable[Outage], settled: Sequence[tuple[str, float]]) -> list[Finding]:
    """Return the outages after whose hit nothing was settled elsewhere; ``settled`` are processors and times."""
    return [
        Finding(
            Verdict.DIFFERING,
            "",
            f"nothing was settled elsewhere in the {outage.ended_s - outage.hit_s:.0f} s after the hit in an outage of "
            f"{outage.processor}, though another processor served for {outage.served_s:.0f} s of them",
        )
        for outage in outages
        if outage.served_s >= SERVED_LEAST_S
        and not any(name != outage.processor and outage.hit_s <= at_s <= outage.ended_s for name, at_s in settled)
    ]
