"""The metrics of three servers, as seen by the leader of SETTLEMENTS."""

from services.bus.wire.connection import Bus
from services.ledger.adapters.metrics import of_settlements
from tests.nats_cluster import NatsCluster, leader_of
from tests.nats_server import until
from tests.scraped import scraped_from


async def test_a_dead_server_is_shown_as_down_until_it_is_back(bus: Bus, cluster: NatsCluster) -> None:
    """An alert fires on it, and ends."""
    source = of_settlements(bus, 1)
    dead = cluster.other_than(await leader_of(bus, "SETTLEMENTS"))
    (name,) = [name for name, server in cluster.servers.items() if server is dead]

    async def is_shown(expected: dict[str, float]) -> bool:
        scraped = await scraped_from(source)
        if "tarifa_nats_server_up" not in scraped.names:
            return False  # the server that this is connected to has died, too
        return {each: scraped.value("tarifa_nats_server_up", server=each) for each in cluster.servers} == expected

    up = dict.fromkeys(cluster.servers, 1.0)
    await until(lambda: is_shown(up), "all are up")
    dead.kill()
    await until(lambda: is_shown(up | {name: 0.0}), f"{name} is down")
    dead.start()
    await until(lambda: is_shown(up), "all are up again")
