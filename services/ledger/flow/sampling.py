"""Sampling: every ten seconds, the state of the system as the operator's page shows it.

The ledger does it because there is only one, and it receives the same pulses as pages. What it misses, while it or NATS
is away, stays unknown, and is a gap in the plots.
"""

import asyncio
import logging
from collections.abc import Callable

from services.contracts.stamp import stamp_from_micros, text_of
from services.ledger.core.samples import EVERY_US, SECOND_US, Samples, sample_of
from services.ledger.flow.ports import LedgerClock, SampleStream, VitalsSource
from services.overview.core.vitals import Vitals

LATE_S = 2.0  # a later sample would describe other seconds than its own

log = logging.getLogger("tarifa.ledger")


class Sampler:
    """Samples the vitals, and stores the samples.

    Args:
        source: where vitals come from.
        new_vitals: returns vitals that start at a moment of the clock.
        samples: where answers are read from.
        stream: where they are stored.
        clock: the time.
    """

    def __init__(
        self,
        source: VitalsSource,
        new_vitals: Callable[[float], Vitals],
        samples: Samples,
        stream: SampleStream,
        clock: LedgerClock,
    ) -> None:
        self._source = source
        self._new_vitals = new_vitals
        self._samples = samples
        self._stream = stream
        self._clock = clock

    async def run(self) -> None:
        """Read the samples of the last day, and take new ones meanwhile and from then on, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._load())
            tasks.create_task(self._sample_periodically())

    async def _sample_periodically(self) -> None:
        vitals = self._new_vitals(self._clock.now_s())
        async with self._source.pulses(lambda pulse: vitals.add_pulse(pulse, self._clock.now_s())):
            while True:
                end_us = (self._clock.now_us() // EVERY_US + 1) * EVERY_US
                await asyncio.sleep((end_us - self._clock.now_us()) / SECOND_US)
                if (backlog := await self._source.backlog()) is not None:
                    vitals.set_backlog(backlog, self._clock.now_s())
                if abs(self._clock.now_us() - end_us) > LATE_S * SECOND_US:
                    log.warning("ledger.sample_missed", extra={"at": text_of(stamp_from_micros(end_us))})
                    continue
                sample = sample_of(vitals.document(self._clock.now_s(), stamp_from_micros(end_us)), end_us)
                self._samples.put(sample)
                await self._stream.store(sample)

    async def _load(self) -> None:
        async for sample in self._stream.stored():
            self._samples.put(sample)
        log.info("ledger.samples_read", extra={"samples": len(self._samples)})
