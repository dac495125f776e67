"""A program that charges many times at once at one URL, and prints by how many KiB its memory grew, as one number."""

import asyncio
import re
import sys
import uuid
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from services.dispatcher.adapters.processor_api import ProcessorApi
from services.dispatcher.adapters.transport import ProcessorTransport
from services.dispatcher.core.outcome import Unknown
from tests.unit.dispatcher.fake_processor import registered

COUNT = 256  # IN_FLIGHT_MAX
CALL_TIMEOUT_S = 5.0


def rss_max_kib() -> int:
    """Return the most memory that this process had."""
    return int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0])


async def charge_at(url: str) -> None:
    """Charge, and print."""
    async with aclosing(ProcessorTransport(idle_max=COUNT)) as transport:
        api = ProcessorApi(
            registered(url=url), transport, call_timeout_s=CALL_TIMEOUT_S, health_timeout_s=CALL_TIMEOUT_S
        )
        await api.health()
        before_kib = rss_max_kib()
        calls = [api.charge(str(uuid.uuid4()), 1990, datetime.now(UTC)) for _ in range(COUNT)]
        outcomes = await asyncio.gather(*calls)
        assert all(isinstance(outcome, Unknown) for outcome in outcomes), outcomes
        sys.stdout.write(str(rss_max_kib() - before_kib))


if __name__ == "__main__":
    uvloop.run(charge_at(sys.argv[1]))
