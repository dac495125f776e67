"""A NATS micro service: listed by ``nats micro ls``, asked by ``nats req``.

With the server's own protocol (``$SRV.PING``, ``.INFO``, ``.STATS``) an operator sees which instances run and where,
what may be asked and how an answer is read, and beside each endpoint's counts the service's own figures.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec
import orjson
from nats.micro import add_service
from nats.micro.request import Handler, Request, ServiceError
from nats.micro.service import EndpointConfig, EndpointStats, Service, ServiceConfig

from services.bus.wire.connection import Bus
from services.settings.instance import name_of_process
from services.version import VERSION

log = logging.getLogger("tarifa.bus")

SIDE_BY_SIDE_MAX = 16  # of one endpoint that takes long

Answer = Callable[[bytes], Awaitable[bytes]]
Served = Service


class CannotAnswerError(Exception):
    """The request is wrong, or cannot be answered now; ``code`` is as in HTTP. The caller gets it as an error."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code = code


@dataclass(frozen=True, slots=True)
class About:
    """What INFO says about an endpoint, and what STATS adds to its counts.

    ``asked`` and ``answered`` are JSON Schemas, empty where there is none; ``figures`` returns STATS's ``data``.
    ``takes_long``: answers wait for others, so that requests are answered side by side; STATS then counts them only.
    """

    description: str
    asked: str = ""
    answered: str = ""
    figures: Callable[[], Mapping[str, object]] | None = None
    takes_long: bool = False

    def metadata(self) -> dict[str, str]:
        """Return the endpoint's metadata, without empty ones."""
        fields = {"description": self.description, "request_schema": self.asked, "response_schema": self.answered}
        return {name: text for name, text in fields.items() if text}


_NOTHING = About("")


def schema_of(kind: type) -> str:
    """Return the JSON Schema of a msgspec type, in one line."""
    return orjson.dumps(msgspec.json.schema(kind)).decode()


async def serve(
    bus: Bus,
    name: str,
    description: str,
    endpoints: Mapping[str, Answer],
    about: Mapping[str, About] | None = None,
    *,
    instance: str = "",
) -> Service:
    """Answer requests: subject -> bytes in, bytes out; CannotAnswerError becomes the service's error reply.

    ``about`` is by subject too; ``instance`` is this one's name, the process's by default. Several instances of one
    service share its requests, and each answers PING, INFO, STATS.
    """
    by_endpoint = {subject.rpartition(".")[2]: (about or {}).get(subject, _NOTHING) for subject in endpoints}

    def figures(stats: EndpointStats) -> Mapping[str, object] | None:
        read = by_endpoint[stats.name].figures
        return None if read is None else read()

    config = ServiceConfig(
        name=name,
        version=VERSION,
        description=description,
        metadata={"instance": instance or name_of_process(), "host": socket.gethostname(), "pid": str(os.getpid())},
        stats_handler=figures,
    )
    service = await add_service(bus.client, config)
    for subject, answer in endpoints.items():
        endpoint = subject.rpartition(".")[2]
        handler = _handler(subject, answer)
        if by_endpoint[endpoint].takes_long:
            handler = _side_by_side(handler)
        await service.add_endpoint(
            EndpointConfig(name=endpoint, subject=subject, handler=handler, metadata=by_endpoint[endpoint].metadata())
        )
    return service


def _handler(subject: str, answer: Answer) -> Handler:
    async def handle(request: Request) -> None:
        try:
            await request.respond(await answer(request.data))
        except CannotAnswerError as error:
            raise ServiceError(str(error.code), str(error)) from error  # answered and counted by the library
        except Exception as error:
            log.exception("service.failed", extra={"subject": subject})
            raise ServiceError("500", "this is a bug; see the service's log") from error

    return handle


def _side_by_side(handle: Handler) -> Handler:
    """Return a handler that does not keep the next request waiting, up to SIDE_BY_SIDE_MAX of them."""
    slots = asyncio.Semaphore(SIDE_BY_SIDE_MAX)
    answering: set[asyncio.Task[None]] = set()

    async def answered(request: Request) -> None:
        try:
            await handle(request)
        except ServiceError as error:
            await request.respond_error(error.code, error.description)
        finally:
            slots.release()

    def ended(task: asyncio.Task[None]) -> None:
        answering.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("service.not_answered", extra={"error": repr(error)})  # the connection has ended

    async def begin(request: Request) -> None:
        await slots.acquire()
        task = asyncio.get_running_loop().create_task(answered(request))
        answering.add(task)
        task.add_done_callback(ended)

    return begin
