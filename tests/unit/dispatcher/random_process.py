"""One process of the dispatcher in the world that it shares with others: the real flow, and ports of its own."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime

from services.contracts.assignments import TurnAssigned
from services.contracts.events import PaymentRefused, PaymentSettled
from services.contracts.processor_entry import ProcessorGeneration
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.condition import Health
from services.dispatcher.core.counters import Counters
from services.dispatcher.core.outcome import Lookup, Outcome
from services.dispatcher.core.route import Rules
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.flow.dispatching import Dependencies, Dispatching
from tests.unit.dispatcher.fake_processor import registered
from tests.unit.dispatcher.fakes import AT_DEAR, AT_HOME, DEAR, HOME, Delivered, FakeSource, FakeStore
from tests.unit.dispatcher.random_time import here
from tests.unit.dispatcher.random_world import BrokenError, World

# A payment of any age may go to the dear processor, so that what goes wrong in a move does so in few steps.
RULES = Rules(settle_within_ms=0, spill_after_ms=1_000, slow_call_ms=1_400, calls_per_s_max=1_000, in_flight_max=64)


class Ports:
    """The streams and one processor, as ports of one process; those of a dead one do nothing any more."""

    def __init__(self, world: World, generation: str = "") -> None:
        self._world = world
        self._generation = generation
        self.dead = False
        self.broke = 0  # tasks, on purpose

    async def _living(self) -> None:
        if self.dead:
            await asyncio.get_running_loop().create_future()

    async def ack(self, handle: str) -> None:
        """Record it."""
        await self._living()
        self._world.acked.add(handle)

    async def nak(self, handle: str, delay_s: float) -> None:
        """Do nothing: it may be redelivered at any time, to any dispatcher, anyway."""

    async def find(self, payment_ids: Sequence[str]) -> Mapping[str, PaymentSettled | PaymentRefused]:
        """Ask SETTLEMENTS."""
        await self._living()
        return await self._world.find(payment_ids)

    async def store(self, event: PaymentSettled | PaymentRefused) -> bool:
        """Store a settlement."""
        await self._living()
        return await self._world.store(event)

    async def publish(self, message: TurnAssigned) -> bool:
        """Publish lines."""
        await self._living()
        return self._world.send(message)

    def send(self, message: TurnAssigned) -> bool:
        """Send lines."""
        return not self.dead and self._world.send(message)

    def purge_before(self, at: int) -> None:
        """Delete lines before a sequence."""
        if not self.dead:
            self._world.purge_before(at)

    async def delete(self, at: int) -> None:
        """Delete lines."""
        await self._living()
        await self._world.delete(at)

    @property
    def registered(self) -> ProcessorGeneration:
        """Its generation."""
        return registered(self._generation)

    async def charge(
        self, payment_id: str, amount_cents: int, requested_at: datetime, traceparent: str | None = None
    ) -> Outcome:
        """Send a POST."""
        await self._living()
        try:
            return await self._world.processors[self._generation].charge(payment_id, amount_cents, requested_at)
        except BrokenError:
            self.broke += 1
            raise

    async def look_up(self, payment_id: str) -> Lookup:
        """Send a GET."""
        await self._living()
        return self._world.processors[self._generation].look_up(payment_id)


class Process:
    """A dispatcher; it reads the log from its start, and then each message as it is stored unless it ``lags``."""

    def __init__(self, world: World, owner: str) -> None:
        self.owner = owner
        self.lags = False
        self.stopping: asyncio.Task[None] | None = None
        self._world = world
        self._tasks: set[asyncio.Task[object]] = set()
        self._context = contextvars.copy_context()
        self._context.run(here.set, self._tasks)
        streams, home, dear = self._ports = Ports(world), Ports(world, AT_HOME), Ports(world, AT_DEAR)
        self.log = AssignmentLog()
        self.traffic = Traffic((AT_HOME, AT_DEAR), RULES)
        self.counters = Counters((HOME, DEAR))
        self.flow = Dispatching(
            Dependencies(
                owner=owner,
                traffic=self.traffic,
                counters=self.counters,
                log_read=self.log,
                queue=streams,
                source=FakeSource(),
                settlements=streams,
                assignments=streams,
                processors={AT_HOME: home, AT_DEAR: dear},
                store=FakeStore(),
                clock=world.clock,
                is_alive=world.alive.__contains__,
            )
        )
        self.flow.scheduler.stop()  # the test starts calls itself
        self._read_to = 0
        self.read_on()
        world.readers.append(self._stored)
        world.alive.add(owner)

    @property
    def bugs(self) -> int:
        """How many tasks failed by themselves."""
        return self.counters.counts.get("bug", 0) - sum(ports.broke for ports in self._ports)

    def read_on(self, count: int | None = None) -> None:
        """Read the next messages of the log, or all."""
        end = len(self._world.log) if count is None else min(len(self._world.log), self._read_to + count)
        while self._read_to < end and not self._ports[0].dead:
            self._read_to += 1
            if (message := self._world.log[self._read_to - 1]) is not None:
                self._within(self.flow.assigning.read, message, self._read_to)

    def deliver(self, delivery: Delivered) -> None:
        """Have a payment delivered."""
        self._within(self.flow.taking.deliver, delivery)

    def turn(self) -> None:
        """Start what the real traffic starts now."""
        self._within(self._turn)

    def add_health(self, health: Mapping[str, bool]) -> None:
        """Receive of each generation whether it is failing."""
        for generation, failing in health.items():
            self.traffic.evidence(generation).add_health(Health(self._world.clock.now_ms(), failing, 1))

    def take_at(self, taking: Sequence[str]) -> None:
        """Have these generations take payments, with the others paused."""
        self.traffic.charge_at(taking, [each for each in (AT_HOME, AT_DEAR) if each not in taking])

    def tidy(self) -> None:
        """Have its lines tidied once."""
        self._begin(self.flow.tidying.tidy())

    def stop(self, within_s: float) -> None:
        """Stop in order, within that many seconds of the world's clock."""
        if self.stopping is None:
            self.stopping = self._begin(self.flow.stop(within_s))

    def die(self) -> None:
        """End at once, whatever is under way."""
        for ports in self._ports:
            ports.dead = True
        self._world.readers.remove(self._stored)
        for task in tuple(self._tasks):
            task.cancel()

    def _turn(self) -> None:
        if self.stopping is None:
            for start in self.traffic.starts(self._world.clock.now_ms()):
                self.flow.attempting.start(start)

    def _stored(self) -> None:
        if not self.lags:
            self.read_on()

    def _within(self, work: Callable[..., None], *args: object) -> None:
        """Run it within the loop; tasks that it starts there belong to this process."""
        self._world.loop.call_soon(work, *args, context=self._context)

    def _begin(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        return self._context.run(self._world.loop.create_task, work)
