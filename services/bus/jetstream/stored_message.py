"""One message as a stream holds it, from whichever API it was read."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.bus.wire.connection import BusUnavailableError
from services.bus.wire.message import Message, headers_in


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message as the stream holds it; ``headers`` may include the server's own."""

    seq: int
    subject: str
    data: bytes
    stored_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)


def of_direct_get(message: Message, headers: Mapping[str, str]) -> StoredMessage:
    """Read an answer of Direct Get.

    Raises:
        BusUnavailableError: it is not a stored message.
    """
    try:
        return StoredMessage(
            seq=int(headers["Nats-Sequence"]),
            subject=headers["Nats-Subject"],
            data=message.data,
            stored_at=time_from_text(headers["Nats-Time-Stamp"]),
            headers=headers,
        )
    except (KeyError, ValueError) as error:
        raise BusUnavailableError(f"unreadable answer: {headers}") from error


def of_leader(answer: Mapping[str, Any]) -> StoredMessage:
    """Read the ``message`` of an answer of STREAM.MSG.GET.

    Raises:
        BusUnavailableError: it is not a stored message.
    """
    try:
        return StoredMessage(
            seq=int(answer["seq"]),
            subject=str(answer["subject"]),
            data=base64.b64decode(answer.get("data", "")),
            stored_at=time_from_text(str(answer["time"])),
            headers=headers_in(base64.b64decode(answer.get("hdrs", ""))),
        )
    except (KeyError, ValueError) as error:
        raise BusUnavailableError(f"unreadable answer: {answer}") from error


def time_from_text(text: str) -> datetime:
    """Read the server's format: with 0 to 9 digits of a second's fraction, of which Python reads six.

    Raises:
        ValueError: it has another format.
    """
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{fraction[:6].ljust(6, '0')}+00:00")
