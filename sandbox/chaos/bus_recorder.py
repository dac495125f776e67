"""Records what services publish about payments, for a payment's history, and counts moves and take-overs."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TextIO

from sandbox.nats_connection import NatsConnection, NatsError, NatsMessage
from services.contracts.assignments import TurnAssigned, decode_assignment, processor_of

_ASSIGNMENTS = "assignments."
_SUBJECTS = ("payments.accepted.>", "settlements.>", f"{_ASSIGNMENTS}>")
AGAIN_AFTER_S = 0.1


class AssignmentTracker:
    """Which processor each payment is assigned to, by ASSIGNMENTS: another one is a move, the same one a take-over."""

    def __init__(self) -> None:
        self._assigned: dict[str, str] = {}
        self.moves = 0
        self.take_overs = 0

    def add(self, data: bytes) -> None:
        """Add a message of ASSIGNMENTS."""
        message = decode_assignment(data)
        for line in message.lines if isinstance(message, TurnAssigned) else ():
            before = self._assigned.pop(line.id, None)
            if line.kind != "send":
                continue
            if before == line.generation:
                self.take_overs += 1
            elif before is not None:
                self.moves += 1
            self._assigned[line.id] = line.generation

    def assigned_to(self, processor: str) -> list[str]:
        """Return the payments whose last line is for that processor, settled or not, the newest line first."""
        return [each for each, place in reversed(self._assigned.items()) if processor_of(place) == processor]


class BusRecorder:
    """Writes every message with its time to a file; it misses those while nats is away, so its counts are minima."""

    def __init__(
        self, connect: Callable[[], Awaitable[NatsConnection]], out: TextIO, assignments: AssignmentTracker
    ) -> None:
        self._connect = connect
        self._out = out
        self._assignments = assignments

    async def run(self) -> None:
        """Subscribe and record until cancelled; after a lost connection, connect again."""
        while True:
            try:
                connection = await self._connect()
            except NatsError:
                await asyncio.sleep(AGAIN_AFTER_S)
                continue
            try:
                for subject in _SUBJECTS:
                    connection.subscribe(subject, self._record)
                await connection.closed()
            finally:
                await connection.close()

    def _record(self, message: NatsMessage) -> None:
        self._out.write(f"{time.time():.3f} {message.subject} {message.data.decode(errors='replace')}\n")
        if message.subject.startswith(_ASSIGNMENTS):
            self._assignments.add(message.data)
