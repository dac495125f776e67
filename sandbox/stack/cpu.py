"""What each service of a running stack has used of the CPU, by the kernel's own count, with limits or without."""

import contextlib
import os
from collections import defaultdict
from pathlib import Path

from sandbox.stack.limits import service_of

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_GROUP, _USER, _SYSTEM = 2, 11, 12  # fields of /proc/<pid>/stat behind the name


def cpu_s_by_service(folder: Path) -> dict[str, float]:
    """Return CPU seconds of the parts that run in a stack's folder; both ingress instances count for themselves.

    A part that died took its count with it. Each leads a process group, so that nginx's worker counts for nginx.
    """
    by_group: defaultdict[int, float] = defaultdict(float)
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                fields = (process / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            by_group[int(fields[_GROUP])] += (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS_PER_S
    found: defaultdict[str, float] = defaultdict(float)
    for file in folder.glob("*.pid"):
        service = service_of(file.stem)
        if service is not None:
            with contextlib.suppress(FileNotFoundError):  # it has just died
                found[service] += by_group[int(file.read_text())]
    return dict(found)
