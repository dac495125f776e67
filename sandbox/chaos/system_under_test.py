"""What a run breaks: the stack, two processors behind networks of their own, and access to nats."""

import asyncio
import contextlib
import functools
import signal
import time
from collections.abc import AsyncGenerator, Collection, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from sandbox.chaos.bus_recorder import AssignmentTracker, BusRecorder
from sandbox.chaos.nats_servers import NatsServers
from sandbox.chaos.options import ChaosOptions
from sandbox.chaos.planned_fault import REPLACED_MAX
from sandbox.chaos.simulated_processor import HEALTHY, NO_FAULTS, SimulatedProcessor
from sandbox.chaos.standstill import StreamSample
from sandbox.nats_connection import NatsConnection, NatsError, jetstream_api
from sandbox.stack import Stack
from sandbox.stack.console import Console
from sandbox.stack.errors import StackError
from sandbox.stack.plan import ports

INGRESSES = ("ingress-1", "ingress-2")
FEES = {"default": "0.05", "fallback": "0.15"}
CALL_TIMEOUT_S = 1.5
ACK_WAIT_S = 3
SETTLE_WITHIN_S = 2
# Longer than a dispatcher, the network and a processor can hold one POST together, each frozen or held back once.
BOOKS_WITHIN_S = 30
STARTED_WITHIN_S = 30.0
POLL_S = 0.2
HEALTHY_WITHIN_S = 3.0
# A part that is down is waited for a little: it may just be restarting.
RUNNING_WITHIN_S = 2.0
# In the metadata of PAYMENTS and of ASSIGNMENTS: the store went back in time, and the wait after that is over.
DOUBTFUL_SINCE, DOUBT_WAITED_OUT = "doubtful_since", "doubt_waited_out"


