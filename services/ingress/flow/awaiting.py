"""A request that waits until its payment is settled or refused; it changes nothing about what is charged.

A published settlement is a reason to look it up, and no more: it comes before the settlement is stored, and may be
lost. What is returned was read. So a request looks up periodically too, ever less often, and at the end.
"""

import asyncio
from contextlib import suppress

from services.ingress.core.answers import NotAwaited, NotYet, Standing
from services.ingress.core.meter import Meter
from services.ingress.flow.ports import SettlementHints, SettlementLookup

# Requests that wait at once: each uses some 10 KiB, one subscription of NATS, and at nginx two of 8,192 connections.
AWAITING_MAX = 256
LOOK_AGAIN_S = 0.5  # after a look-up, if no hint comes; doubled each time
LOOK_SOON_S = 0.01  # after a look-up that followed a hint: that came before it was stored; doubled too


class Awaiting:
    """Bounds the requests that wait, and ends them all when the service stops."""

    def __init__(
        self, *, settlements: SettlementLookup, hints: SettlementHints, meter: Meter, awaiting_max: int = AWAITING_MAX
    ) -> None:
        self._settlements = settlements
        self._hints = hints
        self._meter = meter
        self._awaiting_max = awaiting_max
        self._awaiting: set[asyncio.Event] = set()
        self._is_closed = False

    def close(self) -> None:
        """End all that wait, and let no other begin."""
        self._is_closed = True
        for hint in self._awaiting:
            hint.set()

    async def final(self, payment_id: str, within_s: float) -> Standing | NotYet | NotAwaited:
        """Return a stored payment when it is settled or refused; it is looked up at least once, and at the end."""
        answer = await self._final(payment_id, within_s)
        self._meter.waited(answer)
        return answer

    async def _final(self, payment_id: str, within_s: float) -> Standing | NotYet | NotAwaited:
        if self._is_closed or len(self._awaiting) >= self._awaiting_max:
            return NotAwaited()
        hint = asyncio.Event()
        self._awaiting.add(hint)
        self._meter.awaiting = len(self._awaiting)
        try:
            # Before the first look-up: what is settled after it gives a hint.
            async with self._hints.listening(payment_id, hint.set):
                return await self._look(payment_id, hint, within_s)
        finally:
            self._awaiting.discard(hint)
            self._meter.awaiting = len(self._awaiting)

    async def _look(self, payment_id: str, hint: asyncio.Event, within_s: float) -> Standing | NotYet | NotAwaited:
        loop = asyncio.get_running_loop()
        ends_s, pause_s = loop.time() + within_s, LOOK_AGAIN_S
        while True:
            hint.clear()
            found = await self._settlements.settlement(payment_id)
            if isinstance(found, Standing):
                return found
            if self._is_closed:
                return NotAwaited()
            left_s = ends_s - loop.time()
            if left_s <= 0:
                return NotYet()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(pause_s, left_s)):
                    await hint.wait()
            pause_s = LOOK_SOON_S if hint.is_set() else pause_s * 2
