"""``python -m services.audit.release ID --to PROCESSOR --reason TEXT``: the wiring.

It is under ``services.audit`` because operators need it after an audit has found a payment that waits for a processor
that will never answer. A dispatcher looks and does it; here the operator is asked.
"""

import os
import sys
from functools import partial

from services.audit.adapters.operator import OPTION, operator
from services.audit.adapters.recording import operation_log, os_user
from services.audit.adapters.release_client import ReleaseClient
from services.audit.command import connected, run
from services.audit.flow.release_dialog import ReleaseDialog
from services.audit.settings import release_settings

EXIT_RELEASED = 0
EXIT_NOT_RELEASED = 1


async def release() -> int:
    """Release the payment of the command line, if that is allowed and the operator confirms it."""
    settings = release_settings(sys.argv[1:], os.environ, OPTION)
    async with connected(settings.bus, "release") as bus:
        is_released = await ReleaseDialog(
            dispatchers=ReleaseClient(bus),
            operator=operator(settings.accepted_id),
            recorded=partial(operation_log(bus, settings.bus.credentials).recorded, who=os_user()),
        ).release(settings.payment_id, settings.to, settings.reason)
    return EXIT_RELEASED if is_released else EXIT_NOT_RELEASED


if __name__ == "__main__":
    sys.exit(run(release))
