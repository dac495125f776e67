"""Requests to the JetStream API, with its errors by number."""

from collections.abc import Mapping
from typing import Any

import orjson

from services.bus.wire.connection import Bus, BusUnavailableError
from services.bus.wire.message import Message

API_TIMEOUT_S = 5.0
# For an INFO request in a cluster: its leader answers at once; without a leader there is no answer at all.
CLUSTER_ASK_TIMEOUT_S = 1.0
CLUSTER_CREATE_TIMEOUT_S = 2.0

NOT_FOUND = frozenset({10059, 10014})  # no such stream, no such consumer
EXISTS_DIFFERENTLY = 10058  # a stream of that name has another configuration
CONSUMER_NOT_CREATED = 10012  # its store cannot be created or read, or it exists and cannot be changed to this
NO_MESSAGE = 10037
IN_PROCESS = 10158  # a message of this id is at the replicas, and not stored yet
NO_PLACE = 10005  # fewer servers are up in the cluster than the stream has replicas
# No leader now, of the cluster or of what was asked about: the same as NATS being away, and over soon.
NOT_NOW = frozenset({10008, 10009, 10118, 10119})
STREAM_FULL = frozenset({10077, 10023, 10047})  # a limit of the stream, the account or the disk
WRONG_LAST_SEQUENCE = frozenset({10071, 10164})


class ApiError(Exception):
    """JetStream rejected a request; ``code`` is its error number."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code


async def call(
    bus: Bus, subject: str, request: Mapping[str, Any] | None = None, timeout_s: float | None = None
) -> dict[str, Any]:
    """Return the answer of ``$JS.API.<subject>``; a ``timeout_s`` of None depends on the request.

    Raises:
        ApiError: JetStream rejected it.
        BusUnavailableError: no answer, an unreadable one, or there is no leader now.
    """
    if timeout_s is None:
        timeout_s = CLUSTER_ASK_TIMEOUT_S if bus.replicas > 1 and ".INFO." in subject else API_TIMEOUT_S
    return read_answer(
        await bus.request(f"$JS.API.{subject}", orjson.dumps(request) if request else b"", timeout_s), subject
    )


def read_answer(message: Message, subject: str) -> dict[str, Any]:
    """Read an answer of the API.

    Raises:
        ApiError: JetStream rejected the request.
        BusUnavailableError: it is unreadable, or says that there is no leader now.
    """
    try:
        answer: dict[str, Any] = orjson.loads(message.data)
    except orjson.JSONDecodeError as error:
        raise BusUnavailableError(f"unreadable answer of {subject}") from error
    if "error" in answer:
        refused = ApiError(int(answer["error"].get("err_code", 0)), str(answer["error"].get("description", "")))
        raise BusUnavailableError(str(refused)) if refused.code in NOT_NOW else refused
    return answer
