"""A backup of the running system, restored: nothing is charged twice, and waiting payments are settled once."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from sandbox.stack import Stack
from services.contracts.permissions import ADMIN, OPERATOR
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.running_system import PATIENCE_S, RunningSystem, until
from tests.nats_server import PROGRAM

ENV = ENVIRONMENT | {
    "SETTLE_WITHIN_S": "5",
    "CALL_TIMEOUT_S": "2",
    "ACK_WAIT_S": "2",
    "BOOKS_WITHIN_S": "4",
    "KEEP": "1",
}


async def command(stack: Stack, *words: str) -> tuple[int, str]:
    """Run ``python -m services.audit.backup``; return its exit status and its output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.audit.backup", *words),
        env={**os.environ, **stack.nats_env(ADMIN if words[0] == "restore" else OPERATOR)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode is not None
    return process.returncode, output.decode()


@contextmanager
def server_alone(stack: Stack) -> Iterator[None]:
    """The stack's own nats-server, without the rest of the stack."""
    server = subprocess.Popen([PROGRAM, "-c", str(stack.run_dir / "nats" / "nats.conf")], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE_S)


async def test_what_was_settled_since_the_backup_is_not_charged_again(tmp_path: Path) -> None:
    """Saved under load, without stopping anything; restored into an empty server; then the stack is started again."""
    stack = Stack(tmp_path / "stack", env=ENV)
    await asyncio.to_thread(stack.start)
    try:
        async with httpx.AsyncClient(base_url=stack.http_url, timeout=PATIENCE_S) as http:
            system = RunningSystem(stack, http)
            before = await system.pay_many(100)
            await system.until_settled(before)
            await system.set_processor("default", failing=True)
            waiting = await system.pay_many(20)
            load = asyncio.create_task(system.pay_many(50, at_once=4))
            status, output = await command(stack, "save", str(tmp_path / "backup"))
            assert status == 0, output
            since = await load
            await system.until_settled([*waiting, *since])
            await system.set_processor("default", failing=False)

            refused, why = await command(stack, "restore", str(tmp_path / "backup"))
            assert (refused, "services run on this server" in why) == (1, True)

            await asyncio.to_thread(stack.stop)
            shutil.rmtree(stack.run_dir / "nats" / "jetstream")
            with server_alone(stack):
                status, output = await command(stack, "restore", str(tmp_path / "backup"))
                assert status == 0, output
                assert "What waits is doubtful" in output
                again, why = await command(stack, "restore", str(tmp_path / "backup"))
                assert (again, "restore into an empty server" in why) == (1, True)
            await asyncio.to_thread(stack.start)

            await system.until_settled([*before, *waiting])
            where = await system.where([*before, *waiting, *since])
            assert [found for found in where.values() if len(found) != 1] == []
            await until(lambda: _is_counted(system, len(before) + len(waiting)), "the ledger counts them")
    finally:
        await asyncio.to_thread(stack.stop)


async def _is_counted(system: RunningSystem, least: int) -> bool:
    answer = await system.http.get("/payments-summary")
    return answer.status_code == 200 and sum(each["totalRequests"] for each in answer.json().values()) >= least


async def test_a_damaged_backup_is_refused_before_anything_is_changed(tmp_path: Path) -> None:
    """One flipped bit in one of its files."""
    stack = Stack(tmp_path / "stack", env=ENV)
    await asyncio.to_thread(stack.start)
    try:
        status, output = await command(stack, "save", str(tmp_path / "backup"))
        assert status == 0, output
        twice, why = await command(stack, "save", str(tmp_path / "backup"))
        assert (twice, "exists already" in why) == (1, True)
    finally:
        await asyncio.to_thread(stack.stop)
    file = tmp_path / "backup" / "SETTLEMENTS.tar.s2"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with server_alone(stack):
        status, why = await command(stack, "restore", str(tmp_path / "backup"))
        assert (status, "is missing or damaged" in why) == (1, True)
        nothing, why = await command(stack, "restore", str(tmp_path))
        assert (nothing, "holds no backup" in why) == (1, True)
