"""Deleting one message of a stream."""

import orjson

from services.bus.connection import Bus

WITHIN_S = 0.05  # nobody waits for it: it may leave in one write with others


def delete_message(bus: Bus, stream: str, seq: int) -> None:
    """Have it deleted, with its place left as it is. Whether it was is not heard: for what may stay, and be in the way.

    Raises:
        BusAwayError: not connected; nothing was sent.
    """
    request = orjson.dumps({"seq": seq, "no_erase": True})
    bus.publish(f"$JS.API.STREAM.MSG.DELETE.{stream}", request, within_s=WITHIN_S)
