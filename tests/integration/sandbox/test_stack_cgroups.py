"""Control groups in both versions on copies of the kernel's folders, and real ones where this machine allows them."""

import io
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from sandbox.stack.console import Console
from sandbox.stack.errors import StackError
from sandbox.stack.limits import cgroups
from sandbox.stack.limits import limited_stack as limited
from sandbox.stack.limits.cgroups import CgroupV1, CgroupV2, CgroupVersion, GroupUsage
from sandbox.stack.limits.compose_limits import Limit
from sandbox.stack.plan.parts_to_run import Part
from sandbox.stack.processes.part_runner import PartRunner

PATIENCE_S = 60.0
LIMIT = Limit(Decimal("0.22"), 55 * 1024**2)


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    """Return a mount of version 1, in which this process is in /mine for memory and at the top otherwise."""
    for name in ("cpu", "cpuacct", "memory/mine"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "membership").write_text("3:memory:/mine\n2:cpu,cpuacct:/\n0::/\n")
    return tmp_path


@pytest.fixture
def v2(tmp_path: Path) -> Path:
    """Return a mount of version 2, in which this process is in /slice/mine."""
    (tmp_path / "slice" / "mine").mkdir(parents=True)
    (tmp_path / "cgroup.controllers").write_text("cpu memory io\n")
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory\n")
    (tmp_path / "slice" / "cgroup.subtree_control").write_text("cpu io memory\n")
    (tmp_path / "slice" / "mine" / "cgroup.subtree_control").write_text("\n")
    (tmp_path / "membership").write_text("0::/slice/mine\n")
    return tmp_path


def found(mount: Path) -> CgroupVersion:
    """Return what is found in such a folder."""
    return cgroups.find(mount, mount / "membership")


def test_version_1_limits_each_controller_below_our_own_group(v1: Path) -> None:
    """The quota is the share of docker's period; a process joins by one file per controller."""
    entries = cgroups.create(found(v1), "g", LIMIT)
    assert (v1 / "cpu/g/cpu.cfs_period_us").read_text() == "100000"
    assert (v1 / "cpu/g/cpu.cfs_quota_us").read_text() == "22000"
    assert (v1 / "memory/mine/g/memory.limit_in_bytes").read_text() == "57671680"
    assert set(entries) == {v1 / path / "g/cgroup.procs" for path in ("cpu", "cpuacct", "memory/mine")}


def test_a_weight_is_set_where_one_is_given(v1: Path, v2: Path) -> None:
    """Docker's shares, unchanged for version 1 and converted for version 2 as runc does."""
    light = replace(LIMIT, cpu_shares=64)
    forms = CgroupV1({"cpu": v1 / "cpu", "cpuacct": v1 / "cpuacct", "memory": v1 / "memory"}), CgroupV2(v2 / "slice")
    for form in forms:
        cgroups.create(form, "light", light)
        cgroups.create(form, "usual", LIMIT)
    assert (v1 / "cpu/light/cpu.shares").read_text() == "64"
    assert (v2 / "slice/light/cpu.weight").read_text() == "3"
    assert not (v1 / "cpu/usual/cpu.shares").exists()
    assert not (v2 / "slice/usual/cpu.weight").exists()


