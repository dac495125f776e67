"""What was asked of the stack: where it runs, and what."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.stack.plan import metrics_ports
from sandbox.stack.plan.ports import HOST
from services.settings import environment as setting

OWN_PROCESSORS = ("default", "fallback")
SYNC_ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Node:
    """One nats-server: the name of its part, and its ports; ``route_port`` is for the others of its cluster.

    ``routes_through`` are the ports of proxies to the others, in their order; empty: it connects to them directly.
    """

    name: str
    port: int
    monitor_port: int
    route_port: int | None
    routes_through: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class StackOptions:
    """Ports, the folder, and the choices that the README and docs/settings.md list."""

    http_port: int
    nats_port: int  # of the first server; where there are three, the others have the next two, as below
    monitor_port: int
    route_port: int
    route_proxies: tuple[int, ...]  # for each server in turn, those to the others; empty: no proxies
    metrics_first_port: int  # metrics_ports.NONE: no metrics
    processor_ports: tuple[int, int]  # as OWN_PROCESSORS
    run_dir: Path
    nginx_wanted: bool
    stop_with_stdin: bool
    fees: tuple[str, str]  # as OWN_PROCESSORS
    processors_given: str  # PROCESSORS, or empty: the stack starts its own
    nats_url_given: str
    nats_nodes: int
    nats_open: bool  # no users, keys and TLS: anybody who reaches it may do everything
    api_keys: Path | None  # clients need one of these keys; None: clients on this machine need none
    nats_keys_given: bool  # NATS_CREDENTIALS and NATS_CA are for another NATS
    sync: str  # SYNC_ALWAYS or a duration, as nats-server reads it
    ingresses: int
    dispatchers: int
    keep: bool
    log_level: str
    limits_wanted: bool  # those of docker-compose.yml
    tls: bool  # clients must use HTTPS

    @property
    def processors(self) -> str:
        """Return PROCESSORS for the services."""
        return self.processors_given or ",".join(
            f"{name}=http://{HOST}:{port}@{fee}"
            for name, port, fee in zip(OWN_PROCESSORS, self.processor_ports, self.fees, strict=True)
        )

    @property
    def nats_url(self) -> str:
        """Return NATS_URL for the services; a given one may be a proxy that causes faults on purpose."""
        own = ",".join(f"nats://{HOST}:{node.port}" for node in self.nodes)
        return self.nats_url_given or own

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Return the nats-servers: a single one, or those of a cluster."""
        if self.nats_nodes == 1:
            return (Node("nats", self.nats_port, self.monitor_port, route_port=None),)
        others = self.nats_nodes - 1
        return tuple(
            Node(
                f"nats-{place + 1}",
                self.nats_port + place,
                self.monitor_port + place,
                self.route_port + place,
                self.route_proxies[place * others : (place + 1) * others],
            )
            for place in range(self.nats_nodes)
        )

    @property
    def metrics_ports(self) -> dict[str, int]:
        """Return the metrics ports by part."""
        return metrics_ports.ports(self.metrics_first_port, self.dispatchers, self.ingresses)

    @property
    def http_url(self) -> str:
        """Return the base URL for clients."""
        return http_url(self.http_port, tls=self.tls)


def http_url(port: int, *, tls: bool) -> str:
    """Return the base URL for clients."""
    return f"http{'s' if tls else ''}://{HOST}:{port}"


def is_open(env: Mapping[str, str]) -> bool:
    """Return whether NATS has no users and no TLS: as NATS_OPEN says, or under LIMITS, as in docker-compose.yml.

    Raises:
        SettingError: NATS_OPEN is neither 0 nor 1.
    """
    return setting.flag(env, "NATS_OPEN") if env.get("NATS_OPEN", "").strip() else bool(env.get("LIMITS", "").strip())
