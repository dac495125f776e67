"""The history of one payment with a violation: what its client saw, and its lines in all logs, streams and books."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from sandbox.chaos.fault_injector import InjectedFault
from sandbox.chaos.offered_payment import OfferedPayment
from sandbox.chaos.run_audit import RunAudit

LINES_MAX = 400
AROUND_S = 5.0  # faults this long before and after its first and last event are included
_LOGS = ("stack.log", "bus.log", "processors.log")
_JOURNALS = "*.journal"


def history_of(
    payment_id: str, offer: OfferedPayment | None, audit: RunAudit, folder: Path, injected: Iterable[InjectedFault]
) -> list[str]:
    """Return the history in lines, at most LINES_MAX."""
    lines = [f"The history of {payment_id}:"]
    lines += [f"  wrong: {violation.why}" for violation in audit.violations if violation.id == payment_id]
    if offer is not None:
        lines += [f"  client {_time(at_s)} {what}" for at_s, what in offer.history]
    for path in (*(folder / name for name in _LOGS), *sorted(folder.glob(_JOURNALS))):
        lines += [f"  {path.name}: {line}" for line in _mentions(path, payment_id)]
    for stream, messages in audit.streams.items():
        lines += [
            f"  {stream} holds {message.headers['Nats-Sequence']} {message.headers['Nats-Time-Stamp']} "
            f"{message.subject} {message.data.decode(errors='replace')}"
            for message in messages
            if payment_id in message.subject
        ]
    lines += [f"  booked at {charge}" for charge in audit.charges if charge.id == payment_id]
    if offer is not None and offer.history:
        stamps_s = [charge.requested_at_us / 1e6 for charge in audit.charges if charge.id == payment_id]
        times_s = [at_s for at_s, _ in offer.history] + stamps_s
        lines += _faults(min(times_s) - AROUND_S, max(times_s) + AROUND_S, injected)
    return lines[:LINES_MAX]


def _faults(begin_s: float, end_s: float, injected: Iterable[InjectedFault]) -> Iterator[str]:
    for each in injected:
        if each.began_s <= end_s and (each.ended_s is None or each.ended_s >= begin_s):
            yield f"  fault {_time(each.began_s)} {each}"


def _mentions(path: Path, payment_id: str) -> Iterator[str]:
    if path.exists():
        with path.open(errors="replace") as lines:
            yield from (line.rstrip("\n") for line in lines if payment_id in line.lower())


def _time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")[11:23]
