"""The credentials for processors, read again when a file of them has changed."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from services.access.file_version import version_of
from services.access.processor_access import ProcessorAccess, processor_access
from services.log_throttle import FailureLog
from services.settings.environment import SettingError

LOOK_EVERY_S = 1.0

log = logging.getLogger("tarifa.dispatcher")


def access_log() -> FailureLog:
    """Return the log of failures to read the files."""
    return FailureLog(log, "credentials.not_read")


async def follow_access(
    env: Mapping[str, str],
    access: ProcessorAccess,
    changed: Callable[[ProcessorAccess], None],
    not_read: FailureLog,
) -> None:
    """Call ``changed`` with the contents of the files whenever these change, until cancelled.

    While they cannot be used, as when only one of two was replaced, the last usable ones stay in use, and ``not_read``
    is failing.
    """
    seen = [version_of(path) for path in access.files]
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        # Before they are read: what changes meanwhile is read again.
        found = [version_of(path) for path in access.files]
        if found == seen:
            continue
        try:
            access = processor_access(env)
        except SettingError as error:
            not_read.failed(str(error))
            continue
        not_read.succeeded()
        seen = found
        log.info("credentials.read")
        changed(access)
