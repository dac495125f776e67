"""The dispatchers' consumer is deleted, lost or damaged: settling continues, because it decides nothing."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.replay import jetstream, paying, until_more
from tests.e2e.running_system import RunningSystem

CONSUMER = "nats/jetstream/$G/streams/PAYMENTS/obs/dispatcher"


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """What a dead dispatcher had in hand is soon delivered again."""
    return ENVIRONMENT | {"ACK_WAIT_S": "2"}


async def test_settling_continues_after_the_consumer_is_deleted(system: RunningSystem) -> None:
    """Under load, without any restart."""
    async with paying(system) as accepted:
        await until_more(accepted, 30)
        await jetstream(system, "CONSUMER.DELETE.PAYMENTS.dispatcher")
        await until_more(accepted, 60)
    await system.until_settled(accepted)
    await system.assert_charged_once(accepted)


def zeroed(folder: Path) -> None:
    """Overwrite the consumer's state with zeros, as a disk may after a crash."""
    state = folder / "o.dat"
    state.write_bytes(bytes(state.stat().st_size or 1))


@pytest.mark.parametrize("damage", [shutil.rmtree, zeroed], ids=["lost", "zeroed"])
async def test_a_consumer_damaged_by_a_crash_prevents_no_start(
    system: RunningSystem, damage: Callable[[Path], None]
) -> None:
    """Server and dispatcher are killed; after the restart all that was accepted is settled."""
    stack = system.stack
    async with paying(system) as accepted:
        await until_more(accepted, 30)
        assert stack._process is not None
        stack._process.send_signal(signal.SIGSTOP)  # so that it does not restart them before the damage is done
        try:
            died = {part: stack.kill(part) for part in ("nats", "dispatcher-1")}
            damage(stack.run_dir / CONSUMER)
        finally:
            stack._process.send_signal(signal.SIGCONT)
        for part, pid in died.items():
            stack.wait_restarted(part, pid)
        await until_more(accepted, 30)
    await system.until_settled(accepted)
    await system.assert_charged_once(accepted)
