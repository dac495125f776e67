"""Deleting one message of a stream."""

from services.bus import api
from services.bus.connection import Bus


async def delete_message(bus: Bus, stream: str, seq: int) -> None:
    """Delete it, with its place left as it is; that it is gone already is no error.

    Raises:
        ApiError: it is there and could not be deleted.
        BusAwayError: no answer; it may be there or not.
    """
    try:
        await api.call(bus, f"STREAM.MSG.DELETE.{stream}", {"seq": seq, "no_erase": True})
    except api.ApiError as error:
        # Of one outside the first and the last of the stream the server says only that deleting failed.
        if error.code in api.NO_SUCH_MESSAGE:
            return
        if error.code not in api.NOT_DELETED or await _is_there(bus, stream, seq):
            raise


async def _is_there(bus: Bus, stream: str, seq: int) -> bool:
    try:
        await api.call(bus, f"STREAM.MSG.GET.{stream}", {"seq": seq})
    except api.ApiError as error:
        if error.code in api.NO_SUCH_MESSAGE:
            return False
        raise
    return True
