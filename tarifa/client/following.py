"""The flow of a watch: the vitals from /events, over as many connections as it takes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import assert_never

from tarifa.client.answers import NoEventsAnswer, UnreachableAnswer
from tarifa.client.documents import NotADocumentError, VitalsDocument, vitals_from
from tarifa.client.service import Service
from tarifa.client.sse import Event

# The time until the next connection, unless the server asks for another one within these bounds.
RETRY_AFTER_S = 1.0
RETRY_LEAST_S = 0.1
RETRY_MOST_S = 30.0


@dataclass(frozen=True, slots=True)
class Update:
    """The system's vitals; ``text`` is the service's own document."""

    vitals: VitalsDocument
    text: str


async def updates(service: Service) -> AsyncGenerator[Update | UnreachableAnswer | NoEventsAnswer, None]:
    """Yield what comes, forever: after ``UnreachableAnswer`` it reconnects. Only ``NoEventsAnswer`` is the end."""
    while True:
        async with aclosing(service.events()) as events:
            async for event in events:
                match event:
                    case Event("vitals", data):
                        yield _read(data, service.url)
                    case Event():
                        pass  # an event of a later version
                    case UnreachableAnswer():
                        yield event
                    case NoEventsAnswer():
                        yield event
                        return
                    case never:
                        assert_never(never)
        await asyncio.sleep(_pause_s(service.retry_ms))


def _read(data: str, url: str) -> Update | UnreachableAnswer:
    try:
        return Update(vitals_from(data), data)
    except NotADocumentError as error:
        return UnreachableAnswer(
            f"{url} sends vitals that cannot be read ({error}): service and command line must have the same version."
        )


def _pause_s(retry_ms: int | None) -> float:
    return RETRY_AFTER_S if retry_ms is None else min(max(retry_ms / 1000, RETRY_LEAST_S), RETRY_MOST_S)
