"""The history for pages: answered from memory, in parts, so that nothing else waits for it."""

import asyncio
from collections.abc import Sequence

from services.contracts.history import HistoryAnswered, HistoryAsked, HistoryStep
from services.contracts.processor import Processor
from services.contracts.stamp import stamp_from_micros
from services.ledger.core.history import edges_of, steps_of
from services.ledger.core.samples import SECOND_US, Samples
from services.ledger.flow.counting import Ledger
from services.ledger.flow.ports import LedgerClock
from services.ledger.flow.sampling import LATE_S

# With a day of 500 settlements per second in the book a step costs up to 50 us: about a millisecond per turn.
TOGETHER = 16


class History:
    """Answers from the book and the samples.

    Args:
        ledger: whose book it is.
        samples: of the state of the system.
        processors: with the fees for computing what was saved.
        clock: the time.
    """

    def __init__(self, ledger: Ledger, samples: Samples, processors: Sequence[Processor], clock: LedgerClock) -> None:
        self._ledger = ledger
        self._samples = samples
        self._processors = processors
        self._clock = clock

    async def answer(self, asked: HistoryAsked) -> HistoryAnswered | None:
        """Return the steps, or None while the book is not whole, or if it was cleared meanwhile."""
        # A sample is stored a little after the seconds that it covers.
        edges = edges_of(self._clock.now_us() - int(LATE_S * SECOND_US), asked.step_s, asked.steps)
        clearings = self._ledger.book.clearings
        steps: list[HistoryStep] = []
        for first in range(0, len(edges) - 1, TOGETHER):
            if not self._ledger.settlements.is_current or self._ledger.book.clearings != clearings:
                return None
            steps += steps_of(self._ledger.book, self._samples, self._processors, edges[first : first + TOGETHER + 1])
            await asyncio.sleep(0)
        return HistoryAnswered(stamp_from_micros(edges[0]), asked.step_s, tuple(steps))
