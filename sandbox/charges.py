"""What a processor has booked, as its admin call lists it: each harness compares everything else with that."""

from dataclasses import dataclass

import orjson

from services.contracts.stamp import micros_of, stamp_from_micros, stamp_from_text, text_of


@dataclass(frozen=True, slots=True)
class Charge:
    """One payment as one processor booked it; ``requested_at_us``: its stamp, in microseconds since 1970."""

    processor: str
    id: str
    cents: int
    requested_at_us: int

    @property
    def requested_at(self) -> str:
        """The stamp as text."""
        return text_of(stamp_from_micros(self.requested_at_us))


def read_charges(processor: str, body: bytes) -> list[Charge]:
    """Read the list of a processor's bookings: one JSON object a line, or a JSON array of them.

    Raises:
        ValueError, KeyError: it is not such a list.
    """
    rows = orjson.loads(body) if body.lstrip().startswith(b"[") else map(orjson.loads, body.splitlines())
    return [
        Charge(
            processor, row["correlationId"], round(row["amount"] * 100), micros_of(stamp_from_text(row["requestedAt"]))
        )
        for row in rows
    ]
