"""Everything about one bad payment: what its client saw, and its lines in every log, stream and book."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from sandbox.chaos.actions import Done
from sandbox.chaos.evidence import Evidence
from sandbox.chaos.offers import Offer

LINES_MAX = 400
AROUND_S = 5.0  # faults this long before and after its first and last event are included
_LOGS = ("stack.log", "bus.log", "processors.log")
_JOURNALS = "*.journal"


def story_of(payment_id: str, offer: Offer | None, evidence: Evidence, folder: Path, done: Iterable[Done]) -> list[str]:
    """Return the story in lines."""
    lines = [f"The story of {payment_id}:"]
    lines += [f"  wrong: {finding.why}" for finding in evidence.findings if finding.id == payment_id]
    if offer is not None:
        lines += [f"  client {_time(at_s)} {what}" for at_s, what in offer.story]
    for path in (*(folder / name for name in _LOGS), *sorted(folder.glob(_JOURNALS))):
        lines += [f"  {path.name}: {line}" for line in _mentions(path, payment_id)]
    for stream, messages in evidence.streams.items():
        lines += [
            f"  {stream} holds {message.headers['Nats-Sequence']} {message.headers['Nats-Time-Stamp']} "
            f"{message.subject} {message.data.decode(errors='replace')}"
            for message in messages
            if payment_id in message.subject
        ]
    lines += [f"  booked at {charge}" for charge in evidence.charges if charge.id == payment_id]
    if offer is not None and offer.story:
        stamps_s = [charge.stamp_us / 1e6 for charge in evidence.charges if charge.id == payment_id]
        times_s = [at_s for at_s, _ in offer.story] + stamps_s
        lines += _faults(min(times_s) - AROUND_S, max(times_s) + AROUND_S, done)
    return lines[:LINES_MAX]


def _faults(begin_s: float, end_s: float, done: Iterable[Done]) -> Iterator[str]:
    for each in done:
        if each.began_s <= end_s and (each.ended_s is None or each.ended_s >= begin_s):
            yield f"  fault {_time(each.began_s)} {each}"


def _mentions(path: Path, payment_id: str) -> Iterator[str]:
    if path.exists():
        with path.open(errors="replace") as lines:
            yield from (line.rstrip("\n") for line in lines if payment_id in line.lower())


def _time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")[11:23]
