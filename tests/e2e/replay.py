"""Helpers to replay a schedule: background load, parts that die, and a stack restarted with other settings."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from sandbox import nats_connection
from sandbox.stack import Stack
from sandbox.stack.plan.ports import HOST
from services.contracts.subjects import DISPATCHER
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.running_system import PATIENCE_S, RunningSystem, new_id, until

PER_S = 60  # payments under load: enough to have some in every state, and few enough to leave CPU for the rest


@asynccontextmanager
async def running_stack(run_dir: Path, *, metrics: bool = False, **env: str) -> AsyncIterator[RunningSystem]:
    """Run a stack for one test, on stores that outlive it; yields a client of it."""
    stack = Stack(run_dir, ENVIRONMENT | env, metrics=metrics)
    await asyncio.to_thread(stack.start)
    try:
        async with httpx.AsyncClient(base_url=stack.http_url, timeout=PATIENCE_S) as http:
            yield RunningSystem(stack, http)
    finally:
        await asyncio.to_thread(stack.stop)


async def restart_stack(system: RunningSystem, **env: str) -> None:
    """Stop everything in order, and start it on the same stores and ports with these settings changed."""
    await asyncio.to_thread(system.stack.stop)
    system.stack._env.update(env, KEEP="1")
    await asyncio.to_thread(system.stack.start)


async def restart(system: RunningSystem, part: str, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a part this signal, and wait until it has been restarted and is ready."""
    since = len(system.stack.log_lines)
    died = system.stack.kill(part, number)
    await asyncio.to_thread(system.stack.wait_restarted, part, died)
    ready = {"nats": "Server is ready", "dispatcher-1": "dispatcher.ready", "ledger": "ledger.ready"}
    await asyncio.to_thread(system.stack.wait_line, part, ready[part], since, PATIENCE_S)


@asynccontextmanager
async def paying(system: RunningSystem) -> AsyncIterator[list[str]]:
    """Send payments at a steady rate; yields the list of accepted ids, which grows."""
    accepted: list[str] = []
    clients: set[asyncio.Task[None]] = set()

    async def client(payment_id: str) -> None:
        await system.pay_until_accepted(payment_id)
        accepted.append(payment_id)

    async def begin() -> None:
        while True:
            clients.add(asyncio.create_task(client(new_id())))
            await asyncio.sleep(1 / PER_S)

    load = asyncio.create_task(begin())
    try:
        yield accepted
    finally:
        load.cancel()
        await asyncio.gather(*clients)


async def until_more(accepted: list[str], count: int) -> None:
    """Wait until this many more payments are accepted."""
    wanted = len(accepted) + count

    async def are_accepted() -> bool:
        return len(accepted) >= wanted

    await until(are_accepted, f"{count} more payments are accepted")


async def unsettled(system: RunningSystem, ids: list[str]) -> list[str]:
    """Return the ids that are not settled."""
    return [each for each in ids if (await system.payment(each))["status"] != "settled"]


async def until_drained(system: RunningSystem) -> None:
    """Wait until no accepted payment is left, in the stream or in hand."""

    async def is_empty() -> bool:
        found = await jetstream(system, "STREAM.INFO.PAYMENTS")
        return bool(found["state"]["messages"] == 0)

    await until(is_empty, "PAYMENTS is empty")


async def jetstream(system: RunningSystem, path: str, document: object = None) -> Mapping[str, Any]:
    """Send the stack's server a JetStream API request, as an operator's tool does; return the answer."""
    connection = await nats_connection.NatsConnection.connect(
        HOST, system.stack.ports["nats"], system.stack.bus_credentials
    )
    try:
        return await nats_connection.jetstream_api(connection, path, document)
    finally:
        await connection.close()


@asynccontextmanager
async def dispatcher(system: RunningSystem, instance: str, **env: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run another dispatcher beside the stack's own, with these settings; killed at the end if it still runs."""
    own = {**system.stack.nats_env(DISPATCHER), "INSTANCE": instance, "METRICS_LISTEN": ""}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.dispatcher"),
        env={**system.stack._env, **own, **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = process.stdout
    assert output is not None
    reading = asyncio.create_task(_until_ready(output))
    try:
        await asyncio.wait_for(asyncio.shield(reading), PATIENCE_S)
        draining = asyncio.create_task(output.read())  # a full pipe would block it
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    await draining


async def _until_ready(output: asyncio.StreamReader) -> None:
    lines = []
    while line := await output.readline():
        lines.append(line.decode())
        if "dispatcher.ready" in lines[-1]:
            return
    raise AssertionError("".join(lines))


async def release(system: RunningSystem, payment_id: str, to: str) -> None:
    """Release a payment to another processor by the operator's command."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.audit.release", payment_id, "--to", to, "--reason", "its processor hangs"),
        *("--i-accept-the-risk-of-a-double-charge", payment_id),
        env={**os.environ, **system.stack.nats_env(), "PROCESSORS": system.stack._env["PROCESSORS"]},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0, output.decode()
