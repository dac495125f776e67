"""For how long nothing was settled although it was possible: payments waited, and a processor served.

Time without a serving processor is left out and does not restart the count: faults in close succession must not hide
that nothing is settled between them. Time in which nats did not answer counts, since it is soon back.

After the store went back in time, the protocol itself makes every payment wait until no earlier POST can be under way,
and then until every processor has answered: that time is left out too.
"""

import asyncio
import math
import time
from typing import NamedTuple, Protocol

LIMIT_S = 30.0
SAMPLE_EVERY_S = 1.0


class StreamSample(NamedTuple):
    """How many payments wait in PAYMENTS, and how many messages SETTLEMENTS has.

    ``asks_all``: the store went back in time; ``must_wait``: and no dispatcher has waited long enough yet.
    """

    waiting: int
    settled: int
    asks_all: bool = False
    must_wait: bool = False


class SampledSystem(Protocol):
    """The system, as far as samples need it."""

    @property
    def serves(self) -> bool:
        """Whether a processor takes payments, as far as it is configured to."""

    @property
    def all_serve(self) -> bool:
        """Whether every processor that ever charged takes payments."""

    async def stream_sample(self) -> StreamSample | None:
        """Return the counts of the streams; None while nats does not answer."""


class Standstill:
    """The longest standstill so far, from samples of the streams."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._still_s = 0.0
        self._last: StreamSample | None = None
        self._sampled_s = 0.0
        self._served = False

    @property
    def beyond_s(self) -> int:
        """How much longer than allowed it was, in whole seconds."""
        return max(0, math.ceil(self.longest_s - LIMIT_S))

    def asks_all(self, sample: StreamSample | None) -> bool:
        """Return whether every processor is asked before a payment is sent, by the last known sample."""
        known = sample or self._last
        return known is not None and known.asks_all

    def add(self, now_s: float, sample: StreamSample | None, *, serves: bool) -> None:
        """Add a sample; time counts between two samples if a processor serves at both."""
        if sample is not None and (self._last is None or sample.settled != self._last.settled or not sample.waiting):
            self._still_s = 0.0
        elif self._last is not None and self._last.waiting and serves and self._served:
            self._still_s += now_s - self._sampled_s
            self.longest_s = max(self.longest_s, self._still_s)
        self._last = sample or self._last
        self._sampled_s, self._served = now_s, serves and not (self._last is not None and self._last.must_wait)


async def sample_until_cancelled(system: SampledSystem, standstill: Standstill) -> None:
    """Add a sample every SAMPLE_EVERY_S until cancelled."""
    while True:
        sample = await system.stream_sample()
        serves = system.all_serve if standstill.asks_all(sample) else system.serves
        standstill.add(time.monotonic(), sample, serves=serves)
        await asyncio.sleep(SAMPLE_EVERY_S)
