"""ASSIGNMENTS, written and read: a message is published until somebody has read it, and read in the stream's order."""

import asyncio
import logging
from collections.abc import Callable

from services.bus.jetstream.delete import delete_message, purge_before
from services.bus.jetstream.follower import Follower
from services.bus.jetstream.publish import StoredAt, store, why_not_stored
from services.bus.jetstream.work_queue import Delivery
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects
from services.contracts.assignments import (
    Assignment,
    GenerationClosed,
    TurnAssigned,
    decode_assignment,
    encode_assignment,
)
from services.contracts.events import NotAnEventError

READ_UP_WITHIN_S = 10.0
READ_UP_LOOK_EVERY_S = 0.02

log = logging.getLogger("tarifa.records")


class UnreadableAssignmentError(Exception):
    """A message of ASSIGNMENTS is of no version known here: what it assigns is not known, so nothing may be sent."""


class AssignmentStream:
    """One writer of the stream.

    Args:
        bus: the connection.
        instance: names its subject.
        is_met: whether the store that this connection leads to is known to be the one that was read, and not an older
            copy, in which a sequence stands for another message: only then is anything deleted.
    """

    def __init__(self, bus: Bus, instance: str, is_met: Callable[[], bool] = lambda: True) -> None:
        self._bus = bus
        self._is_met = is_met
        self._subject = subjects.assigned(instance)

    def send(self, message: TurnAssigned) -> bool:
        """Publish a message without a PubAck; return whether it was sent. Only reading it shows that it is stored."""
        try:
            self._bus.publish(self._subject, encode_assignment(message))
        except BusUnavailableError:
            return False
        return True

    async def publish(self, message: TurnAssigned) -> bool:
        """Store a message; return whether it is known to be stored."""
        result = await store(self._bus, subjects.ASSIGNMENTS, self._subject, encode_assignment(message))
        if not isinstance(result, StoredAt):
            log.debug("assignments.in_doubt", extra={"turn": message.turn, "result": str(result)})
        return isinstance(result, StoredAt)

    async def close_generation(self, generation: str) -> None:
        """Have a generation of a processor take nothing new; once more does no harm.

        Raises:
            BusUnavailableError: not known whether it is stored; repeat it.
        """
        message = encode_assignment(GenerationClosed(generation))
        result = await store(self._bus, subjects.ASSIGNMENTS, subjects.GENERATION_CLOSED, message)
        if not isinstance(result, StoredAt):
            raise BusUnavailableError(f"{generation} could not be closed: {why_not_stored(result)}")

    async def delete(self, at: int) -> None:
        """Delete a message, without waiting for the answer; one that is not deleted stays until the next purge."""
        try:
            if self._is_met():
                delete_message(self._bus, subjects.ASSIGNMENTS, at)
        except BusUnavailableError as error:
            log.debug("assignments.not_deleted", extra={"at": at, "error": str(error)})

    def purge_before(self, at: int) -> None:
        """Delete what was written here before a sequence, where an earlier deletion was lost."""
        try:
            if self._is_met():
                purge_before(self._bus, subjects.ASSIGNMENTS, self._subject, at)
        except BusUnavailableError as error:
            log.debug("assignments.not_purged", extra={"before": at, "error": str(error)})

    def follower(self, read: Callable[[Assignment, int, int], object]) -> Follower:
        """Return what reads the log in its order, from its beginning, into ``read``: message, sequence, stored_ns."""

        def apply(delivery: Delivery) -> None:
            try:
                message = decode_assignment(delivery.data)
            except NotAnEventError as error:
                raise UnreadableAssignmentError(
                    f"message {delivery.seq} of ASSIGNMENTS cannot be read ({error}): another version wrote it, or "
                    f"somebody by hand; look at it, and only if it is none of a dispatcher: "
                    f"nats stream rmm ASSIGNMENTS {delivery.seq}"
                ) from error
            read(message, delivery.seq, delivery.stored_ns)

        return Follower(self._bus, subjects.ASSIGNMENTS, subjects.ASSIGNMENTS_ALL, apply)


async def read_up(following: Follower) -> None:
    """Wait until the log is read as far as it was when this connection began.

    Raises:
        BusUnavailableError: it was not within READ_UP_WITHIN_S.
    """
    try:
        async with asyncio.timeout(READ_UP_WITHIN_S):
            while not following.is_caught_up:  # noqa: ASYNC110  # two conditions of the follower, and the connection's
                await asyncio.sleep(READ_UP_LOOK_EVERY_S)
    except TimeoutError:
        raise BusUnavailableError("ASSIGNMENTS is not read to its end yet") from None
