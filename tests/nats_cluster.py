"""Three real nats-servers that form a cluster, each of which can be killed, frozen and restarted."""

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Self

from sandbox.stack.plan.ports import free
from services.bus.jetstream import api
from services.bus.jetstream.consumer import ensure_dispatcher
from services.bus.jetstream.publish import StoredAt, store
from services.bus.jetstream.streams import wanted
from services.bus.wire.connection import Bus
from tests.conftest import LIMITS
from tests.nats_server import NatsServer, until

SIZE = 3
THREE = replace(LIMITS, replicas=SIZE)


class NatsCluster:
    """Servers named n1, n2, n3; ``size`` of them are started."""

    def __init__(self, folder: Path, size: int = SIZE) -> None:
        routes = free(size)
        others = ",".join(f"nats://127.0.0.1:{port}" for port in routes)
        self.servers = {
            f"n{number}": NatsServer(
                folder / f"n{number}",
                *("-n", f"n{number}", "--cluster_name", "together"),
                *("--cluster", f"nats://127.0.0.1:{port}", "--routes", others),
            )
            for number, port in enumerate(routes, start=1)
        }

    @property
    def url(self) -> str:
        """The URLs of all servers, as in NATS_URL."""
        return ",".join(server.url for server in self.servers.values())

    def start(self) -> Self:
        """Start all; a leader is elected some seconds later."""
        for server in self.servers.values():
            server.start()
        return self

    def stop(self) -> None:
        """Stop all."""
        for server in self.servers.values():
            server.stop()

    def other_than(self, *names: str) -> NatsServer:
        """Return a server other than these."""
        return next(server for name, server in self.servers.items() if name not in names)


async def leader_of(bus: Bus, stream: str) -> str:
    """Return the server that leads a stream; waits until one does."""
    found: list[str] = []

    async def has_leader() -> bool:
        try:
            info = await api.call(bus, f"STREAM.INFO.{stream}", timeout_s=1.0)
        except api.BusUnavailableError:
            return False
        found.append(str(info["cluster"].get("leader", "")))
        return bool(found[-1])

    await until(has_leader, f"a leader of {stream}")
    return found[-1]


async def all_current(bus: Bus) -> None:
    """Wait until every stream has a leader and current replicas, so that a server may die without loss."""
    for stream in [config["name"] for config in wanted(THREE)]:

        async def is_current(stream: str = stream) -> bool:
            try:
                cluster = (await api.call(bus, f"STREAM.INFO.{stream}", timeout_s=1.0))["cluster"]
            except api.BusUnavailableError:
                return False
            others = cluster.get("replicas", [])
            return len(others) == SIZE - 1 and all(each["current"] and not each.get("lag") for each in others)

        await until(is_current, f"the replicas of {stream}")


def new_id() -> str:
    """Return an id that no test has used."""
    return str(uuid.uuid4())


async def made(bus: Bus) -> None:
    """Create the consumer; retries until its stream has its replicas."""

    async def ensured() -> bool:
        try:
            await ensure_dispatcher(bus, ack_wait_s=30)
        except (api.ApiError, api.BusUnavailableError):
            return False
        return True

    await until(ensured, "the consumer")


async def settle(bus: Bus, payment_id: str, processor: str = "default", kind: str = "settled") -> int:
    """Store something like a settlement; return its sequence."""

    async def stored() -> bool:
        result = await store(bus, "SETTLEMENTS", f"settlements.{kind}.{processor}.{payment_id}", b"{}")
        if isinstance(result, StoredAt):
            found.append(result.seq)
        return bool(found)

    found: list[int] = []
    await until(stored, "a leader that stores")
    return found[0]
