"""OPERATIONS, written: the request before it is done, then the outcome. What cannot be recorded is not done."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from services.bus.jetstream.publish import (
    Conflict,
    Duplicate,
    NotAllowed,
    StoredAt,
    StoreResult,
    StreamFull,
    Unavailable,
    store,
)
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.operations import Operation, Operator, Step, encode_operation, event_of
from services.contracts.store_errors import StoreUnavailableError

OUTCOME_TRIES = 5
OUTCOME_AGAIN_AFTER_S = 0.5

_NOT_DONE = "it could not be recorded, so nothing was done"
_MAKE_ROOM = "nothing ever leaves it, so start the services with a larger OPERATIONS_BYTES_MAX"

log = logging.getLogger("tarifa.operations")


class NotRecordedError(StoreUnavailableError):
    """The operation could not be recorded, and so nothing was done. The same may be asked for again."""


class OperationOutcome:
    """The outcome of an operation; ``by`` names who does it, in one word. The default step is done."""

    def __init__(self, by_whom: str) -> None:
        self.by = by_whom
        self.step: Step = "done"
        self.detail = ""

    def refused(self, why: str) -> None:
        """Say that nothing was done, and why."""
        self.step, self.detail = "refused", why

    def failed(self, why: str) -> None:
        """Say that it may be done or not, and why that is not known."""
        self.step, self.detail = "failed", why


class OperationLog:
    """Records what is done.

    Args:
        bus: the connection.
        users: of NATS, one of which this process is: only it may write there, which is how it is known who that is.
    """

    def __init__(self, bus: Bus, users: Sequence[str]) -> None:
        self._bus = bus
        self._users = tuple(users)

    @asynccontextmanager
    async def recorded(self, operation: Operation, who: str) -> AsyncIterator[OperationOutcome]:
        """Record the request, run the body, and record the outcome.

        ``who``: the name of the API key or the user of the operating system. An exception from the body is
        recorded as the outcome, and propagates.

        Raises:
            NotRecordedError: the request could not be recorded; the body was not run.
        """
        operation_id = str(uuid.uuid4())
        operator = await self._asked(operation, operation_id, who)
        outcome = OperationOutcome(operator.word)
        try:
            yield outcome
        except Exception as error:
            outcome.step, outcome.detail = "failed", f"{type(error).__name__}: {error}"
            await self._ended(operation, operation_id, outcome, operator)
            raise
        await self._ended(operation, operation_id, outcome, operator)

    async def _asked(self, operation: Operation, operation_id: str, who: str) -> Operator:
        for operator in (Operator(user, who) for user in self._users):
            match await self._store(operation, operation_id, "asked", operator):
                case StoredAt() | Duplicate():
                    return operator
                case NotAllowed():
                    continue
                case StreamFull(detail):
                    raise NotRecordedError(f"{_NOT_DONE}: OPERATIONS has no room: {detail}; {_MAKE_ROOM}")
                case Unavailable(detail):
                    raise NotRecordedError(f"{_NOT_DONE}: NATS did not confirm: {detail}")
                case Conflict():
                    raise NotRecordedError(f"{_NOT_DONE}: another message was stored under its subject")
        raise NotRecordedError(f"{_NOT_DONE}: this user of NATS may not write to OPERATIONS")

    async def _ended(
        self, operation: Operation, operation_id: str, outcome: OperationOutcome, operator: Operator
    ) -> None:
        """Record the outcome, retrying for a while: it is done, and the caller waits for that answer."""
        ended = Operation(operation.kind, operation.target, operation.reason, outcome.detail or operation.detail)
        for _ in range(OUTCOME_TRIES):
            if isinstance(await self._store(ended, operation_id, outcome.step, operator), StoredAt | Duplicate):
                return
            await asyncio.sleep(OUTCOME_AGAIN_AFTER_S)
        log.error("operation.outcome_not_recorded", extra={"id": operation_id, "step": outcome.step})

    async def _store(self, operation: Operation, operation_id: str, step: Step, operator: Operator) -> StoreResult:
        event = event_of(operation, operation_id, step, operator, datetime.now(UTC))
        return await store(
            self._bus,
            subjects.OPERATIONS,
            subjects.operated(operator.user),
            encode_operation(event),
            message_id=f"{operation_id}.{step}",
        )
