"""What was asked of the stack: flags for where it runs, the environment for what it runs."""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from sandbox.stack.plan import clients, metrics_ports
from sandbox.stack.plan.ports import HOST, PORT_MAX
from services.contracts.processor import processors_from_text
from services.settings import environment as setting

OWN_PROCESSORS = ("default", "fallback")
_INGRESSES = 2  # as in docker-compose.yml
_INGRESSES_MAX = 16
_DISPATCHERS_MAX = 16
_NATS_NODES = ("1", "3")
SYNC_ALWAYS = "always"
_SYNC_OF_COMPOSE = "2m"  # as in deploy/where.conf
_SYNC = re.compile(r"([1-9]\d*)(ms|s|m)")
_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000}
_SYNC_MAX_MS = 60 * _UNITS_MS["m"]


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
class Options:
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


def read(arguments: Sequence[str], env: Mapping[str, str]) -> Options:
    """Read flags and environment.

    Raises:
        SettingError: a variable cannot be used; the text names it.
    """
    flags = _parser().parse_args(arguments)
    setting.text_as(
        env, "PROCESSORS", "default=http://unused:1@0", processors_from_text
    )  # wrong ones fail here, not in five deaths
    limits = env.get("LIMITS", "").strip()
    if limits not in {"", "compose"}:
        raise setting.SettingError(f"LIMITS must be compose or unset, not {limits!r}")
    ingresses = setting.whole(env, "INGRESSES", _INGRESSES, least=1, most=_INGRESSES_MAX, unit="processes")
    if limits and ingresses != _INGRESSES:
        raise setting.SettingError(f"INGRESSES must be {_INGRESSES} under the limits of docker-compose.yml")
    sync = setting.text_as(env, "SYNC", _SYNC_OF_COMPOSE if limits else SYNC_ALWAYS, sync_from_text)
    if limits and sync != _SYNC_OF_COMPOSE:
        raise setting.SettingError(f"SYNC must be {_SYNC_OF_COMPOSE} under the limits of docker-compose.yml")
    nats_nodes = setting.text_as(env, "NATS_NODES", "1", nats_nodes_from_text)
    if limits and nats_nodes != 1:
        raise setting.SettingError("NATS_NODES must be 1 under the limits of docker-compose.yml")
    tls = setting.flag(env, "TLS")
    if limits and tls:
        raise setting.SettingError("TLS must be 0 under the limits of docker-compose.yml")
    return Options(
        http_port=flags.http,
        nats_port=flags.nats,
        monitor_port=flags.monitor,
        route_port=flags.route,
        route_proxies=flags.route_proxies,
        metrics_first_port=flags.metrics,
        processor_ports=(flags.default, flags.fallback),
        run_dir=flags.run_dir.resolve(),
        nginx_wanted=not flags.no_nginx,
        stop_with_stdin=flags.stop_with_stdin,
        fees=setting.text_as(env, "SANDBOX_FEES", "0.05,0.15", fees_from_text),
        processors_given=env.get("PROCESSORS", "").strip(),
        nats_url_given=env.get("NATS_URL", "").strip(),
        nats_nodes=nats_nodes,
        nats_open=is_open(env),
        api_keys=setting.text_as(env, "API_KEYS", "", clients.api_keys_from_text),
        nats_keys_given=any(env.get(name, "").strip() for name in ("NATS_CREDENTIALS", "NATS_CA")),
        sync=sync,
        ingresses=ingresses,
        dispatchers=setting.whole(env, "DISPATCHERS", 1, least=1, most=_DISPATCHERS_MAX, unit="processes"),
        keep=setting.flag(env, "KEEP"),
        # Services log at INFO that they are ready; at a higher level the stack would wait for that forever.
        log_level="DEBUG" if env.get("LOG_LEVEL", "").strip().upper() == "DEBUG" else "INFO",
        limits_wanted=bool(limits),
        tls=tls,
    )


def http_url(port: int, *, tls: bool) -> str:
    """Return the base URL for clients."""
    return f"http{'s' if tls else ''}://{HOST}:{port}"


def is_open(env: Mapping[str, str]) -> bool:
    """Return whether NATS has no users and no TLS: as NATS_OPEN says, or under LIMITS, as in docker-compose.yml.

    Raises:
        SettingError: NATS_OPEN is neither 0 nor 1.
    """
    return setting.flag(env, "NATS_OPEN") if env.get("NATS_OPEN", "").strip() else bool(env.get("LIMITS", "").strip())


def fees_from_text(text: str) -> tuple[str, str]:
    """Read the fees of the stack's own processors, the default's first.

    Raises:
        ValueError: with a sentence.
    """
    fees = [fee.strip() for fee in text.split(",")]
    if len(fees) != len(OWN_PROCESSORS):
        raise ValueError(f"must be two fees, as 0.05,0.15, not {text!r}")
    for fee in fees:
        try:
            usable = 0 <= Decimal(fee) < 1
        except InvalidOperation:
            usable = False
        if not usable:
            raise ValueError(f"has the fee {fee!r}; write a share of the amount, as 0.05")
    return fees[0], fees[1]


def sync_from_text(text: str) -> str:
    """Read how often nats-server syncs its streams to the disk.

    Raises:
        ValueError: with a sentence.
    """
    found = _SYNC.fullmatch(text)
    # nats-server accepts more, also 0s and -2m, and then syncs at intervals of its own.
    if text != SYNC_ALWAYS and (found is None or int(found[1]) * _UNITS_MS[found[2]] > _SYNC_MAX_MS):
        raise ValueError(f"must be {SYNC_ALWAYS}, or a duration of 1ms to 60m, as 100ms or 2m, not {text!r}")
    return text


def nats_nodes_from_text(text: str) -> int:
    """Read the number of nats-servers.

    Raises:
        ValueError: with a sentence.
    """
    if text not in _NATS_NODES:
        raise ValueError(f"must be {' or '.join(_NATS_NODES)}, not {text!r}")
    return int(text)


def _port(text: str) -> int:
    """Read a port; 0 switches something off, or lets the system choose."""
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port <= PORT_MAX:
        raise argparse.ArgumentTypeError(f"must be a port, 1 to {PORT_MAX}, not {text!r}")
    return port


def _ports(text: str) -> tuple[int, ...]:
    return tuple(_port(port) for port in text.split(","))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.stack",
        description="Everything on one machine, in the foreground; Ctrl-C stops it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--http", type=_port, default=9999, help="port for clients")
    parser.add_argument("--nats", type=_port, default=4222, help="port of nats-server; of the first of three")
    parser.add_argument("--monitor", type=_port, default=8222, help="port of nats-server's monitoring; likewise")
    parser.add_argument("--route", type=_port, default=6222, help="first of the ports among three nats-servers")
    between = "proxies' ports between them, with commas: from 1 to 2, 1 to 3, 2 to 1 and so on; none"
    parser.add_argument("--route-proxies", type=_ports, default=(), metavar="PORTS", help=between)
    first = metrics_ports.FIRST
    parser.add_argument("--metrics", type=_port, default=first, help="first of the ports for Prometheus; 0: none")
    parser.add_argument("--default", type=_port, default=8001, help="port of the processor named default")
    parser.add_argument("--fallback", type=_port, default=8002, help="port of the processor named fallback")
    parser.add_argument("--run-dir", type=Path, default=Path(".run"), help="folder for stores, process ids and sockets")
    parser.add_argument("--no-nginx", action="store_true", help="share the port among the ingress instances instead")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when the standard input ends")
    return parser
