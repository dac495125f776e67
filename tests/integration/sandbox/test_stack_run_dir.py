"""The stack's folder: one stack at a time, fresh or kept, and only what a stack created is deleted."""

from pathlib import Path

import pytest

from sandbox.stack import run_dir
from sandbox.stack.errors import StackError


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """Return a folder as a stack leaves it, with another file beside."""
    with run_dir.locked(tmp_path):
        (tmp_path / "nats" / "jetstream").mkdir(parents=True)
        (tmp_path / "balancer").mkdir()
        for name in ("processor-default.journal", "ledger.pid", "ledger.reconfigured", "ingress-1.sock", "report.html"):
            (tmp_path / name).write_text("x")
    return tmp_path


def left(folder: Path) -> set[str]:
    """Return the names in a folder."""
    return {path.name for path in folder.iterdir()} - {"stack.lock"}


def test_a_fresh_start_deletes_only_what_a_stack_created(used: Path) -> None:
    """Stores and traces go; the other file stays."""
    with run_dir.locked(used):
        run_dir.clean(used, keep=False)
    assert left(used) == {"report.html"}


def test_a_keeping_start_keeps_the_stores(used: Path) -> None:
    """The store of nats and the processors' journals stay; process ids and sockets of the dead go."""
    with run_dir.locked(used):
        run_dir.clean(used, keep=True)
    assert left(used) == {"nats", "processor-default.journal", "report.html"}


def test_two_stacks_never_share_a_folder(tmp_path: Path) -> None:
    """The second is refused while the first holds the folder, and may have it afterwards."""
    with run_dir.locked(tmp_path), pytest.raises(StackError, match="is running in"), run_dir.locked(tmp_path):
        pass
    with run_dir.locked(tmp_path):
        pass


def test_a_folder_without_a_stack_is_left_alone(tmp_path: Path) -> None:
    """Where a folder has a file with a name of ours but no stack was there, nothing is deleted."""
    (tmp_path / "nats").mkdir()
    with pytest.raises(StackError, match="which no stack created"), run_dir.locked(tmp_path):
        pass
    assert left(tmp_path) == {"nats"}


def test_a_parts_own_settings_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Until something is written, and again after it was emptied, a part has the settings of all others."""
    assert run_dir.read_env(tmp_path, "ledger") == {}
    for env in ({"PROCESSORS": "default=http://127.0.0.1:1@0.5"}, {}):
        run_dir.write_env(tmp_path, "ledger", env)
        assert run_dir.read_env(tmp_path, "ledger") == env


def test_process_ids_are_written_and_removed(tmp_path: Path) -> None:
    """A part's file holds its id as long as it runs."""
    run_dir.write_pid(tmp_path, "ledger", 4711)
    assert (tmp_path / "ledger.pid").read_text() == "4711\n"
    run_dir.remove_pid(tmp_path, "ledger")
    assert not left(tmp_path)


def test_sockets_in_another_folder_leave_no_trace(tmp_path: Path) -> None:
    """A folder that exists for sockets only goes with them; one that holds more stays."""
    elsewhere, here = tmp_path / "short" / "a.sock", tmp_path / "b.sock"
    (tmp_path / "stack.lock").touch()
    with run_dir.socket_folders([elsewhere, here]):
        elsewhere.touch()
        here.touch()
    assert [path.name for path in tmp_path.iterdir()] == ["stack.lock"]
