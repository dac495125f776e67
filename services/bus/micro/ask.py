"""Asking a micro service: an answer, its error, or a timeout."""

from services.bus.wire.connection import Bus, BusUnavailableError


class NotAnsweredError(Exception):
    """The service answered with an error."""


async def ask(bus: Bus, subject: str, data: bytes, timeout_s: float) -> bytes:
    """Return the answer.

    Raises:
        NotAnsweredError: the service answered with an error; the text is its reason.
        BusUnavailableError: no instance runs, or none answers in time.
    """
    message = await bus.request(subject, data, timeout_s)
    headers = message.headers
    if "Nats-Service-Error" in headers:
        raise NotAnsweredError(headers["Nats-Service-Error"])
    return message.data


__all__ = ["BusUnavailableError", "NotAnsweredError", "ask"]
