"""The parts to run, with their commands and environments, in the order in which they start. Pure."""

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.stack import run_dir
from sandbox.stack.plan import balancer, client_tls, clients, keys, nats
from sandbox.stack.plan.options import OWN_PROCESSORS, SYNC_ALWAYS, Node, StackOptions
from sandbox.stack.plan.ports import HOST


@dataclass(frozen=True, slots=True)
class Part:
    """One process: how to start it, how to know that it is ready, how to stop it."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)  # added to the stack's own
    ready: str = ""  # it is ready once a line of its log contains this; empty: from its start
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 5.0  # from the stop signal to SIGKILL
    orphan_signal: signal.Signals = signal.SIGKILL  # sent to it if the supervisor is killed
    enters: tuple[Path, ...] = ()  # control groups, each by the file through which to join it


# Each stage starts once the one before is ready; they stop in reverse, so that no part loses what it depends on.
Stages = tuple[tuple[Part, ...], ...]


def stages(options: StackOptions, nginx: Path | None) -> Stages:
    """Return all parts of the stack."""
    return tuple(
        stage
        for stage in (
            tuple(_nats(node, options) for node in options.nodes),
            _processors(options),
            (_service("ledger", "ledger", options),),
            tuple(_dispatcher(number, options) for number in range(1, options.dispatchers + 1)),
            tuple(_ingress(name, options, nginx) for name in ingresses(options)),
            () if nginx is None else (_balancer(options, nginx),),
        )
        if stage
    )


def ports(options: StackOptions) -> dict[str, int]:
    """Return the ports that must be free, by what will listen there."""
    own = {} if options.processors_given else dict(zip(OWN_PROCESSORS, options.processor_ports, strict=True))
    return {
        "http": options.http_port,
        **{node.name: node.port for node in options.nodes},
        **{f"monitoring of {node.name}": node.monitor_port for node in options.nodes},
        **{f"routes of {node.name}": node.route_port for node in options.nodes if node.route_port is not None},
        **{f"processor {name}": port for name, port in own.items()},
        **{f"metrics of {part}": port for part, port in options.metrics_ports.items()},
    }


def announcement(options: StackOptions, nginx: Path | None) -> list[str]:
    """Return the lines that say where everything is, and under which conditions it runs."""
    before = "nginx before" if nginx else "no nginx here: one port shared by"
    processors = options.processors.replace(",", "\n           ")
    given = " (as given: the stack starts none of its own)" if options.processors_given else ""
    elsewhere = f"\n           services use {options.nats_url}" if options.nats_url_given else ""
    return [
        f"http       {options.http_url} ({before} {' and '.join(ingresses(options))})",
        *client_tls.announcement(options),
        f"nats       {_servers(options)}{elsewhere}",
        clients.announcement(options.api_keys, options.http_port),
        *keys.announcement(options),
        f"sync       {_synced(options)}",
        f"processors {processors}{given}",
        *_metrics(options),
        f"folder     {options.run_dir}",
        "           a start without KEEP=1 deletes what is stored there, the log of operators' actions too",
        *(["limits     those of docker-compose.yml, but for the processors"] if options.limits_wanted else []),
    ]


def ingresses(options: StackOptions) -> tuple[str, ...]:
    """Return the names of the ingress instances."""
    return tuple(f"ingress-{number}" for number in range(1, options.ingresses + 1))


def _servers(options: StackOptions) -> str:
    between = "\n           "
    named = [(f" ({node.name})" if len(options.nodes) > 1 else "", node) for node in options.nodes]
    return between.join(
        f"nats://{HOST}:{node.port}, monitoring http://{HOST}:{node.monitor_port}{name}" for name, node in named
    )


def _synced(options: StackOptions) -> str:
    if options.sync == SYNC_ALWAYS:
        return "each message before its PubAck (SYNC=always): a power cut loses nothing that was acknowledged"
    return f"every {options.sync} (SYNC={options.sync}): a power cut may lose what came since the last sync"


def _metrics(options: StackOptions) -> list[str]:
    urls = [f"http://{HOST}:{port}/metrics ({part})" for part, port in options.metrics_ports.items()]
    between = "\n           "
    return [f"metrics    {between.join(urls)}"] if urls else []


def socket_paths(options: StackOptions) -> dict[str, Path]:
    """Return the sockets of the ingress instances behind nginx."""
    return {name: run_dir.socket_path(options.run_dir, name) for name in ingresses(options)}


def _nats(node: Node, options: StackOptions) -> Part:
    conf = options.run_dir / node.name / "nats.conf"
    return Part(node.name, (str(nats.binary()), "-c", str(conf)), ready="Server is ready", grace_s=10.0)


def _processors(options: StackOptions) -> tuple[Part, ...]:
    if options.processors_given:
        return ()
    return tuple(
        Part(
            f"processor-{name}",
            (
                *(sys.executable, "-m", "sandbox.processor"),
                *("--name", name, "--port", str(port), "--fee", fee),
                *("--journal", str(options.run_dir / f"processor-{name}.journal")),
            ),
            ready="listening on",
        )
        for name, port, fee in zip(OWN_PROCESSORS, options.processor_ports, options.fees, strict=True)
    )


def _dispatcher(number: int, options: StackOptions) -> Part:
    # Its grace is above CALL_TIMEOUT_S, so that calls under way can end.
    return _service("dispatcher", f"dispatcher-{number}", options, grace_s=12.0)


def _ingress(name: str, options: StackOptions, nginx: Path | None) -> Part:
    if nginx is None:
        own = {"INGRESS_LISTEN": f"{HOST}:{options.http_port}", "INGRESS_REUSE_PORT": "1"}
    else:
        own = {"INGRESS_LISTEN": f"unix:{run_dir.socket_path(options.run_dir, name)}", "INGRESS_REUSE_PORT": "0"}
    return _service("ingress", name, options, {**clients.env_of(options.api_keys), **own})


def _service(
    service: str, name: str, options: StackOptions, own: Mapping[str, str] | None = None, grace_s: float = 5.0
) -> Part:
    shared = {"NATS_URL": options.nats_url, "PROCESSORS": options.processors, "LOG_LEVEL": options.log_level}
    shared |= keys.env_of(options, service)
    shared |= {"SYNC": options.sync, "NATS_REPLICAS": str(options.nats_nodes)}
    port = options.metrics_ports.get(name)
    # Always set: one address for all parts, from the environment or docker-compose.yml, only one of them could bind.
    measured = {"METRICS_LISTEN": f"{HOST}:{port}" if port else ""}
    env = {**shared, "INSTANCE": name, **measured, **(own or {})}
    command = (sys.executable, "-m", f"services.{service}")
    return Part(name, command, env, ready=f"{service}.ready", grace_s=grace_s)


def _balancer(options: StackOptions, nginx: Path) -> Part:
    # SIGQUIT lets requests under way finish. As an orphan it must end its worker too, which it cannot do on SIGKILL.
    command = balancer.command(nginx, options.run_dir / "balancer")
    return Part("balancer", command, stop_signal=signal.SIGQUIT, orphan_signal=signal.SIGTERM)
