"""What a running stack says of itself: its metrics, and the memory of one process."""

import asyncio
import re
import urllib.request
from collections import defaultdict
from pathlib import Path

from sandbox.stack import Stack
from services.contracts.durations import BOUNDS_MS

_SAMPLE = re.compile(r"^([a-zA-Z_:]\w*)(?:\{(.*)\})? (\S+)$")
_BOUND = re.compile(r'le="([^"]+)"')
_KIB_PER_MIB = 1024


async def samples(stack: Stack, part: str) -> list[tuple[str, str, float]]:
    """Return name, labels and value of each sample; the stack must serve its services' metrics."""
    text = await asyncio.to_thread(_read, stack.metrics_url(part))
    found = [_SAMPLE.match(line) for line in text.splitlines()]
    return [(match[1], match[2] or "", float(match[3])) for match in found if match]


async def total(stack: Stack, part: str, name: str) -> int:
    """Return the sum of all samples of a name."""
    return int(sum(value for each, _, value in await samples(stack, part) if each == name))


async def settle_counts(stack: Stack, dispatcher: str) -> list[int]:
    """Return how many payments took how long from acceptance to settlement, by the buckets of ``durations``."""
    reached: defaultdict[str, float] = defaultdict(float)
    for name, labels, value in await samples(stack, dispatcher):
        if name == "tarifa_settle_seconds_bucket" and (bound := _BOUND.search(labels)) is not None:
            reached[bound[1]] += value
    in_order = [int(reached[bound]) for bound in sorted(reached, key=float)]
    if len(in_order) != len(BOUNDS_MS) + 1:
        raise RuntimeError(f"{dispatcher} has {len(in_order)} buckets of tarifa_settle_seconds")
    return [count - before for count, before in zip(in_order, [0, *in_order], strict=False)]


def resident_mib(pid: int, field: str = "VmRSS") -> float:
    """Return resident MiB of a process now; ``VmHWM``: the most that it ever were."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{field}:")).split()[1]) / _KIB_PER_MIB


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (an address of this stack)
        text: str = answer.read().decode()
    return text
