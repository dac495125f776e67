"""A container's control group, found by its first process, wherever the engine created it."""

from pathlib import Path

import pytest

from sandbox.stack.errors import StackError
from sandbox.stack.limits.cgroups import GroupUsage
from sandbox.stack.limits.engine_groups import usage_of

PROCESS = 4711
USED = GroupUsage(1.5, 8, 2, 0.25, 4096, 3, 7, 9)


def test_version_1_has_a_folder_for_each_controller(tmp_path: Path) -> None:
    """As docker creates them: /docker/<id> below each controller."""
    mounted, proc = tmp_path / "cgroup", tmp_path / "proc"
    (proc / str(PROCESS)).mkdir(parents=True)
    membership = "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n"
    (proc / str(PROCESS) / "cgroup").write_text(membership)
    for controller in ("cpu", "cpuacct", "memory"):
        (mounted / controller / "docker/abc").mkdir(parents=True)
    (mounted / "cpu/docker/abc/cpu.stat").write_text("nr_periods 8\nnr_throttled 2\nthrottled_time 250000000\n")
    (mounted / "cpuacct/docker/abc/cpuacct.usage").write_text("1500000000\n")
    memory = mounted / "memory/docker/abc"
    (memory / "memory.max_usage_in_bytes").write_text("4096\n")
    (memory / "memory.oom_control").write_text("oom_kill 3\n")
    (memory / "memory.failcnt").write_text("7\n")
    (memory / "memory.stat").write_text("pgmajfault 9\n")
    assert usage_of(PROCESS, mounted, proc) == USED


def test_version_2_has_one_folder(tmp_path: Path) -> None:
    """As systemd creates them: /system.slice/docker-<id>.scope."""
    mounted, proc = tmp_path / "cgroup", tmp_path / "proc"
    (proc / str(PROCESS)).mkdir(parents=True)
    (proc / str(PROCESS) / "cgroup").write_text("0::/system.slice/docker-abc.scope\n")
    folder = mounted / "system.slice/docker-abc.scope"
    folder.mkdir(parents=True)
    (folder / "cpu.stat").write_text("usage_usec 1500000\nnr_periods 8\nnr_throttled 2\nthrottled_usec 250000\n")
    (folder / "memory.peak").write_text("4096\n")
    (folder / "memory.events").write_text("max 7\noom_kill 3\n")
    (folder / "memory.stat").write_text("pgmajfault 9\n")
    assert usage_of(PROCESS, mounted, proc) == USED


def test_a_process_that_is_gone_is_an_error(tmp_path: Path) -> None:
    """A container that has ended has no usage any more."""
    with pytest.raises(StackError, match="4711 is gone"):
        usage_of(PROCESS, tmp_path, tmp_path)
