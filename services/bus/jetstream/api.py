"""Requests to the JetStream API, with its errors told apart by number."""

from collections.abc import Mapping
from typing import Any

import orjson

from services.bus.wire.connection import Bus, BusAwayError
from services.bus.wire.message import Message

API_TIMEOUT_S = 5.0
# Of a question in a cluster: it has one who answers at once, or has no leader, and no later answer will come.
CLUSTER_ASK_TIMEOUT_S = 1.0
CLUSTER_MAKE_TIMEOUT_S = 2.0

NOT_FOUND = frozenset({10059, 10014})  # no such stream, no such consumer
EXISTS_DIFFERENTLY = 10058  # a stream of that name has another configuration
CONSUMER_NOT_MADE = 10012  # its store cannot be made or read, or it is there and cannot be changed to this
NO_MESSAGE = 10037
IN_PROCESS = 10158  # a message of this id is with the replicas, and not stored yet
NO_PLACE = 10005  # fewer servers are up in the cluster than a stream has replicas
# No leader now, of the cluster or of what was asked about: as if NATS were away, and over in a while.
NOT_NOW = frozenset({10008, 10009, 10118, 10119})
STREAM_FULL = frozenset({10077, 10023, 10047})  # a limit of the stream, of the account, of the disk
WRONG_LAST_SEQUENCE = frozenset({10071, 10164})


class ApiError(Exception):
    """JetStream turned a request down; ``code`` is its error number."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code


async def call(
    bus: Bus, subject: str, request: Mapping[str, Any] | None = None, timeout_s: float | None = None
) -> dict[str, Any]:
    """Return the answer of ``$JS.API.<subject>``; ``timeout_s`` of None is what suits the request.

    Raises:
        ApiError: JetStream says no.
        BusAwayError: no answer, none that can be read, or there is no leader now.
    """
    if timeout_s is None:
        timeout_s = CLUSTER_ASK_TIMEOUT_S if bus.replicas > 1 and ".INFO." in subject else API_TIMEOUT_S
    return read_answer(
        await bus.request(f"$JS.API.{subject}", orjson.dumps(request) if request else b"", timeout_s), subject
    )


def read_answer(message: Message, subject: str) -> dict[str, Any]:
    """Read an answer of the API, wherever it was asked for.

    Raises:
        ApiError: JetStream says no.
        BusAwayError: it cannot be read, or says that there is no leader now.
    """
    try:
        answer: dict[str, Any] = orjson.loads(message.data)
    except orjson.JSONDecodeError as error:
        raise BusAwayError(f"unreadable answer of {subject}") from error
    if "error" in answer:
        refused = ApiError(int(answer["error"].get("err_code", 0)), str(answer["error"].get("description", "")))
        raise BusAwayError(str(refused)) if refused.code in NOT_NOW else refused
    return answer
