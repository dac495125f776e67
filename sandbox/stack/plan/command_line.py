"""How the stack's command line and environment are read: flags for where it runs, either for what it runs."""

import argparse
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

from sandbox.checkout import RUN_DIR
from sandbox.stack.plan import clients, metrics_ports
from sandbox.stack.plan.options import OWN_PROCESSORS, SYNC_ALWAYS, StackOptions, is_open
from sandbox.stack.plan.ports import PORT_MAX
from services.contracts.processor import processors_from_text
from services.settings import environment as setting

# Flags that stand for the variable of that name, of which they win.
_SETTINGS = ("ingresses", "dispatchers", "nats_nodes", "processors", "keep", "limits")
_INGRESSES = 2  # as in docker-compose.yml
_INGRESSES_MAX = 16
_DISPATCHERS_MAX = 16
_NATS_NODES = ("1", "3")
_SYNC_OF_COMPOSE = "2m"  # as in deploy/where.conf
_SYNC = re.compile(r"([1-9]\d*)(ms|s|m)")
_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000}
_SYNC_MAX_MS = 60 * _UNITS_MS["m"]

_EXAMPLES = """Examples:
  tarifa up
  tarifa up --keep --dispatchers 2
  tarifa up --processors 'one=http://127.0.0.1:7001@0.05'

The settings in docs/settings.md are read from the environment too; relative
file names there are relative to the checkout."""


def read(arguments: Sequence[str], env: Mapping[str, str]) -> StackOptions:
    """Read flags and environment.

    Raises:
        SettingError: a variable cannot be used; its text names it.
    """
    flags = _parser().parse_args(arguments)
    env = {**env, **{name.upper(): str(value) for name in _SETTINGS if (value := vars(flags)[name])}}
    # Wrong processors fail here, and not in five deaths of a service.
    setting.text_as(env, "PROCESSORS", "default=http://unused:1@0", processors_from_text)
    limits = setting.text_as(env, "LIMITS", "", _limits)
    options = StackOptions(
        http_port=flags.http,
        nats_port=flags.nats,
        monitor_port=flags.monitor,
        route_port=flags.route,
        route_proxies=flags.route_proxies,
        metrics_first_port=flags.metrics,
        processor_ports=(flags.default, flags.fallback),
        run_dir=flags.run_dir,
        nginx_wanted=not flags.no_nginx,
        stop_with_stdin=flags.stop_with_stdin,
        fees=setting.text_as(env, "SANDBOX_FEES", "0.05,0.15", fees_from_text),
        processors_given=env.get("PROCESSORS", "").strip(),
        nats_url_given=env.get("NATS_URL", "").strip(),
        nats_nodes=setting.text_as(env, "NATS_NODES", "1", nats_nodes_from_text),
        nats_open=is_open(env),
        api_keys=setting.text_as(env, "API_KEYS", "", clients.api_keys_from_text),
        nats_keys_given=any(env.get(name, "").strip() for name in ("NATS_CREDENTIALS", "NATS_CA")),
        sync=setting.text_as(env, "SYNC", _SYNC_OF_COMPOSE if limits else SYNC_ALWAYS, sync_from_text),
        ingresses=setting.whole(env, "INGRESSES", _INGRESSES, least=1, most=_INGRESSES_MAX, unit="processes"),
        dispatchers=setting.whole(env, "DISPATCHERS", 1, least=1, most=_DISPATCHERS_MAX, unit="processes"),
        keep=setting.flag(env, "KEEP"),
        log_level=_log_level(env),
        limits_wanted=limits,
        tls=setting.flag(env, "TLS"),
    )
    return _within_limits(options) if limits else options


def _within_limits(options: StackOptions) -> StackOptions:
    """Return them, if they are what docker-compose.yml describes.

    Raises:
        SettingError: what would be measured is not what is submitted.
    """
    given = {"INGRESSES": options.ingresses, "SYNC": options.sync, "NATS_NODES": options.nats_nodes, "TLS": options.tls}
    there = {"INGRESSES": _INGRESSES, "SYNC": _SYNC_OF_COMPOSE, "NATS_NODES": 1, "TLS": 0}
    for name, value in there.items():
        if given[name] != value:
            raise setting.SettingError(f"{name} must be {value} under the limits of docker-compose.yml")
    return options


def _limits(text: str) -> bool:
    if text not in {"", "compose"}:
        raise ValueError(f"must be compose or unset, not {text!r}")
    return bool(text)


def _log_level(env: Mapping[str, str]) -> str:
    # Services log at INFO that they are ready; the stack would wait for that in vain at a quieter level.
    return "DEBUG" if env.get("LOG_LEVEL", "").strip().upper() == "DEBUG" else "INFO"


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
    """Read a port; 0 is where something is switched off, or the system's choice."""
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port <= PORT_MAX:
        raise argparse.ArgumentTypeError(f"must be a port, 1 to {PORT_MAX}, not {text!r}")
    return port


def _ports(text: str) -> tuple[int, ...]:
    return tuple(_port(port) for port in text.split(","))


def _folder(text: str) -> Path:
    return Path(text).resolve()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tarifa up",
        description="Runs the whole system here, in the foreground, until Ctrl-C.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_argument_group("what runs", "Each option overrides the environment variable in parentheses.")
    what.add_argument("--ingresses", metavar="N", help="ingress instances (INGRESSES; 2)")
    what.add_argument("--dispatchers", metavar="N", help="dispatchers (DISPATCHERS; 1)")
    what.add_argument("--nats-nodes", metavar="N", help="nats-servers: 1, or 3 with replicas (NATS_NODES; 1)")
    what.add_argument("--processors", metavar="LIST", help="name=url@fee,...: use these and start none (PROCESSORS)")
    keep = "keep stored data between starts (KEEP=1)"
    what.add_argument("--keep", action="store_const", const=1, help=keep)
    what.add_argument("--limits", metavar="compose", help="CPUs and memory as in docker-compose.yml (LIMITS)")
    where = parser.add_argument_group("ports and folders")
    where.add_argument("--http", type=_port, default=9999, metavar="PORT", help="for clients (%(default)s)")
    where.add_argument("--nats", type=_port, default=4222, metavar="PORT", help="nats-server (%(default)s)")
    where.add_argument("--monitor", type=_port, default=8222, metavar="PORT", help="its monitoring (%(default)s)")
    route = "first route port of three nats-servers (%(default)s)"
    where.add_argument("--route", type=_port, default=6222, metavar="PORT", help=route)
    between = "of proxies between them, comma-separated: from 1 to 2, 1 to 3, 2 to 1, ..."
    where.add_argument("--route-proxies", type=_ports, default=(), metavar="PORTS", help=between)
    metrics = "first port for Prometheus; 0: none (%(default)s)"
    where.add_argument("--metrics", type=_port, default=metrics_ports.FIRST, metavar="PORT", help=metrics)
    for name, port in zip(OWN_PROCESSORS, (8001, 8002), strict=True):
        of = f"the processor {name} (%(default)s)"
        where.add_argument(f"--{name}", type=_port, default=port, metavar="PORT", help=of)
    folder = "stored data, process ids and sockets (.run)"
    where.add_argument("--run-dir", type=_folder, default=RUN_DIR, metavar="FOLDER", help=folder)
    where.add_argument("--no-nginx", action="store_true", help="do without nginx; the instances share the port")
    where.add_argument("--stop-with-stdin", action="store_true", help="stop when the standard input ends")
    return parser
