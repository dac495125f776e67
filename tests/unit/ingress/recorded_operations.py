"""A log of operations for the flows that record what an operator does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.contracts.operations import Operation
from services.contracts.store_errors import StoreUnavailableError
from services.records.operations import OperationOutcome


class RecordedOperations:
    """``happened`` has the operations, their outcomes, and what a subclass adds, in order."""

    def __init__(self, *, records: bool = True) -> None:
        self.records = records
        self.happened: list[object] = []
        self.outcome: OperationOutcome | None = None

    @asynccontextmanager
    async def recorded(self, operation: Operation, who: str) -> AsyncIterator[OperationOutcome]:
        """Record who requests it, and the outcome."""
        if not self.records:
            raise StoreUnavailableError("it could not be recorded, so nothing was done: the log is full")
        self.happened.append((operation, who))
        self.outcome = OperationOutcome(who)
        yield self.outcome
        self.happened.append(self.outcome.step)
