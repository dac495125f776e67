"""PAYMENTS and SETTLEMENTS read from end to end by Direct Get: nothing is consumed, acked or created."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from services.audit.adapters.progress import ProgressBar, ProgressLines
from services.bus.jetstream.read_pages import pages
from services.bus.jetstream.state import stream_state
from services.bus.jetstream.stored_message import StoredMessage
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.events import (
    NotAnEventError,
    PaymentAccepted,
    Settlement,
    decode_accepted,
    decode_settlement,
)


class Reader(Protocol):
    """Collects the messages of the streams."""

    def take_accepted(self, event: PaymentAccepted) -> None:
        """Take a message of PAYMENTS."""

    def take_settlement(self, event: Settlement, seq: int) -> None:
        """Take a message of SETTLEMENTS."""

    def take_unreadable(self, where: str, reason: str) -> None:
        """Note a message that is not an event."""

    def take_missing(self, stream: str, first: int, last: int) -> None:
        """Note sequences without a message, in a stream that loses none."""


@dataclass(frozen=True, slots=True)
class JetStreamStreams:
    """Implements the flows' port ``Streams``."""

    bus: Bus
    progress: ProgressBar | ProgressLines

    async def read_into(self, reader: Reader) -> None:
        """Pass all messages to ``reader``, PAYMENTS first."""
        async for message in self._messages(subjects.PAYMENTS, reader, may_lack=True):
            try:
                reader.take_accepted(decode_accepted(message.data))
            except NotAnEventError as error:
                reader.take_unreadable(subjects.PAYMENTS, str(error))
        async for message in self._messages(subjects.SETTLEMENTS, reader, may_lack=False):
            try:
                reader.take_settlement(decode_settlement(message.data), message.seq)
            except NotAnEventError as error:
                reader.take_unreadable(f"{subjects.SETTLEMENTS} {message.seq}", str(error))

    async def _messages(self, stream: str, reader: Reader, *, may_lack: bool) -> AsyncIterator[StoredMessage]:
        """Yield all messages there are now; note missing sequences, unless the stream may lack some."""
        state = await stream_state(self.bus, stream)
        self.progress.begin(f"reading {stream}", state.messages)
        count, seen = 0, 0
        async for messages in pages(self.bus, stream, state.last_seq):
            for message in messages:
                if message.seq > seen + 1 and not may_lack:
                    reader.take_missing(stream, seen + 1, message.seq - 1)
                seen = message.seq
                yield message
            count += len(messages)
            self.progress.at(count)
        if state.last_seq > seen and not may_lack:  # a lost tail leaves no gap
            reader.take_missing(stream, seen + 1, state.last_seq)
