"""The streams at the start of a service: made as soon as that can be."""

import asyncio
import logging

from services.bus.jetstream import api
from services.bus.jetstream.streams import NotMadeYetError, StreamLimits, ensure_streams
from services.bus.wire.cluster import UnfitServerError
from services.bus.wire.connection import Bus, BusAwayError
from services.log_throttle import Trouble

MAKE_AGAIN_AFTER_S = 0.5
PLACES_WITHIN_S = 60.0  # servers of a cluster are started one after another

log = logging.getLogger("tarifa.bus")


async def make_streams(bus: Bus, limits: StreamLimits, *, may_change: bool = True) -> None:
    """Make or update every stream as soon as that can be; a cluster that begins has no leader for some seconds.

    Without ``may_change`` (a user whose permissions forbid it), wait until another service has made them so.

    Raises:
        UnfitServerError: the cluster has fewer servers than there are to be replicas, for PLACES_WITHIN_S.
        StreamMismatchError, ApiError: as of ``ensure_streams``.
    """
    not_made = Trouble(log, "streams.not_made")
    ends_at_s = asyncio.get_running_loop().time() + PLACES_WITHIN_S
    while True:
        try:
            await ensure_streams(bus, limits, may_change=may_change)
        except api.ApiError as error:
            if error.code != api.NO_PLACE:
                raise
            if asyncio.get_running_loop().time() > ends_at_s:
                raise UnfitServerError(
                    f"NATS_REPLICAS is {limits.replicas}, and for {PLACES_WITHIN_S:g} s the cluster that NATS_URL leads"
                    f" to has had fewer servers: {error}; start more, or set NATS_REPLICAS=1 for one that stands alone"
                ) from error
            not_made.tell(str(error))
        except (BusAwayError, NotMadeYetError) as error:
            not_made.tell(str(error))
        else:
            not_made.over()
            return
        await asyncio.sleep(MAKE_AGAIN_AFTER_S)
