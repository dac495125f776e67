"""The configured behaviour of a simulated processor: a long fault overrides it, and does not end with another fault."""

import asyncio
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from sandbox.chaos.simulated_processor import NO_FAULTS, SimulatedProcessor
from sandbox.stack.console import Console

OVERRIDE: dict[str, Any] = {"rates": {"bad_request": 1}}
FAULT: dict[str, Any] = {"rates": {"unread": 0.2}}


@pytest.fixture
def processor(tmp_path: Path) -> Iterator[SimulatedProcessor]:
    """Return a processor that was never started."""
    http = httpx.AsyncClient()
    made = SimulatedProcessor("default", port=1, fee="0.05", folder=tmp_path, console=Console(StringIO()), http=http)
    yield made
    asyncio.run(made.proxy.close())
    asyncio.run(http.aclose())


def begins_with(folder: Path) -> dict[str, Any]:
    """Return the faults with which it would start now."""
    read: dict[str, Any] = orjson.loads((folder / "processor-default.faults").read_bytes())
    return read


def test_an_override_hides_other_faults_which_continue_after_it(processor: SimulatedProcessor, tmp_path: Path) -> None:
    """A fault that ends during an override does not end the override."""
    processor.configure(fault_mix=FAULT)
    processor.override(fault_mix=OVERRIDE, profile=None)
    assert begins_with(tmp_path) == OVERRIDE
    processor.configure(fault_mix=NO_FAULTS)
    assert begins_with(tmp_path) == OVERRIDE
    processor.configure(fault_mix=FAULT)
    processor.end_override()
    assert begins_with(tmp_path) == FAULT


def test_one_that_does_not_run_takes_no_payments(processor: SimulatedProcessor) -> None:
    """What it does not book is not a violation."""
    assert not processor.takes_payments
