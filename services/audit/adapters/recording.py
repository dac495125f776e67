"""Who runs a command: the NATS user, and the user of the operating system."""

import os
import pwd

from services.access.bus_credentials import BusCredentials
from services.bus.wire.connection import Bus
from services.contracts.permissions import ADMIN, OPERATOR
from services.records.operations import OperationLog

OPEN = "open"  # on a bus without users


def operation_log(bus: Bus, credentials: BusCredentials) -> OperationLog:
    """Return the log in which a command's operations are recorded, by the user of its NATS key."""
    return OperationLog(bus, (OPEN,) if credentials.key is None else (OPERATOR, ADMIN))


def os_user() -> str:
    """Return the user's name in the operating system, or its number if it has none; no variable can replace it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
