"""A container's control group, found by its first process, in both versions of control groups."""

from dataclasses import dataclass
from pathlib import Path

from sandbox.stack.errors import StackError
from sandbox.stack.limits.cgroups import CgroupV1, CgroupV2, CgroupVersion, GroupUsage

_CONTROLLERS = ("cpu", "cpuacct", "memory")


@dataclass(frozen=True, slots=True)
class Container:
    """One container of the engine; ``process``: the host's id of its first process."""

    process: int
    address: str


def usage_of(process: int, mounted_at: Path, proc: Path = Path("/proc")) -> GroupUsage:
    """Return what the group of a process has used since it was created.

    Raises:
        StackError: the process is gone, or its groups are not mounted here.
    """
    form, group = _group_of(process, mounted_at, proc)
    try:
        return form.usage(group)
    except FileNotFoundError as error:
        raise StackError(f"the control group of process {process} cannot be read: {error}") from None


def _group_of(process: int, mounted_at: Path, proc: Path) -> tuple[CgroupVersion, str]:
    try:
        lines = (proc / str(process) / "cgroup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        raise StackError(f"process {process} is gone") from None
    paths: dict[str, str] = {}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path.lstrip("/")
    if all((mounted_at / controller).is_dir() for controller in _CONTROLLERS):
        return CgroupV1({name: (mounted_at / name / paths[name]).parent for name in _CONTROLLERS}), Path(
            paths["cpu"]
        ).name
    return CgroupV2((mounted_at / paths[""]).parent), Path(paths[""]).name
