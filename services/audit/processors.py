"""``python -m services.audit.processors``: list the processors, or change one.

``move NAME --to URL``, ``pause NAME --reason TEXT``, ``resume NAME``. Each is recorded in OPERATIONS before it is done.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import orjson

from services.audit.adapters.recording import operation_log, os_user
from services.audit.arguments import say_error
from services.audit.command import connected, run
from services.audit.core.processor_words import (
    MEANS,
    MOVED,
    PAUSED,
    RESUMED,
    WITHOUT_CREDENTIALS,
    documents,
    lines,
    refusal,
    unknown,
)
from services.audit.settings import ProcessorsSettings, processors_settings
from services.contracts.operations import Operation
from services.contracts.processor_entry import Pause, moved
from services.records.processors import ProcessorBucket, entries_of

EXIT_DONE = 0
EXIT_REFUSED = 1


async def processors() -> int:
    """Run the command line."""
    return await run_command(sys.argv[1:], os.environ)


async def run_command(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """List the processors, or change one; return the exit status."""
    settings = processors_settings(arguments, env)
    async with connected(settings.bus, "processors") as bus:
        bucket = ProcessorBucket(bus)
        if settings.operation is None:
            return await _list(bucket, settings)
        async with operation_log(bus, settings.bus.credentials).recorded(settings.operation, os_user()) as outcome:
            why = await _change(bucket, settings.operation, outcome.by)
            if why is not None:
                outcome.refused(why)
    return _report(settings, settings.operation, why)


async def _list(bucket: ProcessorBucket, settings: ProcessorsSettings) -> int:
    entries = entries_of(await bucket.read())
    rows = (orjson.dumps(each).decode() for each in documents(entries)) if settings.as_json else lines(entries)
    for line in rows:
        _say(line)
    return EXIT_DONE


async def _change(bucket: ProcessorBucket, operation: Operation, by: str) -> str | None:
    """Return why nothing was changed, or None if it was changed."""
    name = operation.target
    entries = entries_of(await bucket.read())
    if operation.kind == "move":
        why = refusal(entries, name, operation.detail)
        if why is None:
            await bucket.change(name, lambda known: known and moved(known, operation.detail))
        return why
    pause = Pause(by, operation.reason, datetime.now(UTC)) if operation.kind == "pause" else None
    return None if await bucket.pause(name, pause) else unknown(entries, name)


def _report(settings: ProcessorsSettings, operation: Operation, why: str | None) -> int:
    done, words = {
        "move": ("moved", f"{MEANS}\n{MOVED}"),
        "pause": ("paused", PAUSED),
        "resume": ("resumed", RESUMED),
    }[operation.kind]
    if why is not None:
        sentence = f"Not {done}: {why}."
        if settings.as_json:
            say_error("refused", sentence)
        else:
            _say(sentence)
        return EXIT_REFUSED
    _say(words.format(name=operation.target, url=operation.detail))
    if operation.kind == "move" and settings.access.lacks(operation.detail):
        _say(WITHOUT_CREDENTIALS.format(url=operation.detail))
    return EXIT_DONE


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # for the operator


if __name__ == "__main__":
    sys.exit(run(processors))
