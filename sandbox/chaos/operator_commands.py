"""What an operator does: release payments in doubt, move and pause processors, as docs/operations.md says."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncGenerator

from sandbox import api_key
from sandbox.chaos.http_client import OK, HttpClient, NoAnswerError
from sandbox.chaos.releases import Release
from sandbox.chaos.simulated_processor import HOST
from sandbox.chaos.system_under_test import SystemUnderTest
from sandbox.checkout import TOP
from sandbox.nats_connection import NatsError, NatsMessage
from services.contracts import holding, pulse, subjects
from services.contracts.events import NotAnEventError
from services.contracts.holding import HoldingAsked
from services.contracts.pulse import DispatcherPulse, NotAPulseError

ASKED_MAX = 40
ANSWERED_WITHIN_S = 0.5  # there is no answer for a payment that no dispatcher knows
COMMAND_WITHIN_S = 20.0
SAMPLE_EVERY_S = 0.1
_RISK = "WHAT THIS RISKS: a double charge."


async def in_doubt_at(system: SystemUnderTest, processor: str) -> AsyncGenerator[str, None]:
    """Yield payments that are in doubt there, the newest line first; raises NatsError if nats is away."""
    async with system.connection() as connection:
        for payment_id in system.assignments.assigned_to(processor)[:ASKED_MAX]:
            asked = holding.encode(HoldingAsked(payment_id))
            with contextlib.suppress(TimeoutError, NotAnEventError):
                async with asyncio.timeout(ANSWERED_WITHIN_S):
                    answer = await connection.request(subjects.DISPATCHER_PAYMENT, asked)
                known = holding.decode_holding(answer.data)
                if known.in_doubt and known.owner and known.processor == processor:
                    yield payment_id


async def release(system: SystemUnderTest, payment_id: str, bound_to: str, to: str) -> Release:
    """Run the command, and return its output."""
    accepted = ("--i-accept-the-risk-of-a-double-charge", payment_id)
    code, text = await _command(system, "release", payment_id, "--to", to, "--reason", "chaos", *accepted)
    return Release(payment_id, bound_to, to, code=code, announced=_RISK in text, output=text)


async def move(system: SystemUnderTest, name: str, url: str) -> bool:
    """Run the command that gives a processor a new address; return whether it is done."""
    code, _ = await _command(system, "processors", "move", name, "--to", url)
    return code == 0


async def pause(system: SystemUnderTest, name: str, by: str) -> bool:
    """Pause a processor by command or by HTTP; return whether it is known to be done."""
    if by == "http":
        return await _post(system, f"/processors/{name}/pause", {"reason": "chaos"})
    code, _ = await _command(system, "processors", "pause", name, "--reason", "chaos")
    return code == 0


async def resume(system: SystemUnderTest, name: str, by: str) -> bool:
    """Resume a processor by command or by HTTP; return whether it is known to be done."""
    if by == "http":
        return await _post(system, f"/processors/{name}/resume", {})
    code, _ = await _command(system, "processors", "resume", name)
    return code == 0


async def wait_until_all_paused(system: SystemUnderTest, name: str, end_s: float) -> bool:
    """Wait until every dispatcher says that a processor is paused; return False after ``end_s``, on the loop's clock.

    Raises:
        NatsError: nats is away.
    """
    paused: set[str] = set()

    def receive(message: NatsMessage) -> None:
        with contextlib.suppress(NotAPulseError):
            received = pulse.decode(message.data)
            if isinstance(received, DispatcherPulse) and name in received.processors:
                (paused.discard if received.processors[name].paused is None else paused.add)(received.instance)

    async with system.connection() as connection:
        connection.subscribe(subjects.pulse(subjects.DISPATCHER, "*"), receive)
        closed = asyncio.ensure_future(connection.closed())
        while not paused.issuperset(system.dispatchers):
            if time.monotonic() > end_s:
                return False
            if (await asyncio.wait((closed,), timeout=SAMPLE_EVERY_S))[0]:
                raise NatsError("nats closed the connection")
    return True


async def _post(system: SystemUnderTest, path: str, document: object) -> bool:
    client = HttpClient(HOST, system.stack.ports["http"], api_key.headers())
    try:
        return (await client.post(path, document, timeout_s=COMMAND_WITHIN_S)).status == OK
    except NoAnswerError:
        return False
    finally:
        client.close()


async def _command(system: SystemUnderTest, module: str, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"services.audit.{module}", *arguments),
        cwd=TOP,
        env={**os.environ, **system.environment, **system.stack.nats_env()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(COMMAND_WITHIN_S):
            output, _ = await process.communicate()
    except TimeoutError:
        output = b"killed: it did not end"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return process.returncode or 0, output.decode(errors="replace")
