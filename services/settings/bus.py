"""The settings that every service reads in the same way: NATS, the streams, the processors, the metrics' address.

One function for all services, so that no two of them can want the same stream differently.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from services.access.bus_credentials import ANONYMOUS, BusCredentials, bus_credentials
from services.bus.jetstream.streams import OPERATIONS_BYTES_MAX, StreamLimits
from services.bus.wire.cluster import REPLICAS_POSSIBLE
from services.bus.wire.servers import servers_from_text
from services.contracts.processor import Processor, processors_from_text
from services.contracts.pulse import instance_from_text
from services.settings.environment import text_as, whole
from services.settings.instance import name_of_process
from services.settings.tcp_address import PORT_MAX, TcpAddress, tcp_address

PROCESSORS_DEFAULT = "default=http://127.0.0.1:8001@0.05,fallback=http://127.0.0.1:8002@0.15"
BYTES_PER_GIB = 1024**3
# Longer than two renewals by a healthy holder, short enough that a dead health poller is soon replaced.
LEASE_S = 15


@dataclass(frozen=True, slots=True)
class BusSettings:
    """The settings of all services; ``processors`` are sorted by fee, the cheapest first.

    ``nats_url``: one server or several, separated by commas, each with its scheme.
    ``metrics_listen``: the address for Prometheus; None: no metrics.
    ``credentials``: this process's user on the bus.
    ``instance``: this process's name within its service, for operators: nothing depends on it.
    """

    nats_url: str
    limits: StreamLimits
    processors: tuple[Processor, ...]
    metrics_listen: TcpAddress | None
    instance: str
    credentials: BusCredentials = ANONYMOUS


def bus_settings(env: Mapping[str, str]) -> BusSettings:
    """Read the settings from the environment.

    Raises:
        SettingError: names the variable that is wrong, and its unit.
    """
    return BusSettings(
        nats_url=text_as(env, "NATS_URL", "nats://127.0.0.1:4222", _nats_url),
        limits=StreamLimits(
            backlog_max=whole(env, "BACKLOG_MAX", 1_000_000, least=1, most=100_000_000, unit="payments"),
            idempotency_window_s=whole(env, "IDEMPOTENCY_WINDOW_S", 600, least=1, most=86_400, unit="seconds"),
            settlements_bytes_max=whole(
                env, "SETTLEMENTS_BYTES_MAX", 2 * BYTES_PER_GIB, least=1024**2, most=1024 * BYTES_PER_GIB, unit="bytes"
            ),
            lease_s=LEASE_S,
            replicas=text_as(env, "NATS_REPLICAS", "1", _replicas),
            operations_bytes_max=whole(
                env,
                "OPERATIONS_BYTES_MAX",
                OPERATIONS_BYTES_MAX,
                least=1024**2,
                most=1024 * BYTES_PER_GIB,
                unit="bytes",
            ),
        ),
        processors=text_as(env, "PROCESSORS", PROCESSORS_DEFAULT, processors_from_text),
        metrics_listen=text_as(env, "METRICS_LISTEN", "", _metrics_listen),
        instance=text_as(env, "INSTANCE", name_of_process(), instance_from_text),
        credentials=bus_credentials(env),
    )


def _metrics_listen(text: str) -> TcpAddress | None:
    address = tcp_address(text)
    if text and address is None:
        raise ValueError(f"must be host:port with a port of 1 to {PORT_MAX}, or empty for no metrics, not {text!r}")
    return address


def _replicas(text: str) -> int:
    if text not in {str(replicas) for replicas in REPLICAS_POSSIBLE}:
        raise ValueError(f"must be {' or '.join(map(str, REPLICAS_POSSIBLE))}, not {text!r}")
    return int(text)


def _nats_url(text: str) -> str:
    return ",".join(servers_from_text(text))
