"""What each service used in a run under limits: CPU, throttled time, memory, and CPU per accepted payment."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sandbox.stack.limits.cgroups import GroupUsage
from sandbox.stack.limits.compose_limits import Limit

Row = tuple[str, str, str]  # name, value, meaning

_US_PER_S = 1_000_000
_BYTES_PER_MB = 1024**2  # as docker counts


@dataclass(frozen=True, slots=True)
class ServiceUsage:
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
class RunUsage:
    """All services of a run."""

    by_service: dict[str, ServiceUsage]
    cpu_us_per_payment: float


def run_usage(
    limits: Mapping[str, Limit], before: Mapping[str, GroupUsage], after: Mapping[str, GroupUsage], accepted: int
) -> RunUsage:
    """Return what was used between two readings."""
    by_service = {name: _used(limit, before[name], after[name]) for name, limit in limits.items()}
    cpu_s = sum(used.cpu_s for used in by_service.values())
    return RunUsage(by_service, cpu_s * _US_PER_S / accepted if accepted else 0.0)


def rows(usage: RunUsage) -> Iterator[Row]:
    """Yield a line per service, and the sum."""
    for name, used in usage.by_service.items():
        yield f"{name} ({used.cpus:.2f} CPU)", _figures(used), _events(used)
    all_s = sum(used.cpu_s for used in usage.by_service.values())
    peak = sum(used.memory_peak_bytes for used in usage.by_service.values())
    most = sum(used.memory_max_bytes for used in usage.by_service.values())
    means = f"{usage.cpu_us_per_payment:,.0f} us of CPU per accepted payment"
    yield "all services", f"{all_s:.2f} s, {_memory(peak, most)}", means


def _used(limit: Limit, before: GroupUsage, after: GroupUsage) -> ServiceUsage:
    return ServiceUsage(
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


def _figures(used: ServiceUsage) -> str:
    return f"{used.cpu_s:.2f} s, {_memory(used.memory_peak_bytes, used.memory_max_bytes)}"


def _memory(peak: int, most: int) -> str:
    return f"{peak / _BYTES_PER_MB:.0f} of {most / _BYTES_PER_MB:.0f} MB"


def _events(used: ServiceUsage) -> str:
    throttled = f"throttled in {used.periods_throttled} of {used.periods} periods, {used.throttled_s:.2f} s in all"
    memory = {
        "killed for memory {:,} times": used.oom_kills,
        "at its memory limit {:,} times": used.memory_failed,
        "{:,} major faults": used.major_faults,
    }
    return "; ".join([throttled, *(text.format(count) for text, count in memory.items() if count)])
