"""An operator: releases payments in doubt, and moves processors, with the commands of docs/operations.md."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncGenerator

from sandbox.chaos.releases import Release
from sandbox.chaos.world import World
from sandbox.checkout import TOP
from services.contracts import holding, subjects
from services.contracts.events import NotAnEventError
from services.contracts.holding import HoldingAsked

ASKED_MAX = 40
ANSWERED_WITHIN_S = 0.5  # there is no answer for a payment that no dispatcher knows
COMMAND_WITHIN_S = 20.0
_RISK = "WHAT THIS RISKS: a double charge."


async def in_doubt_at(world: World, processor: str) -> AsyncGenerator[str, None]:
    """Yield payments that are in doubt there, the newest line first; raises WireError if nats is away."""
    async with world.wire() as wire:
        for payment_id in world.lines.assigned_to(processor)[:ASKED_MAX]:
            asked = holding.encode(HoldingAsked(payment_id))
            with contextlib.suppress(TimeoutError, NotAnEventError):
                async with asyncio.timeout(ANSWERED_WITHIN_S):
                    answer = await wire.ask(subjects.DISPATCHER_PAYMENT, asked)
                known = holding.decode_holding(answer.data)
                if known.in_doubt and known.owner and known.processor == processor:
                    yield payment_id


async def release(world: World, payment_id: str, bound_to: str, to: str) -> Release:
    """Run the command, and return its output."""
    accepted = ("--i-accept-the-risk-of-a-double-charge", payment_id)
    code, text = await _command(world, "release", payment_id, "--to", to, "--reason", "chaos", *accepted)
    return Release(payment_id, bound_to, to, code=code, announced=_RISK in text, output=text)


async def move(world: World, name: str, url: str) -> bool:
    """Run the command that gives a processor a new address; return whether it is done."""
    code, _ = await _command(world, "processors", "move", name, "--to", url)
    return code == 0


async def _command(world: World, module: str, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"services.audit.{module}", *arguments),
        cwd=TOP,
        env={**os.environ, **world.environment, **world.stack.nats_env()},
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
