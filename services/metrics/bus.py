"""The metrics of the connection to NATS."""

from collections.abc import Iterable

from services.bus.wire.connection import Bus
from services.metrics.metric import Metric, Source, counter, gauge


def of_bus(bus: Bus) -> Source:
    """Return the source for a connection."""

    async def read() -> Iterable[Metric]:
        return (
            gauge(
                "tarifa_bus_connected", "1 while the client is connected to NATS, as far as it knows.", bus.is_connected
            ),
            counter("tarifa_bus_reconnects_total", "How often the client reconnected to NATS.", bus.reconnects),
        )

    return read
