"""The streams at the start of a service: created as soon as that is possible."""

import asyncio
import logging

from services.bus.jetstream import api
from services.bus.jetstream.streams import NotMadeYetError, StreamLimits, ensure_streams
from services.bus.wire.cluster import UnfitServerError
from services.bus.wire.connection import Bus, BusUnavailableError
from services.log_throttle import FailureLog

MAKE_AGAIN_AFTER_S = 0.5
PLACES_WITHIN_S = 60.0  # the servers of a cluster start one after another

log = logging.getLogger("tarifa.bus")


async def make_streams(bus: Bus, limits: StreamLimits, *, may_change: bool = True) -> None:
    """Create or update every stream as soon as that is possible; a new cluster has no leader for some seconds.

    Without ``may_change`` (a user whose permissions forbid it), wait until another service has done it.

    Raises:
        UnfitServerError: for PLACES_WITHIN_S the cluster has fewer servers than NATS_REPLICAS.
        StreamMismatchError, ApiError: from ``ensure_streams``.
    """
    not_made = FailureLog(log, "streams.not_made")
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
                    f" to has had fewer servers: {error}; start more, or set NATS_REPLICAS=1 for a single server"
                ) from error
            not_made.failed(str(error))
        except (BusUnavailableError, NotMadeYetError) as error:
            not_made.failed(str(error))
        else:
            not_made.succeeded()
            return
        await asyncio.sleep(MAKE_AGAIN_AFTER_S)
