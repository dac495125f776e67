"""A processor as the test wants it: its generation as it is registered, and what it answers."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from services.contracts.assignments import processor_of
from services.contracts.processor_entry import ProcessorGeneration
from services.dispatcher.core.outcome import Absent, Lookup, Outcome
from tests.unit.dispatcher.fakes import AT_HOME, FakeClock


def registered(generation: str = AT_HOME, url: str = "http://processor") -> ProcessorGeneration:
    """Return a generation that is open, as it is registered."""
    return ProcessorGeneration(generation, processor_of(generation), url, Decimal("0.05"), "open")


@dataclass(slots=True)
class FakeProcessor:
    """Returns the outcomes and look-ups that the test set, in order; ``gate`` keeps calls until it is set."""

    name: str
    noted: list[str]
    clock: FakeClock
    outcomes: deque[Outcome | Exception] = field(default_factory=deque)
    lookups: deque[Lookup] = field(default_factory=deque)
    stamps: list[datetime] = field(default_factory=list)
    traceparents: list[str | None] = field(default_factory=list)
    gate: asyncio.Event | None = None

    @property
    def registered(self) -> ProcessorGeneration:
        """Its first generation."""
        return registered(f"{self.name}/1")

    async def charge(
        self, payment_id: str, amount_cents: int, requested_at: datetime, traceparent: str | None = None
    ) -> Outcome:
        """Record the call, and return the next outcome."""
        self.noted.append(f"charge {self.name}")
        self.stamps.append(requested_at)
        self.traceparents.append(traceparent)
        if self.gate is not None:
            await self.gate.wait()
        self.clock.ms += 10
        outcome = self.outcomes.popleft()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def look_up(self, payment_id: str) -> Lookup:
        """Record the call, and return the next look-up."""
        self.noted.append(f"look_up {self.name}")
        return self.lookups.popleft() if self.lookups else Absent()
