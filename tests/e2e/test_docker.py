"""docker compose as it is handed in, on a real engine: it comes up, settles, is upgraded under load, and stops in time.

Skipped, with the reason, where there is no engine or no base image can be had.
"""

import asyncio
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.rinha import docker, profile
from sandbox.rinha.processes import CannotRunError

ROOT = Path(__file__).parents[2]
DOOR = "http://127.0.0.1:9999"
RATE = 50
SETTLED_WITHIN_S = 60.0
UPGRADED_WITHIN_S = 300.0


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Everything up, with images of the code as it is."""
    try:
        docker.check_engine()
    except CannotRunError as error:
        pytest.skip(str(error))
    running = docker.compose(profile.load("smoke"), tmp_path_factory.mktemp("docker"))
    try:
        running.__enter__()
    except CannotRunError as error:
        if "pull" in str(error) or "manifest" in str(error):
            pytest.skip(f"no base image can be had: {error}")
        raise
    yield
    running.__exit__(None, None, None)


def settled() -> int:
    """Return how many payments the summary has."""
    summary = httpx.get(f"{DOOR}/payments-summary", trust_env=False).raise_for_status().json()
    return sum(int(each["totalRequests"]) for each in summary.values())


async def pay_until(ended: asyncio.Event, http: httpx.AsyncClient) -> list[int]:
    """Pay at even distances until told to stop; return the statuses."""
    paying: list[asyncio.Task[int]] = []

    async def pay() -> int:
        body = {"correlationId": str(uuid.uuid4()), "amount": 19.9}
        return (await http.post("/payments", json=body)).status_code

    while not ended.is_set():
        paying.append(asyncio.create_task(pay()))
        await asyncio.sleep(1 / RATE)
    return await asyncio.gather(*paying)


@pytest.mark.usefixtures("compose")
async def test_an_upgrade_under_load_costs_no_request_and_a_stop_without_nats_is_in_time() -> None:
    """Every payment is answered 202 and counted once, whatever is replaced meanwhile."""
    ended = asyncio.Event()
    async with httpx.AsyncClient(base_url=DOOR, timeout=20.0, trust_env=False) as http:
        paying = asyncio.create_task(pay_until(ended, http))
        env = {**os.environ, "COMPOSE_PROJECT_NAME": docker.PROJECT}
        upgrading = await asyncio.create_subprocess_exec(ROOT / "deploy" / "upgrade", env=env, stdout=-1, stderr=-2)
        async with asyncio.timeout(UPGRADED_WITHIN_S):
            said, _ = await upgrading.communicate()
        ended.set()
        statuses = await paying
    assert upgrading.returncode == 0, said.decode()
    assert set(statuses) == {202}
    deadline_s = time.monotonic() + SETTLED_WITHIN_S
    while settled() < len(statuses):
        assert time.monotonic() < deadline_s, f"{settled()} of {len(statuses)} settled"
        await asyncio.sleep(0.1)
    assert settled() == len(statuses)
    _run("stop", "nats")
    _run("stop", "ledger", "dispatcher", "ingress-1")
    for service in ("ledger", "dispatcher", "ingress-1"):
        ended_with = _run("ps", "--all", "--format", "{{.ExitCode}}", service)
        assert ended_with.strip() == "0", f"{service} was killed, or failed"
    assert "Traceback" not in _run("logs", "--no-color")


def _run(*what: str) -> str:
    done = subprocess.run([*docker.BACKEND, *what], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout
