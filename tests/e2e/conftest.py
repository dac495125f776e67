"""A whole stack per test module, started as ``make up`` does it, on free ports."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from sandbox.stack import Stack
from tests.e2e.browser import Operator, running
from tests.e2e.running_system import PATIENCE_S, RunningSystem

# Short waits, so that a test of "beyond the deadline" takes seconds; the code is the same as with the defaults.
ENVIRONMENT = {
    "SETTLE_WITHIN_S": "2",
    "CALL_TIMEOUT_S": "5",
    "ACK_WAIT_S": "6",
    "IN_FLIGHT_MAX": "64",
    "ALLOW_PURGE": "1",
}


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """The environment of this module's stack; a module may override it."""
    return ENVIRONMENT


@pytest.fixture(scope="module")
def stack(environment: dict[str, str]) -> Iterator[Stack]:
    """A running stack."""
    with Stack(env=environment) as running:
        yield running
        forbidden = [line for line in running.log_lines if line.startswith("nats") and " Violation " in line]
    assert forbidden == [], "a service needs what its user may not do (services/contracts/permissions.py)"


@pytest_asyncio.fixture
async def system(stack: Stack) -> AsyncIterator[RunningSystem]:
    """A client of the stack; both processors are healthy again when a test ends."""
    async with httpx.AsyncClient(base_url=stack.http_url, verify=stack.verify, timeout=PATIENCE_S) as http:
        running = RunningSystem(stack, http)
        yield running
        if "PROCESSORS" not in stack._env:
            for name in ("default", "fallback"):
                await running.set_processor(name, failing=False, delay_ms=0)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser for one test."""
    async with running() as one:
        yield one


@pytest.fixture
async def operator(browser: Browser, system: RunningSystem) -> AsyncIterator[Operator]:
    """The page, open and showing that all is well; fails the test when the browser logged an error."""
    async with Operator.looking(browser, system.stack.http_url) as one:
        await one.until_state("well")
        yield one
        assert one.complaints == []
