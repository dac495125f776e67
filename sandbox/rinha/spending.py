"""What each service used in a run under limits: CPU, waiting for its share, memory, and CPU per accepted payment."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sandbox.stack.limits.cgroups import Usage
from sandbox.stack.limits.compose_limits import Limit

Row = tuple[str, str, str]  # name, value, meaning

_US_PER_S = 1_000_000
_BYTES_PER_MB = 1024**2  # as docker counts


@dataclass(frozen=True, slots=True)
class Spent:
    """One service, from the first payment until all were settled; peak memory is that of its whole life."""

    cpus: float  # its limit, in CPUs
    cpu_s: float
    periods: int  # of 100 ms, in which it had something to do
    periods_throttled: int
    throttled_s: float
    memory_max_bytes: int
    memory_peak_bytes: int
    oom_kills: int
    memory_failed: int
    major_faults: int


@dataclass(frozen=True, slots=True)
class Spending:
    """All services of a run."""

    by_service: dict[str, Spent]
    cpu_us_per_payment: float


def spending(
    limits: Mapping[str, Limit], before: Mapping[str, Usage], after: Mapping[str, Usage], accepted: int
) -> Spending:
    """Return what was used between two readings."""
    by_service = {name: _spent(limit, before[name], after[name]) for name, limit in limits.items()}
    cpu_s = sum(spent.cpu_s for spent in by_service.values())
    return Spending(by_service, cpu_s * _US_PER_S / accepted if accepted else 0.0)


def rows(spending: Spending) -> Iterator[Row]:
    """Yield a line per service, and the sum."""
    for name, spent in spending.by_service.items():
        yield f"{name} ({spent.cpus:.2f} CPU)", _figures(spent), _events(spent)
    all_s = sum(spent.cpu_s for spent in spending.by_service.values())
    peak = sum(spent.memory_peak_bytes for spent in spending.by_service.values())
    most = sum(spent.memory_max_bytes for spent in spending.by_service.values())
    means = f"{spending.cpu_us_per_payment:,.0f} us of CPU per accepted payment"
    yield "all services", f"{all_s:.2f} s, {_memory(peak, most)}", means


def _spent(limit: Limit, before: Usage, after: Usage) -> Spent:
    return Spent(
        cpus=float(limit.cpus),
        cpu_s=after.cpu_s - before.cpu_s,
        periods=after.periods - before.periods,
        periods_throttled=after.periods_throttled - before.periods_throttled,
        throttled_s=after.throttled_s - before.throttled_s,
        memory_max_bytes=limit.memory_bytes,
        memory_peak_bytes=after.memory_peak_bytes,
        oom_kills=after.oom_kills - before.oom_kills,
        memory_failed=after.memory_failed - before.memory_failed,
        major_faults=after.major_faults - before.major_faults,
    )


def _figures(spent: Spent) -> str:
    return f"{spent.cpu_s:.2f} s, {_memory(spent.memory_peak_bytes, spent.memory_max_bytes)}"


def _memory(peak: int, most: int) -> str:
    return f"{peak / _BYTES_PER_MB:.0f} of {most / _BYTES_PER_MB:.0f} MB"


def _events(spent: Spent) -> str:
    throttled = f"throttled in {spent.periods_throttled} of {spent.periods} periods, {spent.throttled_s:.2f} s in all"
    memory = {
        "killed for memory {:,} times": spent.oom_kills,
        "at its memory limit {:,} times": spent.memory_failed,
        "{:,} major faults": spent.major_faults,
    }
    return "; ".join([throttled, *(text.format(count) for text, count in memory.items() if count)])
