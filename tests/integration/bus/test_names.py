"""A slow look-up of a name holds nothing up: no timeout, no other look-up, no stop."""

import asyncio
import logging
import socket
import sys
import threading
import time
from pathlib import Path
from subprocess import Popen

import pytest

from services import names

ROOT = Path(__file__).parents[3]
STUCK_S = 120.0

# A process whose resolver takes longer than any test waits; it tries to reach NATS and gets a stop signal.
STUCK = f"""
import os, socket, sys, time
def stuck(*_, **__):
    os.write(1, b"asked\\n")  # not print: a thread that holds its lock at exit aborts the process
    time.sleep({STUCK_S})
socket.getaddrinfo = stuck
sys.argv = ["services.ledger"]
import runpy
runpy.run_module("services.ledger", run_name="__main__")
"""


async def test_an_address_is_its_own_and_a_name_is_looked_up() -> None:
    """Without a thread for the first."""
    assert await names.addresses("127.0.0.1", 1) == ("127.0.0.1",)
    assert await names.addresses("::1", 1) == ("::1",)
    assert "127.0.0.1" in await names.addresses("localhost", 1)


async def test_an_unknown_name_is_an_error() -> None:
    """The resolver's, or our own where the resolver cannot be asked."""
    with pytest.raises(OSError, match=r"\S"):
        await names.addresses("no-such-host.invalid", 1)
    with pytest.raises(UnicodeError):
        await names.addresses("a" * 70, 1)


async def test_a_look_up_can_be_cancelled_and_is_made_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Concurrent callers share it; a late failure has no caller, and is not logged."""
    asked: list[str] = []
    goes_on = threading.Event()

    def slow(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        goes_on.wait()
        raise OSError("late")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    caplog.set_level(logging.DEBUG, "asyncio")
    for _ in range(5):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await names.addresses("slow", 1)
    assert asked == ["slow"]
    waiting = asyncio.create_task(names.addresses("slow", 1))
    await asyncio.sleep(0)
    goes_on.set()
    with pytest.raises(OSError, match="late"):
        await waiting
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_service_stops_though_a_name_is_being_looked_up() -> None:
    """The look-up is abandoned, however long it takes; no traceback is logged."""
    with Popen(
        [sys.executable, "-c", STUCK],
        cwd=ROOT,
        env={"NATS_URL": "nats://nats:4222", "PATH": ""},
        stdout=-1,
        stderr=-1,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asked\n"
        begun_s = time.monotonic()
        process.terminate()
        _, said = process.communicate(timeout=STUCK_S)
        assert time.monotonic() - begun_s < STUCK_S / 2
        assert process.returncode == 0
        assert "Traceback" not in said
        assert "never retrieved" not in said
