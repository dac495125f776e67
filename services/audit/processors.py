"""``python -m services.audit.processors``: who charges; ``... move NAME --to URL``: where one is now."""

import os
import sys
from collections.abc import Mapping, Sequence

import orjson

from services.audit.command import connected, run
from services.audit.core.roster_words import MEANS, MOVED, WITHOUT_CREDENTIALS, documents, lines, refusal
from services.audit.settings import ProcessorsSettings, processors_settings
from services.contracts.roster import ProcessorEntry, moved
from services.records.processors import ProcessorBucket, entries_of

EXIT_DONE = 0
EXIT_REFUSED = 1


async def processors() -> int:
    """Do what the command line says."""
    return await obey(sys.argv[1:], os.environ)


async def obey(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """List the processors, or move one; return the exit status."""
    settings = processors_settings(arguments, env)
    async with connected(settings.bus, "processors") as bus:
        bucket = ProcessorBucket(bus)
        return await (_list(bucket, settings) if settings.name is None else _move(bucket, settings.name, settings))


async def _list(bucket: ProcessorBucket, settings: ProcessorsSettings) -> int:
    entries = entries_of(await bucket.read())
    told = (orjson.dumps(each).decode() for each in documents(entries)) if settings.as_json else lines(entries)
    for line in told:
        _say(line)
    return EXIT_DONE


async def _move(bucket: ProcessorBucket, name: str, settings: ProcessorsSettings) -> int:
    url = settings.url
    why = refusal(entries_of(await bucket.read()), name, url)
    if why is not None:
        _say(f"Not moved: {why}.")
        return EXIT_REFUSED

    def to_url(known: ProcessorEntry | None) -> ProcessorEntry | None:
        return known and moved(known, url)

    await bucket.change(name, to_url)
    _say(MEANS)
    _say(MOVED.format(name=name, url=url))
    if settings.access.lacks(url):
        _say(WITHOUT_CREDENTIALS.format(url=url))
    return EXIT_DONE


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # for the operator


if __name__ == "__main__":
    sys.exit(run(processors))
