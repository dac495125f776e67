"""Fakes of the ledger's own small ports."""

from datetime import datetime

from services.ledger.core.lately import Cut


class NoDispatchers:
    """Nobody stores settlements but the test; ``cut`` is what they say."""

    def __init__(self) -> None:
        self.cut = Cut(0, None)
        self.asked: list[datetime | None] = []

    async def stored(self, asked_at: datetime | None, within_s: float) -> Cut:
        """Note it, and answer."""
        self.asked.append(asked_at)
        return self.cut


class StillClock:
    """Time that passes only when the test says so."""

    def __init__(self) -> None:
        self.s = 1_000.0
        self.us = 0

    def now_s(self) -> float:
        """Return it."""
        return self.s

    def now_us(self) -> int:
        """Return it."""
        return self.us