class SystemUnderTest:
    """What runs; created by `running_system`. ``processors`` have the names now, ``replaced`` had them before."""

    def __init__(self, options: ChaosOptions, folder: Path, http: httpx.AsyncClient, console: Console) -> None:
        self.folder = folder
        self._processor = functools.partial(SimulatedProcessor, folder=folder, console=console, http=http)
        found = ports.free(len(FEES) + REPLACED_MAX)
        first, self._spare_ports = found[: len(FEES)], found[len(FEES) :]
        self.processors = {
            name: self._processor(name, port=port, fee=fee)
            for (name, fee), port in zip(FEES.items(), first, strict=True)
        }
        self.replaced: list[SimulatedProcessor] = []
        self.paused: set[str] = set()  # by an operator: they take no payments, even while they could
        self._background_tasks: list[asyncio.Task[None]] = []
        self.dispatchers = tuple(f"dispatcher-{number}" for number in range(1, options.dispatchers + 1))
        self.log = folder / "stack.log"
        self.environment = self._environment(options)
        self.stack = Stack(folder / "stack", self.environment, log_file=self.log, not_ports=found)
        self.nats_servers = NatsServers(self.stack, http)
        self.services = (*self.nats_servers.parts, "ledger", "balancer", *INGRESSES, *self.dispatchers)
        self.assignments = AssignmentTracker()

    def _environment(self, options: ChaosOptions) -> dict[str, str]:
        return {
            **self.settings,
            "INGRESSES": str(len(INGRESSES)),
            "DISPATCHERS": str(options.dispatchers),
            "IN_FLIGHT_MAX": options.in_flight_max,
            "CALL_TIMEOUT_S": str(CALL_TIMEOUT_S),
            "ACK_WAIT_S": str(ACK_WAIT_S),
            "SETTLE_WITHIN_S": str(SETTLE_WITHIN_S),
            "BOOKS_WITHIN_S": str(BOOKS_WITHIN_S),
            "LOG_LEVEL": "DEBUG",
            "NATS_URL": "",
            "KEEP": "",
            "NATS_NODES": str(options.nats_nodes),
            "NATS_REPLICAS": str(options.nats_nodes),  # for the operator's commands
            "SYNC": options.sync,
        }

    @property
    def all_processors(self) -> tuple[SimulatedProcessor, ...]:
        """All processors, including those whose names others have now."""
        return (*self.processors.values(), *self.replaced)

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a part with the processors as they are now."""
        return {"PROCESSORS": self._setting([each.fee for each in self.processors.values()])}

    @property
    def fees_reversed(self) -> dict[str, str]:
        """The environment of a part with the fees swapped."""
        return {"PROCESSORS": self._setting([each.fee for each in reversed(self.processors.values())])}

    def _setting(self, fees: Iterable[str]) -> str:
        pairs = zip(self.processors.values(), fees, strict=True)
        return ",".join(f"{each.name}={each.seed_url}@{fee}" for each, fee in pairs)

    async def hit(self, part: str, number: signal.Signals, down_s: float = 0.0) -> None:
        """Send a signal to a part, which may just be restarting; raises as `signal`."""
        deadline_s = time.monotonic() + RUNNING_WITHIN_S
        while True:
            try:
                self.signal(part, number, down_s)
            except (ProcessLookupError, FileNotFoundError):
                if time.monotonic() > deadline_s:
                    raise
                await asyncio.sleep(POLL_S)
            else:
                return

    def signal(self, part: str, number: signal.Signals, down_s: float = 0.0) -> None:
        """Send a signal to a part.

        Raises:
            ProcessLookupError, FileNotFoundError: it is not running now.
        """
        if part in self.processors:
            self.processors[part].signal(number, down_s)
        else:
            self.stack.kill(part, number)

    async def start_processor(self, processor: SimulatedProcessor) -> None:
        """Start a processor, and keep it running from then on."""
        processor.start()
        await processor.proxy.start()
        self._background_tasks.append(asyncio.create_task(processor.keep_running()))

    async def replace(self, name: str) -> None:
        """Start another processor under the name; the old one continues without faults. Settings do not change yet."""
        before, number = self.processors[name], 1 + sum(each.name == name for each in self.all_processors)
        new = self._processor(name, port=self._spare_ports.pop(), fee=before.fee, number=number)
        await self.start_processor(new)
        await wait_until_configured(self, [new])
        self.processors[name] = new
        self.replaced.append(before)
        before.configure(fault_mix=NO_FAULTS, profile=HEALTHY)

    async def totals(self, name: str, **period: str) -> tuple[int, int]:
        """Return count and cents of all that had a name; raises httpx.HTTPError while one of them is away."""
        parts = [await each.totals(**period) for each in self.all_processors if each.name == name]
        return sum(count for count, _ in parts), sum(cents for _, cents in parts)

    async def close(self) -> None:
        """Stop the stack, then the processors, then the proxies between nats-servers."""
        for task in self._background_tasks:
            task.cancel()
        await asyncio.gather(*self._background_tasks, return_exceptions=True)
        await asyncio.shield(asyncio.to_thread(self.stack.stop))
        for processor in self.all_processors:
            await processor.close()
        await self.nats_servers.close()

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[NatsConnection, None]:
        """Yield a connection to nats; raises NatsError while it is away."""
        connection = await self.nats_servers.connect()
        try:
            yield connection
        finally:
            await connection.close()

    @property
    def held(self) -> int:
        """How many requests processors hold back and will still handle."""
        return sum(processor.held for processor in self.all_processors)

    @property
    def serves(self) -> bool:
        """Whether at least one processor takes payments."""
        return any(each.takes_payments and name not in self.paused for name, each in self.processors.items())

    @property
    def all_serve(self) -> bool:
        """Whether every processor that has or had a name takes payments."""
        return all(processor.takes_payments for processor in self.all_processors)

    async def stream_sample(self) -> StreamSample | None:
        """Return the counts of the streams, and whether they are doubtful; None while nats does not answer."""
        try:
            async with self.connection() as connection:
                payments = await jetstream_api(connection, "STREAM.INFO.PAYMENTS")
                settlements = await jetstream_api(connection, "STREAM.INFO.SETTLEMENTS")
                assignments = await jetstream_api(connection, "STREAM.INFO.ASSIGNMENTS")
        except NatsError:
            return None
        since = payments["config"].get("metadata", {}).get(DOUBTFUL_SINCE)
        waited_out = assignments["config"].get("metadata", {}).get(DOUBT_WAITED_OUT)
        return StreamSample(
            int(payments["state"]["messages"]),
            int(settlements["state"]["messages"]),
            asks_all=since is not None,
            must_wait=since != waited_out,
        )

    async def backlog(self) -> int | None:
        """Return how many payments wait in PAYMENTS; None while nats does not answer."""
        sample = await self.stream_sample()
        return None if sample is None else sample.waiting

    async def is_healthy(self) -> bool:
        """Return whether every part runs and a payment would be accepted, counted and charged."""
        with contextlib.suppress(FileNotFoundError, httpx.HTTPError):
            for part in self.services:
                self.stack.pid(part)
            async with httpx.AsyncClient(trust_env=False, timeout=2.0) as http:
                answer = await http.get(f"{self.stack.http_url}/readyz")
            is_ready = answer.status_code == httpx.codes.OK and all(each.is_configured for each in self.all_processors)
            return is_ready and await self.nats_servers.wait_until_healthy(HEALTHY_WITHIN_S)
        return False


@asynccontextmanager
async def running_system(options: ChaosOptions, folder: Path) -> AsyncGenerator[SystemUnderTest, None]:
    """Start everything, and stop it at the end whatever happens; raises StackError if it cannot start."""
    async with contextlib.AsyncExitStack() as ends:
        http = await ends.enter_async_context(httpx.AsyncClient(trust_env=False))
        log = ends.enter_context((folder / "processors.log").open("w", buffering=1))
        bus_log = ends.enter_context((folder / "bus.log").open("w", buffering=1))
        system = SystemUnderTest(options, folder, http, Console(log))
        try:
            for processor in system.processors.values():
                await system.start_processor(processor)
            await wait_until_configured(system, system.all_processors)
            await system.nats_servers.start()
            await asyncio.to_thread(system.stack.start)
            recorder = asyncio.create_task(BusRecorder(system.nats_servers.connect, bus_log, system.assignments).run())
            try:
                yield system
            finally:
                recorder.cancel()
                await asyncio.gather(recorder, return_exceptions=True)
        finally:
            await system.close()


async def wait_until_configured(system: SystemUnderTest, processors: Collection[SimulatedProcessor]) -> None:
    """Wait until these processors run and are configured; raises StackError if they do not in time."""
    deadline_s = time.monotonic() + STARTED_WITHIN_S
    while not all(processor.is_configured for processor in processors):
        if time.monotonic() > deadline_s:
            raise StackError(f"the processors did not start; see {system.folder / 'processors.log'}")
        await asyncio.sleep(POLL_S)
