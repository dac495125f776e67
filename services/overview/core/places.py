"""How many connections, or pages, may be open at once: in total, and from one address."""

from collections import Counter
from enum import Enum


class Full(Enum):
    """Which limit is reached."""

    FOR_ALL = "the limit in total"
    FOR_THIS_ADDRESS = "the limit of one address"


class Places:
    """Counts what is open.

    Args:
        places_max: in total.
        per_address_max: from one address, so that one cannot take all of them.
    """

    def __init__(self, places_max: int, per_address_max: int) -> None:
        self.places_max = places_max
        self.per_address_max = per_address_max
        self._taken = 0
        self._by_address: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """How many are open."""
        return self._taken

    def take(self, address: str) -> Full | None:
        """Take a place, or return why there is none. ``address`` "": counts in total only."""
        full = self._full(address)
        if full is None:
            self._taken += 1
            self._by_address[address] += 1
        return full

    def give_back(self, address: str) -> None:
        """Release a place that this address has taken."""
        self._taken -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def _full(self, address: str) -> Full | None:
        if self._taken >= self.places_max:
            return Full.FOR_ALL
        is_full = address and self._by_address.get(address, 0) >= self.per_address_max
        return Full.FOR_THIS_ADDRESS if is_full else None
