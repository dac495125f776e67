"""What a simulated processor is wanted to do: one trial goes before all else, and does not end with another fault."""

import asyncio
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from sandbox.chaos.processors import CALM, SimulatedProcessor
from sandbox.stack.console import Console

TRIAL: dict[str, Any] = {"rates": {"bad_request": 1}}
FAULT: dict[str, Any] = {"rates": {"unread": 0.2}}


@pytest.fixture
def processor(tmp_path: Path) -> Iterator[SimulatedProcessor]:
    """Return one that was never started."""
    http = httpx.AsyncClient()
    made = SimulatedProcessor("default", port=1, fee="0.05", folder=tmp_path, console=Console(StringIO()), http=http)
    yield made
    asyncio.run(made.proxy.close())
    asyncio.run(http.aclose())


def begins_with(folder: Path) -> dict[str, Any]:
    """Return the mood in which it would start now."""
    read: dict[str, Any] = orjson.loads((folder / "processor-default.faults").read_bytes())
    return read


def test_a_trial_goes_before_other_faults_and_lets_them_go_on_afterwards(
    processor: SimulatedProcessor, tmp_path: Path
) -> None:
    """A fault that ends in the middle of a trial does not end the trial."""
    processor.want(mood=FAULT)
    processor.overrule(mood=TRIAL, profile=None)
    assert begins_with(tmp_path) == TRIAL
    processor.want(mood=CALM)
    assert begins_with(tmp_path) == TRIAL
    processor.want(mood=FAULT)
    processor.let_be()
    assert begins_with(tmp_path) == FAULT


def test_one_that_does_not_run_takes_no_payments(processor: SimulatedProcessor) -> None:
    """Nobody is to blame for what it does not book."""
    assert not processor.takes_payments
