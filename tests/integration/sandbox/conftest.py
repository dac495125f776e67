"""What the sandbox's tests need of the machine."""

import os
from pathlib import Path

import pytest

from sandbox.stack.balancer import find_nginx


@pytest.fixture
def nginx_binary() -> Path:
    """Return nginx; a test without it is skipped, and fails where CI=true says that nothing may be missing."""
    if found := find_nginx():
        return found
    reason = "nginx is not installed (Debian: nginx-light)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
