"""Send generated requests by all entries: ``python -m tests.readings``, with FUZZ_REQUESTS and SEED.

Exit code 0: all readings agree. 1: some do not. 2: it could not run.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from services.settings.environment import SettingError, whole
from tests.readings.entries import entries
from tests.readings.requests import case_of
from tests.readings.run import send_all

REQUESTS_DEFAULT = 20_000
REPORT_EVERY = 10_000


def main() -> int:
    """Run the comparison and print its result; return the exit code."""
    try:
        count = whole(os.environ, "FUZZ_REQUESTS", REQUESTS_DEFAULT, least=1, most=10_000_000, unit="requests")
        seed = whole(os.environ, "SEED", 1, least=0, most=2**32 - 1, unit="a number")
    except SettingError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    cases = (case_of(seed, number) for number in range(count))
    with tempfile.TemporaryDirectory() as folder, entries(Path(folder)) as opened:
        found = asyncio.run(send_all(opened, cases, _report))
        faults = [entry.name for entry in opened if "ingress.fault" in entry.ingress.events()]
    print("\n".join([*found.lines(), *(f"{name} has logged a fault" for name in faults)]))  # noqa: T201
    return 0 if found.passed and not faults else 1


def _report(sent: int) -> None:
    if sent % REPORT_EVERY == 0:
        print(f"{sent} sent", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
