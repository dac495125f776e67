"""The kernel's control groups, in both versions: a group per service, its limits, and its usage.

Groups are created below this process's own group, so that its limits still apply. The versions differ only in the files
and the texts in them; each is a table of these, and tested as such.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from sandbox.stack.errors import StackError
from sandbox.stack.limits.compose_limits import Limit

MOUNTED_AT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")

# Docker's period: a service's quota is for one period; what it does not use is lost, beyond it the service waits.
PERIOD_US = 100_000

_NS_PER_S = 1_000_000_000
_US_PER_S = 1_000_000
_CONTROLLERS = ("cpu", "cpuacct", "memory")


@dataclass(frozen=True, slots=True)
class GroupUsage:
    """What a group has used since it was created. ``throttled_s``: it waited because its quota was used up."""

    cpu_s: float
    periods: int
    periods_throttled: int
    throttled_s: float
    memory_peak_bytes: int
    oom_kills: int
    memory_failed: int = 0  # how often the limit was reached, and memory had to be reclaimed first
    major_faults: int = 0  # pages read again from disk


@dataclass(frozen=True, slots=True)
class CgroupV1:
    """A hierarchy for each controller."""

    above: Mapping[str, Path]  # the folder of this process's own group, by controller

    def folders(self, group: str) -> tuple[Path, ...]:
        """Return one folder per controller."""
        return tuple(self.above[controller] / group for controller in _CONTROLLERS)

    def limits(self, group: str, limit: Limit) -> dict[Path, str]:
        """Return CPU time per period, and bytes; swap keeps docker's default."""
        cpu, _, memory = self.folders(group)
        shares = {} if limit.cpu_shares is None else {cpu / "cpu.shares": str(limit.cpu_shares)}
        return shares | {
            cpu / "cpu.cfs_period_us": str(PERIOD_US),
            cpu / "cpu.cfs_quota_us": str(_quota_us(limit.cpus)),
            memory / "memory.limit_in_bytes": str(limit.memory_bytes),
        }

    def usage(self, group: str) -> GroupUsage:
        """Return the usage; raises FileNotFoundError if the group is gone."""
        cpu, cpuacct, memory = self.folders(group)
        stat = _table(cpu / "cpu.stat")
        return GroupUsage(
            cpu_s=int((cpuacct / "cpuacct.usage").read_text()) / _NS_PER_S,
            periods=stat["nr_periods"],
            periods_throttled=stat["nr_throttled"],
            throttled_s=stat["throttled_time"] / _NS_PER_S,
            memory_peak_bytes=int((memory / "memory.max_usage_in_bytes").read_text()),
            oom_kills=_table(memory / "memory.oom_control").get("oom_kill", 0),
            memory_failed=int((memory / "memory.failcnt").read_text()),
            major_faults=_table(memory / "memory.stat").get("pgmajfault", 0),
        )


@dataclass(frozen=True, slots=True)
class CgroupV2:
    """One hierarchy for all controllers."""

    above: Path  # the nearest group that enables both controllers for groups below it

    def folders(self, group: str) -> tuple[Path, ...]:
        """Return the one folder of the group."""
        return (self.above / group,)

    def limits(self, group: str, limit: Limit) -> dict[Path, str]:
        """Return CPU time per period, and bytes."""
        folder = self.above / group
        weight = {} if limit.cpu_shares is None else {folder / "cpu.weight": str(_weight(limit.cpu_shares))}
        return weight | {
            folder / "cpu.max": f"{_quota_us(limit.cpus)} {PERIOD_US}",
            folder / "memory.max": str(limit.memory_bytes),
        }

    def usage(self, group: str) -> GroupUsage:
        """Return the usage; raises FileNotFoundError if the group is gone."""
        folder = self.above / group
        stat = _table(folder / "cpu.stat")
        peak = folder / "memory.peak"  # since Linux 5.19
        return GroupUsage(
            cpu_s=stat["usage_usec"] / _US_PER_S,
            periods=stat["nr_periods"],
            periods_throttled=stat["nr_throttled"],
            throttled_s=stat["throttled_usec"] / _US_PER_S,
            memory_peak_bytes=int((peak if peak.exists() else folder / "memory.current").read_text()),
            oom_kills=_table(folder / "memory.events").get("oom_kill", 0),
            memory_failed=_table(folder / "memory.events").get("max", 0),
            major_faults=_table(folder / "memory.stat").get("pgmajfault", 0),
        )


# One of the two versions.
CgroupVersion = CgroupV1 | CgroupV2


def find(mounted_at: Path = MOUNTED_AT, membership: Path = MEMBERSHIP) -> CgroupVersion:
    """Return the version that limits CPU and memory on this machine, with this process's own group.

    Raises:
        StackError: neither does; the text says what is missing.
    """
    own = dict(_memberships(membership))
    if all((mounted_at / controller).is_dir() for controller in _CONTROLLERS):
        return CgroupV1({name: _inside(mounted_at / name, own.get(name, "/")) for name in _CONTROLLERS})
    if not (mounted_at / "cgroup.controllers").exists():
        raise StackError(f"LIMITS=compose needs control groups: none for CPU and memory are mounted at {mounted_at}")
    here = _inside(mounted_at, own.get("", "/"))
    for folder in (here, *here.parents):
        given = (folder / "cgroup.subtree_control").read_text().split()
        if {"cpu", "memory"} <= set(given):
            return CgroupV2(folder)
        if folder == mounted_at:
            break
    raise StackError(f"LIMITS=compose needs control groups: no group above {here} enables cpu and memory below it")


def create(form: CgroupVersion, group: str, limit: Limit) -> tuple[Path, ...]:
    """Create a group with its limits; return the files to which a process writes 0 to join it.

    Raises:
        StackError: the kernel does not allow it; the text says why.
    """
    try:
        for folder in form.folders(group):
            folder.mkdir(exist_ok=True)  # controllers that are mounted together share a folder
        for path, text in form.limits(group, limit).items():
            path.write_text(text)
    except OSError as error:
        remove(form, group)
        why = "be root" if os.geteuid() != 0 else "the control groups may be mounted read-only, as in a container"
        raise StackError(f"LIMITS=compose cannot set {error.filename}: {error.strerror} ({why})") from None
    return tuple(dict.fromkeys(folder / "cgroup.procs" for folder in form.folders(group)))


def remove(form: CgroupVersion, group: str) -> bool:
    """Remove a group; return False if something still runs in it."""
    for folder in form.folders(group):
        with contextlib.suppress(FileNotFoundError):
            try:
                folder.rmdir()
            except OSError:
                return False
    return True


def _weight(cpu_shares: int) -> int:
    """Return version 2's weight (1 to 10,000) for docker's shares (2 to 262,144), as runc does."""
    return 1 + (cpu_shares - 2) * 9_999 // 262_142


def _quota_us(cpus: Decimal) -> int:
    return int(cpus * PERIOD_US)


def _table(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in path.read_text().splitlines())
    return {name: int(value) for name, value in pairs}


def _inside(mount: Path, path: str) -> Path:
    # In a container the path may be the host's, while the mount shows only what is below the container's group.
    below = mount / path.lstrip("/")
    return below if below.is_dir() else mount


def _memberships(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, group
