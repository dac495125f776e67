"""``python -m services.audit.backup``: ``save FOLDER`` of a running system, ``restore FOLDER`` into an empty server."""

import os
import sys
import time
from collections.abc import Mapping, Sequence

from services.audit.adapters.backup import RefusedError, restore_backup, save_backup
from services.audit.adapters.progress import progress
from services.audit.command import connected, run
from services.audit.core.manifest import DOUBTFUL, counts
from services.audit.settings import backup_settings

EXIT_DONE = 0
EXIT_REFUSED = 1


async def backup() -> int:
    """Run the command line."""
    return await run_command(sys.argv[1:], os.environ)


async def run_command(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Save a backup, or restore one; return the exit status."""
    settings = backup_settings(arguments, env)
    try:
        async with connected(settings.bus, "backup") as bus:
            with progress(time.monotonic) as shown:
                if settings.command == "save":
                    saved = await save_backup(bus, settings.folder, shown)
                    words = f"Saved as of {saved.saved_at}: {counts(saved)}, in {settings.folder}."
                else:
                    restored = await restore_backup(bus, settings.folder, shown)
                    words = f"Restored as of {restored.saved_at}: {counts(restored)}.\n{DOUBTFUL}"
    except RefusedError as error:
        _say(f"Not done: {error}.")
        return EXIT_REFUSED
    _say(words)
    return EXIT_DONE


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # for the operator


if __name__ == "__main__":
    sys.exit(run(backup))
