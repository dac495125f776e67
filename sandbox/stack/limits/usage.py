"""What each service of a running stack uses, as the kernel counts it, with or without limits."""

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from sandbox.stack.limits.compose_limits import service_of

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_GROUP, _USER, _SYSTEM = 2, 11, 12  # fields of /proc/<pid>/stat behind the name
_KIB_PER_MIB = 1024


def cpu_s_by_service(folder: Path) -> dict[str, float]:
    """Return CPU seconds of the parts that run in a stack's folder; each ingress instance is counted by itself.

    The time of a part that died is not included. Each part leads a process group, so nginx's worker counts for nginx.
    """
    found: defaultdict[str, float] = defaultdict(float)
    for service, _, stat in _processes(folder):
        found[service] += (int(stat[_USER]) + int(stat[_SYSTEM])) / _TICKS_PER_S
    return dict(found)


def memory_mib_by_service(folder: Path) -> dict[str, float]:
    """Return resident MiB of the same parts; shared pages count for each process in proportion."""
    found: defaultdict[str, float] = defaultdict(float)
    for service, process, _ in _processes(folder):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just died
            lines = (process / "smaps_rollup").read_text().splitlines()
            found[service] += int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / _KIB_PER_MIB
    return dict(found)


def _processes(folder: Path) -> Iterator[tuple[str, Path, list[str]]]:
    services = {}
    for file in folder.glob("*.pid"):
        with contextlib.suppress(FileNotFoundError):
            services[int(file.read_text())] = service_of(file.stem)
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                stat = (process / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if (service := services.get(int(stat[_GROUP]))) is not None:
                yield service, process, stat
