"""Who types a command: the user of NATS that it comes as, and the user of the operating system."""

import os
import pwd

from services.access.admittance import Admittance
from services.bus.wire.connection import Bus
from services.contracts.permissions import ADMIN, OPERATOR
from services.records.operations import OperationLog

OPEN = "open"  # on a bus without users


def operation_log(bus: Bus, admittance: Admittance) -> OperationLog:
    """Return where it is recorded what a command does, by the user that its key is of."""
    return OperationLog(bus, (OPEN,) if admittance.key is None else (OPERATOR, ADMIN))


def os_user() -> str:
    """Return the user of the operating system, by its number where it has no name; no variable can say another."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
