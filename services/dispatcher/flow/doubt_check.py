"""A doubtful payment is asked about at every processor before it gets a line: found, it is booked there.

Absent everywhere counts only once no earlier POST can be under way any more; until then, and while a processor does not
answer, it is given back to be redelivered: it never blocks what is behind it.
"""

import asyncio
import logging
from collections.abc import Mapping

from services.contracts.assignments import processor_of
from services.dispatcher.core.counters import Counters
from services.dispatcher.core.doubt import concluded
from services.dispatcher.core.in_hand import InHand
from services.dispatcher.flow.ports import ChargingProcessor, StoreWatch
from services.dispatcher.flow.settling import Settling
from services.log_throttle import CountedLog

AT_ONCE = 16
AGAIN_AFTER_S = 5.0  # a processor did not answer
AGAIN_MARGIN_S = 0.5

log = logging.getLogger("tarifa.dispatcher")


class DoubtCheck:
    """Asks about doubtful payments at all ``processors``, which are by generation."""

    def __init__(
        self, *, store: StoreWatch, processors: Mapping[str, ChargingProcessor], settling: Settling, counters: Counters
    ) -> None:
        self._store = store
        self._processors = processors
        self._settling = settling
        self._counters = counters
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._counted = CountedLog(log)

    async def is_ordinary(self, payment: InHand) -> bool:
        """Ask about a payment in hand; return whether it may be sent like any other; else it is no longer in hand."""
        counts_in_s = self._store.absence_counts_in_ms() / 1000
        asked = dict(self._processors)  # they may change meanwhile
        async with self._slots:
            answers = await asyncio.gather(*[processor.look_up(payment.id) for processor in asked.values()])
        match concluded(zip(asked, answers, strict=True)):
            case (generation, found):
                name = processor_of(generation)
                self._counted.log(logging.WARNING, "payment.found_booked", name, **payment.log_fields)
                self._counters.count("found_booked")
                await self._settling.booked(payment, asked[generation].registered, found)
                return False
            case "absent" if counts_in_s == 0:
                self._counters.count("cleared")
                return True
            case "absent":
                await self._settling.nak(payment, counts_in_s + AGAIN_MARGIN_S)
            case "unanswered":
                self._counted.log(logging.WARNING, "payment.doubtful", **payment.log_fields)
                self._counters.count("doubtful")
                await self._settling.nak(payment, max(AGAIN_AFTER_S, counts_in_s))
        return False
