"""Fixtures for the sandbox's tests."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.chaos.proxy import FaultProxy
from sandbox.stack.plan.balancer import find_nginx
from tests.integration.sandbox.echo_target import Client, Connect, Target
from tests.integration.sandbox.instances import NAMES, Instance
from tests.integration.sandbox.processor_process import ProcessorProcess, StartProcessor


@pytest.fixture
def nginx_binary() -> Path:
    """Return nginx; without it the test is skipped, or fails if CI=true says that nothing may be missing."""
    if found := find_nginx():
        return found
    reason = "nginx is not installed (Debian: nginx-light)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
async def instances(tmp_path: Path) -> AsyncIterator[list[Instance]]:
    """Return two running instances."""
    both = [Instance(tmp_path / f"{name}.sock") for name in NAMES]
    for instance in both:
        await instance.start()
    yield both
    for instance in both:
        await instance.stop()


@pytest.fixture
def start_processor() -> Iterator[StartProcessor]:
    """Starts processors; stops those that the test left running."""
    running: list[ProcessorProcess] = []

    def start_one(*arguments: str) -> ProcessorProcess:
        running.append(ProcessorProcess(*arguments))
        return running[-1]

    yield start_one
    for processor in running:
        if processor.process.returncode is None:
            processor.stop(signal.SIGKILL)


@pytest.fixture
def processor(start_processor: StartProcessor) -> ProcessorProcess:
    """A processor with default options."""
    return start_processor()


@pytest_asyncio.fixture
async def target() -> AsyncIterator[Target]:
    """A target that is not started yet."""
    made = Target()
    yield made
    made.stop()
    await asyncio.sleep(0)


@pytest_asyncio.fixture
async def proxy(target: Target) -> AsyncIterator[FaultProxy]:
    """A proxy in front of the started target."""
    made = FaultProxy(await target.start())
    await made.start()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def connect(proxy: FaultProxy) -> AsyncIterator[Connect]:
    """Connects clients; closes those that the test left connected."""
    clients: list[Client] = []

    async def connect_one() -> Client:
        port = int(proxy.url.rpartition(":")[2])
        clients.append(Client(await asyncio.open_connection("127.0.0.1", port)))
        return clients[-1]

    yield connect_one
    for client in clients:
        client.close()
    await asyncio.sleep(0)
