"""What changes the file of keys: read from a command line, and carried out.

A running ingress instance reads the file again within a second or two. A secret is printed once, by ``add``, and can be
had never again.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from services.keys.key import NAME_PATTERN, RATE_LEAST, RATE_MOST, SCOPES, Key, Scope, hash_of, new_secret
from services.keys.key_file import changing, read_keys, write_keys

EXIT_DONE, EXIT_REFUSED, EXIT_WRONG = 0, 1, 2
_RATE = 100.0  # a second
_BURST_S = 2.0  # so many seconds of its rate a key may use up at once, if --burst says nothing
_EXAMPLES = """Examples:
  tarifa keys add shop --scope pay,read --rate 200
  tarifa keys list
  tarifa keys revoke shop

KEEP=1 API_KEYS=.run/api_keys.json tarifa up requires one of them from clients;
without KEEP=1 it begins with empty stores, the log of operators' actions too.
The key is printed once, and only its hash is kept. Clients send it as
Authorization: Bearer KEY; tarifa itself as TARIFA_KEY.
add and revoke are recorded (tarifa log operators). If NATS cannot be
reached they are done anyway, with a warning that they are not recorded.
NATS_URL, NATS_CREDENTIALS and NATS_CA are read from the environment.
Exit codes: 0 done, 1 refused, 2 wrong usage or settings, 3 not added,
because NATS answers but could not record it."""


class _RefusedError(Exception):
    """The file as it is does not let that be done; the text says why."""


class Ended(NamedTuple):
    """The exit status: 0, 1 where it is refused, 2 where something cannot be used; and why, where it is not 0."""

    status: int
    why: str = ""


def asked(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line; a wrong one ends the program with 2."""
    return _parser().parse_args(arguments)


def carry_out(given: argparse.Namespace, env: Mapping[str, str]) -> Ended:
    """Do what the command line says; the text that it has for a person is printed."""
    ended = _carry_out(given, env)
    if ended.why:
        print(ended.why, file=sys.stderr)  # noqa: T201  # for the operator
    return ended


def _carry_out(given: argparse.Namespace, env: Mapping[str, str]) -> Ended:
    name = given.file or env.get("API_KEYS", "").strip()
    if not name:
        return Ended(EXIT_WRONG, "API_KEYS or --file must name the file of keys")
    path = Path(name)
    try:
        match given.command:
            case "add":
                _add(path, given)
            case "revoke":
                _revoke(path, given.name)
            case "init":
                _make(path)
            case _:
                _list(path)
    except _RefusedError as error:
        return Ended(EXIT_REFUSED, str(error))
    except ValueError as error:
        return Ended(EXIT_WRONG, f"API_KEYS or --file {error}")
    except OSError as error:
        return Ended(EXIT_WRONG, f"{path} cannot be written: {error.strerror}")
    return Ended(EXIT_DONE)


def _add(path: Path, given: argparse.Namespace) -> None:
    secret = new_secret()
    burst = given.burst or max(1, min(RATE_MOST, round(given.rate * _BURST_S)))
    key = Key(given.name, hash_of(secret.encode()), given.scope, given.rate, burst, datetime.now(UTC))
    with changing(path):
        keys = read_keys(path) if path.exists() else ()
        if any(known.name == key.name for known in keys):
            raise _RefusedError(f"{path} has a key named {key.name} already: revoke it first, or take another name")
        write_keys(path, (*keys, key))
    print(secret)  # noqa: T201  # the one time that it is shown
    print(f"{path} has its hash; the secret itself is nowhere and cannot be shown again", file=sys.stderr)  # noqa: T201


def _revoke(path: Path, name: str) -> None:
    with changing(path):
        keys = read_keys(path)
        left = tuple(key for key in keys if key.name != name)
        if len(left) == len(keys):
            raise _RefusedError(f"{path} has no key named {name}")
        write_keys(path, left)
    print(f"{name} is revoked: every instance that reads {path} refuses it within two seconds")  # noqa: T201


def _make(path: Path) -> None:
    with changing(path):
        if path.exists():
            read_keys(path)
        else:
            write_keys(path, ())


def _list(path: Path) -> None:
    keys = read_keys(path)
    print(f"{'name':<24} {'scopes':<18} {'a second':>10} {'at once':>10}  since")  # noqa: T201
    for key in keys:
        figures = f"{key.rate_per_s:>10g} {key.burst:>10}  {key.created_at:%Y-%m-%d %H:%M} UTC"
        print(f"{key.name:<24} {','.join(key.scopes):<18} {figures}")  # noqa: T201


def _name(text: str) -> str:
    if re.fullmatch(NAME_PATTERN, text) is None:
        raise argparse.ArgumentTypeError(f"must be 1 to 64 of A-Z, a-z, 0-9, _, . and -, not {text!r}")
    return text


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not RATE_LEAST <= rate <= RATE_MOST:
        raise argparse.ArgumentTypeError(f"must be {RATE_LEAST} to {RATE_MOST} requests a second, not {text}")
    return rate


def _burst(text: str) -> int:
    burst = int(text) if text.isdecimal() else 0
    if not 1 <= burst <= RATE_MOST:
        raise argparse.ArgumentTypeError(f"must be 1 to {RATE_MOST} requests, not {text}")
    return burst


def _scopes(text: str) -> tuple[Scope, ...]:
    wanted = [word.strip() for word in text.split(",")]
    if unknown := [word for word in wanted if word not in SCOPES]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not one of {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in wanted)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tarifa keys",
        description="Adds, lists and revokes the keys with which clients pay, read and operate.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--file", metavar="FILE", help="the file of keys (API_KEYS)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add = commands.add_parser("add", help="create a key, and print it once")
    add.add_argument("name", type=_name, metavar="NAME", help="the client's name; recorded with what it does")
    scopes = "pay: POST /payments; read: payments, summary, page; operate: pause, release, purge"
    add.add_argument("--scope", type=_scopes, required=True, metavar="pay,read,operate", help=scopes)
    add.add_argument("--rate", type=_rate, default=_RATE, metavar="N", help="requests a second and instance (100)")
    add.add_argument("--burst", type=_burst, metavar="N", help="requests at once after idle time (twice the rate)")
    known = commands.add_parser("list", help="names, scopes and limits; no secrets")
    revoke = commands.add_parser("revoke", help="reject a key from now on")
    revoke.add_argument("name", metavar="NAME")
    made = commands.add_parser("init", help="create an empty file, if there is none")
    for command in (add, known, revoke, made):  # --file is read wherever it stands
        command.add_argument("--file", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser
