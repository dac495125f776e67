"""Requests to the JetStream API, with its errors told apart by number."""

from typing import Any

import orjson

from services.bus.connection import Bus, BusAwayError
from services.bus.message import Message

API_TIMEOUT_S = 5.0

NOT_FOUND = frozenset({10059, 10014})  # no such stream, no such consumer
EXISTS_DIFFERENTLY = 10058  # a stream of that name has another configuration
CONSUMER_NOT_MADE = 10012  # its store cannot be made or read, or it is there and cannot be changed to this
STREAM_FULL = frozenset({10077, 10023, 10047})  # a limit of the stream, of the account, of the disk
WRONG_LAST_SEQUENCE = frozenset({10071, 10164})


class ApiError(Exception):
    """JetStream turned a request down; ``code`` is its error number."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code


async def call(bus: Bus, subject: str, request: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the answer of ``$JS.API.<subject>``.

    Raises:
        ApiError: JetStream says no.
        BusAwayError: no answer, or none that can be read.
    """
    return read_answer(
        await bus.request(f"$JS.API.{subject}", orjson.dumps(request) if request else b"", API_TIMEOUT_S), subject
    )


def read_answer(message: Message, subject: str) -> dict[str, Any]:
    """Read an answer of the API, wherever it was asked for.

    Raises:
        ApiError: JetStream says no.
        BusAwayError: it cannot be read.
    """
    try:
        answer: dict[str, Any] = orjson.loads(message.data)
    except orjson.JSONDecodeError as error:
        raise BusAwayError(f"unreadable answer of {subject}") from error
    if "error" in answer:
        raise ApiError(int(answer["error"].get("err_code", 0)), str(answer["error"].get("description", "")))
    return answer
