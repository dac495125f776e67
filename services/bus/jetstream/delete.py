"""Deleting messages of a stream, without waiting for an answer."""

import orjson

from services.bus.wire.connection import Bus

WITHIN_S = 0.05  # nobody waits for it: it may leave in one write with others


def delete_message(bus: Bus, stream: str, seq: int) -> None:
    """Have it deleted, with its place left as it is. Whether it was is not heard: for what may stay, and be in the way.

    Raises:
        BusAwayError: not connected; nothing was sent.
    """
    request = orjson.dumps({"seq": seq, "no_erase": True})
    bus.publish(f"$JS.API.STREAM.MSG.DELETE.{stream}", request, within_s=WITHIN_S)


def purge_before(bus: Bus, stream: str, subject: str, seq: int) -> None:
    """Have all messages of a subject deleted that stand before a sequence; as ``delete_message`` otherwise.

    Raises:
        BusAwayError: not connected; nothing was sent.
    """
    request = orjson.dumps({"filter": subject, "seq": seq})
    bus.publish(f"$JS.API.STREAM.PURGE.{stream}", request, within_s=WITHIN_S)
