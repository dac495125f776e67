"""`make fuzz`: a long run against a stack of its own, or against FUZZ_URL.

Exit code 0: every answer was as described and nothing was lost. 1: otherwise. 2: it could not run.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from sandbox.fuzz import options as fuzz_options
from sandbox.fuzz.run import FuzzRun
from sandbox.stack import Stack
from sandbox.stack.errors import StackError
from services.settings.environment import SettingError

PASSED, FAILED, COULD_NOT_RUN = 0, 1, 2


def main() -> int:
    """Run what was asked for."""
    try:
        options = fuzz_options.read(os.environ)
        with _system(options.url) as url:
            print(
                f"Fuzzing {url}: {options.examples} requests per operation and kind, seed {options.seed}.", flush=True
            )
            report = FuzzRun(url, examples=options.examples, seed=options.seed).carry_out()
    except (SettingError, StackError, requests.RequestException) as error:
        print(error, file=sys.stderr)
        return COULD_NOT_RUN
    for line in report.lines():
        print(line)
    return PASSED if report.passed else FAILED


@contextmanager
def _system(url: str) -> Iterator[str]:
    if url:
        yield url
        return
    with Stack() as stack:
        yield stack.http_url


if __name__ == "__main__":
    sys.exit(main())
