"""ASSIGNMENTS and SETTLEMENTS as the flow writes and asks them; keeps its ports Assignments and Settlements."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from services.bus.api import ApiError
from services.bus.connection import Bus, BusAwayError
from services.bus.delete import delete_message
from services.bus.follow import Follower
from services.bus.lookup import last_for_each
from services.bus.publish import Stored, store
from services.bus.work_queue import Delivery
from services.contracts import subjects
from services.contracts.assignments import Assignment, TurnAssigned, decode_assignment, encode_assignment
from services.contracts.events import (
    NotAnEventError,
    PaymentRefused,
    PaymentSettled,
    decode_settlement,
    encode,
)
from services.dispatcher.core.away import AwayError

# No client waits for a settlement; several in one write wake the server once.
STORE_WITHIN_S = 0.01
READ_UP_WITHIN_S = 10.0
READ_UP_LOOK_EVERY_S = 0.02

log = logging.getLogger("tarifa.dispatcher")


class UnreadableAssignmentError(Exception):
    """A message of ASSIGNMENTS is of no version known here: what it assigns is not known, so nothing may be sent."""


class AssignmentStream:
    """Keeps the port Assignments; ``instance`` names its subject."""

    def __init__(self, bus: Bus, instance: str) -> None:
        self._bus = bus
        self._subject = subjects.assigned(instance)

    async def publish(self, message: TurnAssigned) -> bool:
        """Store a message; return whether it is known to be stored."""
        result = await store(self._bus, subjects.ASSIGNMENTS, self._subject, encode_assignment(message))
        if not isinstance(result, Stored):
            log.debug("assignments.in_doubt", extra={"turn": message.turn, "result": str(result)})
        return isinstance(result, Stored)

    async def delete(self, at: int) -> None:
        """Delete a message; one that cannot be deleted now stays."""
        try:
            await delete_message(self._bus, subjects.ASSIGNMENTS, at)
        except (BusAwayError, ApiError) as error:
            log.debug("assignments.not_deleted", extra={"at": at, "error": str(error)})

    def follower(self, read: Callable[[Assignment, int], None]) -> Follower:
        """Return what reads the log in its order, from its beginning, into ``read``."""

        def apply(delivery: Delivery) -> None:
            try:
                message = decode_assignment(delivery.data)
            except NotAnEventError as error:
                raise UnreadableAssignmentError(
                    f"message {delivery.seq} of ASSIGNMENTS cannot be read ({error}): another version wrote it, or "
                    f"somebody by hand; look at it, and only if it is none of a dispatcher: "
                    f"nats stream rmm ASSIGNMENTS {delivery.seq}"
                ) from error
            read(message, delivery.seq)

        return Follower(self._bus, subjects.ASSIGNMENTS, subjects.ASSIGNMENTS_ALL, apply)


class SettlementRecords:
    """Keeps the port Settlements."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._are_stored = True

    async def find(self, payment_ids: Sequence[str]) -> Mapping[str, PaymentSettled | PaymentRefused]:
        """Return what is stored of these payments now; of two of one payment a booking, else the newer one."""
        try:
            messages = await last_for_each(
                self._bus, subjects.SETTLEMENTS, [subjects.any_settlement(each) for each in payment_ids]
            )
        except (BusAwayError, ApiError) as error:
            raise AwayError(str(error)) from error
        found: dict[str, PaymentSettled | PaymentRefused] = {}
        for message in sorted(messages, key=lambda each: each.seq):
            try:
                event = decode_settlement(message.data)
            except NotAnEventError as error:
                log.error("settlement.unreadable", extra={"seq": message.seq, "error": str(error)})  # noqa: TRY400
                raise AwayError(f"settlement {message.seq} cannot be read: {error}") from error
            if not isinstance(event, PaymentSettled | PaymentRefused):
                raise AwayError(f"settlement {message.seq} is a {type(event).__name__}, which its subject denies")
            if isinstance(event, PaymentSettled) or event.id not in found:
                found[event.id] = event
        return found

    async def store(self, event: PaymentSettled | PaymentRefused) -> bool:
        """Store a settlement; return whether it is stored now."""
        kind = subjects.settled if isinstance(event, PaymentSettled) else subjects.refused
        subject = kind(event.processor, event.id)
        result = await store(self._bus, subjects.SETTLEMENTS, subject, encode(event), within_s=STORE_WITHIN_S)
        is_stored = isinstance(result, Stored)
        if is_stored != self._are_stored:
            # Said when it begins and when it ends; every payment in hand tries again in between.
            level = logging.INFO if is_stored else logging.ERROR
            log.log(
                level, "settlements.stored" if is_stored else "settlements.not_stored", extra={"result": str(result)}
            )
            self._are_stored = is_stored
        return is_stored


async def read_up(following: Follower) -> None:
    """Wait until the log is read as far as it was when this connection began.

    Raises:
        BusAwayError: it was not within READ_UP_WITHIN_S.
    """
    try:
        async with asyncio.timeout(READ_UP_WITHIN_S):
            while not following.is_caught_up:  # noqa: ASYNC110  # two conditions of the follower, and the connection's
                await asyncio.sleep(READ_UP_LOOK_EVERY_S)
    except TimeoutError:
        raise BusAwayError("ASSIGNMENTS is not read to its end yet") from None
