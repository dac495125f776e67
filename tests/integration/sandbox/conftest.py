"""What the sandbox's tests need of the machine."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.stack.processes.balancer import find_nginx
from tests.integration.sandbox.instances import NAMES, Instance


@pytest.fixture
def nginx_binary() -> Path:
    """Return nginx; a test without it is skipped, and fails where CI=true says that nothing may be missing."""
    if found := find_nginx():
        return found
    reason = "nginx is not installed (Debian: nginx-light)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
async def instances(tmp_path: Path) -> AsyncIterator[list[Instance]]:
    """Return two instances that serve."""
    both = [Instance(tmp_path / f"{name}.sock") for name in NAMES]
    for instance in both:
        await instance.start()
    yield both
    for instance in both:
        await instance.stop()
