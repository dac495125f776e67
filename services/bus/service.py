"""A NATS micro service: seen by ``nats micro ls``, asked by ``nats req``."""

import logging
from collections.abc import Awaitable, Callable

from nats.micro import add_service
from nats.micro.request import Request, ServiceError
from nats.micro.service import EndpointConfig, Service, ServiceConfig

from services.bus.connection import Bus

VERSION = "1.0.0"

log = logging.getLogger("tarifa.bus")

Answer = Callable[[bytes], Awaitable[bytes]]


class CannotAnswerError(Exception):
    """The request is wrong, or cannot be answered now; ``code`` is as in HTTP. The asker gets it as an error."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code = code


async def serve(bus: Bus, name: str, description: str, endpoints: dict[str, Answer]) -> Service:
    """Answer requests: subject -> bytes in, bytes out; CannotAnswerError becomes the service's error reply."""
    service = await add_service(bus.client, ServiceConfig(name=name, version=VERSION, description=description))
    for subject, answer in endpoints.items():
        endpoint = subject.rpartition(".")[2]
        await service.add_endpoint(EndpointConfig(name=endpoint, subject=subject, handler=_handler(subject, answer)))
    return service


def _handler(subject: str, answer: Answer) -> Callable[[Request], Awaitable[None]]:
    async def handle(request: Request) -> None:
        try:
            await request.respond(await answer(request.data))
        except CannotAnswerError as error:
            raise ServiceError(str(error.code), str(error)) from error  # answered and counted by the library
        except Exception as error:
            log.exception("service.failed", extra={"subject": subject})
            raise ServiceError("500", "this is a bug; see the service's log") from error

    return handle
