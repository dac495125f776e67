"""How long settling stood still although it could have gone on: payments waited, and a processor served.

Time in which no processor served is left out and does not begin the count anew: faults that follow each other closely
must not hide that nothing is settled between them. Time in which nats did not answer counts, for it is soon back.

Where the store went back in time, the protocol itself has every payment wait until no POST of before can be under way
any more, and then for every processor's word: that time is left out too.
"""

import asyncio
import math
import time
from typing import NamedTuple, Protocol

LIMIT_S = 30.0
LOOK_EVERY_S = 1.0


class Sight(NamedTuple):
    """How many payments wait in PAYMENTS, and how many messages SETTLEMENTS has.

    ``asks_all``: the store went back in time; ``must_wait``: and no dispatcher has waited that out yet.
    """

    waiting: int
    settled: int
    asks_all: bool = False
    must_wait: bool = False


class Place(Protocol):
    """Where to look."""

    @property
    def serves(self) -> bool:
        """Whether a processor takes payments, by what it is wanted to do."""

    @property
    def all_serve(self) -> bool:
        """Whether every processor that ever charged does."""

    async def sight(self) -> Sight | None:
        """Return what the streams hold; None while nats does not say."""


class Standstill:
    """The longest one so far, from looks at the streams."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._still_s = 0.0
        self._last: Sight | None = None
        self._looked_s = 0.0
        self._served = False

    @property
    def beyond_s(self) -> int:
        """By how much it was longer than it may be, in whole seconds."""
        return max(0, math.ceil(self.longest_s - LIMIT_S))

    def asks_all(self, sight: Sight | None) -> bool:
        """Return whether every processor is asked before a payment is sent, as far as is known."""
        known = sight or self._last
        return known is not None and known.asks_all

    def look(self, now_s: float, sight: Sight | None, *, serves: bool) -> None:
        """Take a look in; time counts between two looks at both of which a processor serves."""
        if sight is not None and (self._last is None or sight.settled != self._last.settled or not sight.waiting):
            self._still_s = 0.0
        elif self._last is not None and self._last.waiting and serves and self._served:
            self._still_s += now_s - self._looked_s
            self.longest_s = max(self.longest_s, self._still_s)
        self._last = sight or self._last
        self._looked_s, self._served = now_s, serves and not (self._last is not None and self._last.must_wait)


async def watch(place: Place, standstill: Standstill) -> None:
    """Look until cancelled."""
    while True:
        sight = await place.sight()
        serves = place.all_serve if standstill.asks_all(sight) else place.serves
        standstill.look(time.monotonic(), sight, serves=serves)
        await asyncio.sleep(LOOK_EVERY_S)
