"""``python -m services.audit.release ID --to PROCESSOR --reason TEXT``: the wiring.

It is under ``services.audit`` because it reads the same records, and because operators need it after an audit has found
a payment that waits for a processor that will never answer.
"""

import asyncio
import os
import sys
import time
from datetime import UTC, datetime
from functools import partial

from services.audit.adapters.operator import OPTION, operator
from services.audit.adapters.processor import records_of
from services.audit.adapters.recording import operation_log, os_user
from services.audit.adapters.release_records import ReleaseRecords
from services.audit.audit_settings import RATE_DEFAULT
from services.audit.command import connected, run
from services.audit.flow.asking import Asking
from services.audit.flow.pace import Pace
from services.audit.flow.releasing import Releasing
from services.audit.settings import release_settings

EXIT_RELEASED = 0
EXIT_NOT_RELEASED = 1


async def release() -> int:
    """Release the payment of the command line, if that is allowed and the operator confirms it."""
    settings = release_settings(sys.argv[1:], os.environ, OPTION)
    async with (
        connected(settings.bus, "release") as bus,
        records_of(settings.bus.processors, settings.access) as processors,
    ):
        names = tuple(processors)
        is_released = await Releasing(
            records=ReleaseRecords(bus),
            asking=Asking(processors, Pace(RATE_DEFAULT, now_s=time.monotonic, sleep=asyncio.sleep), asyncio.sleep),
            operator=operator(settings.accepted_id),
            recorded=partial(operation_log(bus, settings.bus.admittance).recorded, who=os_user()),
            processors=names,
            now=_now,
        ).release(settings.payment_id, settings.to, settings.reason)
    return EXIT_RELEASED if is_released else EXIT_NOT_RELEASED


def _now() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


if __name__ == "__main__":
    sys.exit(run(release))
