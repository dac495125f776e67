"""How many connections, or pages, may be open at once: in total, and from one address."""

from collections import Counter
from enum import Enum


class LimitReached(Enum):
    """Which limit is reached: that of all addresses together, or that of this one."""

    FOR_ALL = "the limit in total"
    FOR_THIS_ADDRESS = "the limit of one address"


class OpenLimit:
    """Counts what is open.

    Args:
        total_max: in total.
        per_address_max: from one address, so that it cannot have all of them.
    """

    def __init__(self, total_max: int, per_address_max: int) -> None:
        self.total_max = total_max
        self.per_address_max = per_address_max
        self._taken = 0
        self._by_address: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """How many are open, from all addresses."""
        return self._taken

    def take(self, address: str) -> LimitReached | None:
        """Count one more, or return why there must not be. ``address`` "": counts in total only."""
        full = self._full(address)
        if full is None:
            self._taken += 1
            self._by_address[address] += 1
        return full

    def give_back(self, address: str) -> None:
        """Count one less of this address; once for each ``take`` that returned None."""
        self._taken -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def _full(self, address: str) -> LimitReached | None:
        if self._taken >= self.total_max:
            return LimitReached.FOR_ALL
        is_full = address and self._by_address.get(address, 0) >= self.per_address_max
        return LimitReached.FOR_THIS_ADDRESS if is_full else None
