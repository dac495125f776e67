"""The stack under docker's limits: a control group for each service while the stack runs."""

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from sandbox.stack.limits import cgroups
from sandbox.stack.limits import compose_limits as limits
from sandbox.stack.limits.cgroups import CgroupV1, CgroupV2, CgroupVersion, GroupUsage
from sandbox.stack.limits.compose_limits import Limit
from sandbox.stack.plan.parts_to_run import Part, Stages

# A part that has ended leaves its group a moment later.
_EMPTY_WITHIN_S = 2.0
_LOOK_EVERY_S = 0.02

_PREFIX = "tarifa-"
_FILE = "limits.json"


@dataclass(frozen=True, slots=True)
class StackGroups:
    """The control groups of one stack."""

    form: CgroupVersion
    by_service: Mapping[str, Limit]
    of_process: int

    def name(self, service: str) -> str:
        """Return the name of a service's group; two stacks never share one."""
        return f"{_PREFIX}{self.of_process}-{service}"

    def usage(self) -> dict[str, GroupUsage]:
        """Return what each service has used."""
        return {service: self.form.usage(self.name(service)) for service in self.by_service}


@contextlib.contextmanager
def with_limits(stages: Stages, folder: Path, form: CgroupVersion, by_service: Mapping[str, Limit]) -> Iterator[Stages]:
    """Create the groups, and yield the parts that join them; until the end `find` finds the groups by the folder.

    Raises:
        StackError: the kernel does not allow it.
    """
    _remove_orphaned(form)
    groups = StackGroups(form, by_service, os.getpid())
    try:
        entries = {name: cgroups.create(form, groups.name(name), limit) for name, limit in by_service.items()}
        _write(folder, groups)
        yield tuple(tuple(_inside(part, by_service, entries) for part in stage) for stage in stages)
    finally:
        (folder / _FILE).unlink(missing_ok=True)
        _remove(form, [groups.name(name) for name in by_service])


def find(folder: Path) -> StackGroups | None:
    """Return the groups of the stack that runs in a folder; None if it has no limits."""
    try:
        stored = json.loads((folder / _FILE).read_text())
    except FileNotFoundError:
        return None
    above = stored["above"]
    form: CgroupVersion = (
        CgroupV2(Path(above)) if isinstance(above, str) else CgroupV1({name: Path(at) for name, at in above.items()})
    )
    by_service = {name: Limit(Decimal(cpus), memory) for name, (cpus, memory) in stored["services"].items()}
    return StackGroups(form, by_service, stored["process"])


def _write(folder: Path, groups: StackGroups) -> None:
    above = groups.form.above
    document = {
        "process": groups.of_process,
        "above": str(above) if isinstance(above, Path) else {name: str(path) for name, path in above.items()},
        "services": {name: (str(limit.cpus), limit.memory_bytes) for name, limit in groups.by_service.items()},
    }
    (folder / _FILE).write_text(json.dumps(document))


def _inside(part: Part, by_service: Mapping[str, Limit], entries: Mapping[str, tuple[Path, ...]]) -> Part:
    service = limits.service_of(part.name)
    if service is None:
        return part
    # The caller's and the plan's variables take precedence over the container's.
    env = {name: text for name, text in by_service[service].env.items() if name not in os.environ}
    return replace(part, env={**env, **part.env}, enters=entries[service])


def _remove_orphaned(form: CgroupVersion) -> None:
    """Remove the groups of stacks that were killed."""
    for above in {folder.parent for folder in form.folders(_PREFIX)}:
        for folder in above.glob(f"{_PREFIX}*-*"):
            process = folder.name.removeprefix(_PREFIX).partition("-")[0]
            if process.isdigit() and not Path("/proc", process).exists():
                cgroups.remove(form, folder.name)


def _remove(form: CgroupVersion, names: list[str]) -> None:
    deadline_s = time.monotonic() + _EMPTY_WITHIN_S
    while (names := [name for name in names if not cgroups.remove(form, name)]) and time.monotonic() < deadline_s:
        time.sleep(_LOOK_EVERY_S)
