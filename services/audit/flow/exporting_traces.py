"""The flow of an export: read finished payments in the order of SETTLEMENTS, and send their spans in batches.

Nothing is read ahead: memory is bounded by one batch. ``exported_to`` moves only once spans were taken, so that an
export resumed after it leaves nothing out; what is sent twice has the same ids.
"""

from collections.abc import Callable
from dataclasses import dataclass

from services.audit.core.spans import Span, spans_of
from services.audit.flow.ports import SettlementReader, SpanReceiver
from services.contracts.events import (
    NotAnEventError,
    PaymentRefused,
    PaymentSettled,
    decode_settlement,
)
from services.contracts.traceparent import is_sampled

SPANS_AT_ONCE = 512


@dataclass(slots=True)
class Exported:
    """The counts of an export.

    Args:
        exported_to: the sequence in SETTLEMENTS up to which all was sent.
        payments, spans: how many.
        refused: spans that the receiver refused for good.
        unsampled: payments whose caller does not record the trace.
        unreadable: messages that are not events known here.
    """

    exported_to: int
    payments: int = 0
    spans: int = 0
    refused: int = 0
    unsampled: int = 0
    unreadable: int = 0


class ExportingTraces:
    """Exports what is finished; ``done`` has the counts, ``at`` is called with each sequence that was reached."""

    def __init__(
        self, settlements: SettlementReader, receiver: SpanReceiver, after: int, at: Callable[[int], None]
    ) -> None:
        self._settlements = settlements
        self._receiver = receiver
        self._at = at
        self._read_to = after
        self._spans: list[Span] = []
        self._payments = 0  # to which these spans belong
        self.done = Exported(after)

    async def run(self) -> None:
        """Export all that is there now.

        Raises:
            BusUnavailableError: from ``SettlementReader``.
            NotTakenError: from ``SpanReceiver``.
        """
        while messages := await self._settlements.read(self._read_to + 1):
            for seq, data in messages:
                self._take(data)
                self._read_to = seq
                if len(self._spans) >= SPANS_AT_ONCE:
                    await self._send()
            if not self._spans:
                self.done.exported_to = self._read_to
            self._at(self._read_to)
        await self._send()

    def _take(self, data: bytes) -> None:
        try:
            event = decode_settlement(data)
        except NotAnEventError:
            self.done.unreadable += 1
            return
        if not isinstance(event, PaymentSettled | PaymentRefused) or not event.trace:
            return
        if not is_sampled(event.trace.parent):
            self.done.unsampled += 1
            return
        self._spans += spans_of(event, event.trace)
        self._payments += 1

    async def _send(self) -> None:
        if self._spans:
            self.done.refused += await self._receiver.send(self._spans)
            self.done.spans += len(self._spans)
            self.done.payments += self._payments
            self._spans, self._payments = [], 0
        self.done.exported_to = self._read_to
