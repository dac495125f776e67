"""VITALS: a sample every ten seconds, which the server deletes after KEPT_S."""

import asyncio
import logging
from collections.abc import AsyncIterator

from services.bus.jetstream.api import ApiError
from services.bus.jetstream.publish import StoredAt, store
from services.bus.jetstream.read_pages import pages
from services.bus.jetstream.state import stream_state
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import history, subjects
from services.contracts.events import NotAnEventError
from services.contracts.history import VitalsSampled
from services.log_throttle import FailureLog

AGAIN_AFTER_S = 2.0

log = logging.getLogger("tarifa.ledger")


class SampleStream:
    """The port ``SampleStream`` of the flow."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._not_stored = FailureLog(log, "ledger.sample_not_stored")

    async def stored(self) -> AsyncIterator[VitalsSampled]:
        """Yield all stored samples, some of them again if reading has to restart."""
        not_read = FailureLog(log, "ledger.samples_not_read")
        while True:
            try:
                last_seq = (await stream_state(self._bus, subjects.VITALS)).last_seq
                async for messages in pages(self._bus, subjects.VITALS, last_seq):
                    for message in messages:
                        if (sample := _sample(message.seq, message.data)) is not None:
                            yield sample
            except (BusUnavailableError, ApiError) as error:
                not_read.failed(str(error))
                await asyncio.sleep(AGAIN_AFTER_S)
            else:
                return

    async def store(self, sample: VitalsSampled) -> None:
        """Store one; a failure is logged, and the sample is lost when the process ends."""
        result = await store(self._bus, subjects.VITALS, subjects.VITALS_SAMPLED, history.encode(sample))
        if isinstance(result, StoredAt):
            self._not_stored.succeeded()
        else:
            self._not_stored.failed(str(result))


def _sample(seq: int, data: bytes) -> VitalsSampled | None:
    try:
        return history.decode_sampled(data)
    except NotAnEventError as error:
        log.warning("ledger.sample_unreadable", extra={"seq": seq, "error": str(error)})
        return None
