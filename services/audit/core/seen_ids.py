"""Which ids certainly have not come before, in a memory that does not grow: a Bloom filter. Pure.

An id that may have come before must be looked up. Of 1 million ids one in 30 million is looked up for nothing, of 10
million one in 3,000, of 100 million one in 3; then it takes longer, and is still right.
"""

BITS = 1 << 28  # 32 MiB
PROBES = 4
_MASK = BITS - 1


class SeenIds:
    """Ids that have come."""

    def __init__(self) -> None:
        self._bits = bytearray(BITS >> 3)

    def is_new(self, payment_id: str) -> bool:
        """Note an id; return whether it certainly comes for the first time."""
        # Clients choose the ids. Python's hash of texts is keyed anew in every process: nobody can make them collide.
        spread = hash(payment_id)
        step = spread >> 32 | 1
        bits, is_new = self._bits, False
        for probe in range(PROBES):
            bit = spread + probe * step & _MASK
            mask = 1 << (bit & 7)
            if not bits[bit >> 3] & mask:
                bits[bit >> 3] |= mask
                is_new = True
        return is_new
