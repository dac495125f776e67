"""``python -m services.keys add NAME | list | revoke NAME | init``: the file of keys alone, where there is no NATS.

``services.audit.keys``, which ``tarifa keys`` runs, does the same and records it in OPERATIONS.
"""

import os
import sys

from services.keys.program import EXIT_DONE, asked, carry_out

CHANGES = {"add", "revoke"}
NOT_RECORDED = "not recorded in the operators' log: this program does not reach NATS, tarifa keys does"


def main() -> int:
    """Do what the command line says, and say that it is not recorded."""
    given = asked(sys.argv[1:])
    status = carry_out(given, os.environ).status
    if status == EXIT_DONE and given.command in CHANGES:
        print(NOT_RECORDED, file=sys.stderr)  # noqa: T201  # for the operator
    return status


if __name__ == "__main__":
    sys.exit(main())
