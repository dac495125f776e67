"""The stack under docker's limits: a group for each service while the stack runs, none afterwards."""

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
from sandbox.stack.limits.cgroups import V1, V2, Form, Usage
from sandbox.stack.limits.compose_limits import Limit
from sandbox.stack.plan.parts_to_run import Part, Stages

# A part that has ended leaves its group a moment later.
_EMPTY_WITHIN_S = 2.0
_LOOK_EVERY_S = 0.02

_PREFIX = "tarifa-"
_FILE = "limits.json"


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of one stack."""

    form: Form
    by_service: Mapping[str, Limit]
    of_process: int

    def name(self, service: str) -> str:
        """Return a service's group, named so that two stacks never share one."""
        return f"{_PREFIX}{self.of_process}-{service}"

    def usage(self) -> dict[str, Usage]:
        """Read what each service has used."""
        return {service: self.form.usage(self.name(service)) for service in self.by_service}


@contextlib.contextmanager
def limited(stages: Stages, folder: Path, form: Form, by_service: Mapping[str, Limit]) -> Iterator[Stages]:
    """Have the groups, and the parts as they enter them; whoever reads the folder meanwhile can `find` them.

    Raises:
        StackError: the kernel does not let us.
    """
    _sweep(form)
    groups = Groups(form, by_service, os.getpid())
    try:
        entries = {name: cgroups.create(form, groups.name(name), limit) for name, limit in by_service.items()}
        _note(folder, groups)
        yield tuple(tuple(_inside(part, by_service, entries) for part in stage) for stage in stages)
    finally:
        (folder / _FILE).unlink(missing_ok=True)
        _remove(form, [groups.name(name) for name in by_service])


def find(folder: Path) -> Groups | None:
    """Return the groups of the stack that runs in a folder; None if it has no limits."""
    try:
        noted = json.loads((folder / _FILE).read_text())
    except FileNotFoundError:
        return None
    above = noted["above"]
    form: Form = V2(Path(above)) if isinstance(above, str) else V1({name: Path(at) for name, at in above.items()})
    by_service = {name: Limit(Decimal(cpus), memory) for name, (cpus, memory) in noted["services"].items()}
    return Groups(form, by_service, noted["process"])


def _note(folder: Path, groups: Groups) -> None:
    above = groups.form.above
    noted = {
        "process": groups.of_process,
        "above": str(above) if isinstance(above, Path) else {name: str(path) for name, path in above.items()},
        "services": {name: (str(limit.cpus), limit.memory_bytes) for name, limit in groups.by_service.items()},
    }
    (folder / _FILE).write_text(json.dumps(noted))


def _inside(part: Part, by_service: Mapping[str, Limit], entries: Mapping[str, tuple[Path, ...]]) -> Part:
    service = limits.service_of(part.name)
    if service is None:
        return part
    # What the caller or the plan says goes before what the container would have.
    env = {name: text for name, text in by_service[service].env.items() if name not in os.environ}
    return replace(part, env={**env, **part.env}, enters=entries[service])


def _sweep(form: Form) -> None:
    """Remove what a stack left behind that was killed."""
    for above in {folder.parent for folder in form.folders(_PREFIX)}:
        for folder in above.glob(f"{_PREFIX}*-*"):
            process = folder.name.removeprefix(_PREFIX).partition("-")[0]
            if process.isdigit() and not Path("/proc", process).exists():
                cgroups.remove(form, folder.name)


def _remove(form: Form, names: list[str]) -> None:
    deadline_s = time.monotonic() + _EMPTY_WITHIN_S
    while (names := [name for name in names if not cgroups.remove(form, name)]) and time.monotonic() < deadline_s:
        time.sleep(_LOOK_EVERY_S)