def test_version_1_returns_the_usage(v1: Path) -> None:
    """Nanoseconds become seconds."""
    form = found(v1)
    cgroups.create(form, "g", LIMIT)
    (v1 / "cpu/g/cpu.stat").write_text("nr_periods 8\nnr_throttled 2\nthrottled_time 250000000\nnr_bursts 0\n")
    (v1 / "cpuacct/g/cpuacct.usage").write_text("1500000000\n")
    (v1 / "memory/mine/g/memory.max_usage_in_bytes").write_text("4096\n")
    (v1 / "memory/mine/g/memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    (v1 / "memory/mine/g/memory.failcnt").write_text("7\n")
    (v1 / "memory/mine/g/memory.stat").write_text("cache 1\npgmajfault 9\n")
    assert form.usage("g") == GroupUsage(1.5, 8, 2, 0.25, 4096, 3, 7, 9)


def test_version_2_creates_groups_where_both_controllers_are_enabled(v2: Path) -> None:
    """Beside our own group, which has processes and so cannot enable controllers for groups below it."""
    entries = cgroups.create(found(v2), "g", LIMIT)
    assert (v2 / "slice/g/cpu.max").read_text() == "22000 100000"
    assert (v2 / "slice/g/memory.max").read_text() == "57671680"
    assert entries == (v2 / "slice/g/cgroup.procs",)


@pytest.mark.parametrize("peak", ["memory.peak", "memory.current"])
def test_version_2_returns_the_usage(v2: Path, peak: str) -> None:
    """Microseconds become seconds; older kernels have no peak, so the current value is used instead."""
    form = found(v2)
    cgroups.create(form, "g", LIMIT)
    (v2 / "slice/g/cpu.stat").write_text(
        "usage_usec 1500000\nuser_usec 1\nnr_periods 8\nnr_throttled 2\nthrottled_usec 250000\n"
    )
    (v2 / "slice/g" / peak).write_text("4096\n")
    (v2 / "slice/g/memory.events").write_text("low 0\nmax 1\noom 1\noom_kill 3\n")
    (v2 / "slice/g/memory.stat").write_text("anon 1\npgmajfault 9\n")
    assert form.usage("g") == GroupUsage(1.5, 8, 2, 0.25, 4096, 3, 1, 9)


def test_without_controllers_it_is_an_error(tmp_path: Path, v2: Path) -> None:
    """Neither version, or a version 2 that enables nothing: the sentence names LIMITS=compose."""
    for folder in (v2, v2 / "slice"):
        (folder / "cgroup.subtree_control").write_text("io\n")
    with pytest.raises(StackError, match=r"LIMITS=compose .* enables cpu and memory"):
        found(v2)
    (v2 / "cgroup.controllers").unlink()
    with pytest.raises(StackError, match=r"LIMITS=compose .* are mounted"):
        found(v2)


def test_what_the_kernel_does_not_allow_is_an_error_and_leaves_nothing(v1: Path) -> None:
    """A group that cannot be created is not left half created."""
    (v1 / "memory/mine").rmdir()
    (v1 / "memory/mine").write_text("no folder")
    with pytest.raises(StackError, match="LIMITS=compose cannot set"):
        cgroups.create(
            CgroupV1({"cpu": v1 / "cpu", "cpuacct": v1 / "cpuacct", "memory": v1 / "memory/mine"}), "g", LIMIT
        )
    assert not (v1 / "cpu/g").exists()


def test_parts_get_group_and_settings_and_readers_find_them(v2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan's settings and the caller's take precedence over the container's; processors have no limits."""
    monkeypatch.setenv("IN_FLIGHT_MAX", "7")
    limit = Limit(LIMIT.cpus, LIMIT.memory_bytes, {"NATS_URL": "compose", "ALLOW_PURGE": "1", "IN_FLIGHT_MAX": "9"})
    parts = (Part("balancer", ("x",), {"NATS_URL": "ours"}), Part("processor-default", ("y",)))
    with limited.with_limits((parts,), v2, CgroupV2(v2 / "slice"), {"nginx": limit}) as stages:
        balancer, processor = stages[0]
        group = v2 / f"slice/tarifa-{os.getpid()}-nginx"
        assert balancer.enters == (group / "cgroup.procs",)
        assert balancer.env == {"NATS_URL": "ours", "ALLOW_PURGE": "1"}
        assert processor == parts[1]
        groups = limited.find(v2)
        assert groups is not None
        assert groups.form == CgroupV2(v2 / "slice")
        assert groups.by_service["nginx"].memory_bytes == LIMIT.memory_bytes
        for file in group.iterdir():  # the kernel's own files vanish with their folder
            file.unlink()
    assert not group.exists()
    assert limited.find(v2) is None


def test_groups_of_a_stack_that_was_killed_are_removed(v2: Path) -> None:
    """No process has the first number any more; the second is our own and stays."""
    gone, ours = v2 / "slice/tarifa-999999999-nats", v2 / f"slice/tarifa-{os.getpid()}-other"
    gone.mkdir()
    ours.mkdir()
    with limited.with_limits((), v2, CgroupV2(v2 / "slice"), {}):
        assert not gone.exists()
        assert ours.exists()


@pytest.fixture
def real() -> CgroupVersion:
    """Return this machine's control groups; a test without them is skipped with the reason."""
    try:
        form = cgroups.find()
        probe = f"tarifa-{os.getpid()}-probe"
        cgroups.create(form, probe, LIMIT)
        cgroups.remove(form, probe)
    except StackError as error:
        pytest.skip(str(error))
    return form


@pytest.fixture
def runner(real: CgroupVersion, tmp_path: Path) -> Iterator[PartRunner]:
    """Return a runner of a part with limits."""
    part = Part("nats", ("sleep", "1000"))
    with limited.with_limits(((part,),), tmp_path, real, {"nats": LIMIT}) as stages:
        it = PartRunner(stages[0][0], tmp_path, Console(io.StringIO()))
        yield it
        it.kill()


def test_a_part_is_in_its_group_from_the_start_and_again_after_its_death(runner: PartRunner, tmp_path: Path) -> None:
    """The kernel shows it there, limits the group, and counts what runs in it."""
    groups = limited.find(tmp_path)
    assert groups is not None
    runner.start()
    first = until_sleeping(tmp_path)
    assert groups.name("nats") in Path(f"/proc/{first}/cgroup").read_text()
    for path, text in groups.form.limits(groups.name("nats"), LIMIT).items():
        assert path.read_text().split() == text.split()
    os.kill(first, signal.SIGKILL)
    deadline_s = time.monotonic() + PATIENCE_S
    while not runner.runs or until_sleeping(tmp_path) == first:
        assert time.monotonic() < deadline_s
        runner.tick(time.monotonic())
        time.sleep(0.02)
    second = until_sleeping(tmp_path)
    assert second != first
    assert groups.name("nats") in Path(f"/proc/{second}/cgroup").read_text()
    assert groups.usage()["nats"].cpu_s > 0


def until_sleeping(folder: Path) -> int:
    """Return the part's process id once the wrapper has become the part."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        pid = int((folder / "nats.pid").read_text())
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
        except FileNotFoundError:
            return pid
        if b"sleep\0" in command[:6] or state == "Z":  # a zombie: our caller waits for it
            return pid
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
