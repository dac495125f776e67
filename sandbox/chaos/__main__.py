"""`make chaos`: try to break the promise "charged exactly once, counted exactly once, whatever breaks".

Exit code 0: nothing lost, doubled or differing, nothing left in the queue, and settling never stood still. 1: one of
these happened. 2: it could not run.
"""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import httpx

from sandbox.chaos import options as chaos_options
from sandbox.chaos.planned_fault import StoreMode
from sandbox.chaos.run import carry_out
from sandbox.nats_connection import NatsError
from sandbox.stack.errors import StackError
from services.settings.environment import SettingError

PASSED, FAILED, COULD_NOT_RUN, INTERRUPTED = 0, 1, 2, 130


def main() -> int:
    """Run what was asked for."""
    # SIGTERM becomes an interrupt, with which the event loop ends without leaving anything running.
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    try:
        options = chaos_options.read(sys.argv[1:], os.environ)
    except SettingError as error:
        print(error, file=sys.stderr)
        return COULD_NOT_RUN
    folder = options.folder or Path(tempfile.mkdtemp(prefix="tarifa-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    code = _run(options, folder)
    if options.keep or options.folder or options.store is not StoreMode.KEPT or code in {FAILED, COULD_NOT_RUN}:
        print(f"Logs, journals and figures: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return code


def _run(options: chaos_options.ChaosOptions, folder: Path) -> int:
    code = COULD_NOT_RUN
    try:
        code = PASSED if asyncio.run(carry_out(options, folder)) else FAILED
    except* (StackError, NatsError, httpx.HTTPError) as group:
        for error in group.exceptions:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        print(f"To repeat it: {options.repeat}", file=sys.stderr)
    except* KeyboardInterrupt:
        print("Interrupted; everything is stopped.", file=sys.stderr)
        code = INTERRUPTED
    return code


if __name__ == "__main__":
    sys.exit(main())
