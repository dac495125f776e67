"""Deleting messages of a stream, without waiting for an answer."""

import orjson

from services.bus.wire.connection import Bus

WITHIN_S = 0.05  # nothing waits for it, so it may be written together with other messages


def delete_message(bus: Bus, stream: str, seq: int) -> None:
    """Delete a message without erasing its bytes. There is no answer: only for messages that may as well stay.

    Raises:
        BusUnavailableError: not connected; nothing was sent.
    """
    request = orjson.dumps({"seq": seq, "no_erase": True})
    bus.publish(f"$JS.API.STREAM.MSG.DELETE.{stream}", request, within_s=WITHIN_S)


def purge_before(bus: Bus, stream: str, subject: str, seq: int) -> None:
    """Delete all messages of a subject before a sequence; otherwise as ``delete_message``.

    Raises:
        BusUnavailableError: not connected; nothing was sent.
    """
    request = orjson.dumps({"filter": subject, "seq": seq})
    bus.publish(f"$JS.API.STREAM.PURGE.{stream}", request, within_s=WITHIN_S)
