"""The keys and certificates of a stack's bus: created at the first start in its folder, and kept from then on."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from sandbox.stack.errors import StackError
from sandbox.stack.plan.options import StackOptions
from sandbox.stack.plan.ports import HOST
from services.access.certificates import Certificates, make_certificates, paths
from services.access.key_folder import key_path, make_keys
from services.access.nkey import NKey
from services.access.secret_file import read_secret, write_secret
from services.access.users_conf import authorization
from services.contracts.permissions import ADMIN, OPERATOR, READER

_ROUTE = "route.password"
_WITH_CONTEXT = (READER, OPERATOR, ADMIN)  # the users for people
_HOSTS = (HOST, "localhost", "::1")


@dataclass(frozen=True, slots=True)
class BusSecrets:
    """Secrets of the servers: ``users`` in their configuration, the nodes' shared password, their certificate."""

    users: str
    route: str
    tls: Certificates


def make(options: StackOptions, env: Mapping[str, str]) -> BusSecrets | None:
    """Return them; missing ones are created, and the contexts of the nats CLI rewritten. None: the bus is open.

    Raises:
        StackError: a file in the folder cannot be used.
    """
    if options.nats_open:
        for user in _WITH_CONTEXT:
            _context_path(options, user).unlink(missing_ok=True)  # with a context a program would insist on TLS
        return None
    folder = _folder(options.run_dir)
    try:
        keys = make_keys(folder)
        if not (folder / _ROUTE).exists():
            write_secret(folder / _ROUTE, secrets.token_urlsafe(32))
        route = read_secret(folder / _ROUTE)
        tls = make_certificates(folder, _HOSTS)
    except (ValueError, OSError) as error:
        raise StackError(f"a file in {folder} cannot be used: it {error}; delete it to have another made") from None
    for user in _WITH_CONTEXT:
        write_secret(_context_path(options, user), _context(options, user, keys[user]))
    public = {user: key.public for user, key in keys.items()}
    return BusSecrets(authorization(public, may_purge=env.get("ALLOW_PURGE", "").strip() == "1"), route, tls)


def env_of(options: StackOptions, user: str) -> dict[str, str]:
    """Return the variables of a service that connects as this user; empty where given variables take precedence."""
    return {} if options.nats_keys_given else env_within(options.run_dir, user, is_open=options.nats_open)


def env_within(run_dir: Path, user: str, *, is_open: bool) -> dict[str, str]:
    """Return the variables of a program that connects as this user to the bus of the stack in a folder."""
    if is_open:
        return {"NATS_CREDENTIALS": "", "NATS_CA": ""}
    folder = _folder(run_dir)
    return {"NATS_CREDENTIALS": str(key_path(folder, user)), "NATS_CA": str(paths(folder).ca)}


def announcement(options: StackOptions) -> list[str]:
    """Return the lines on how a person connects to the bus."""
    if options.nats_open:
        return ["keys       none (NATS_OPEN): anybody who reaches NATS may do everything there, and read everything"]
    reader, admin = (_context_path(options, user) for user in (READER, ADMIN))
    operator = [f"{name}={path}" for name, path in env_within(options.run_dir, OPERATOR, is_open=False).items()]
    return [
        f"keys       {_folder(options.run_dir)}: one for each user, and the certificate of NATS",
        f"           nats --context {reader}    reads",
        f"           nats --context {admin}    may do everything",
        f"           {' '.join(operator)}    for tarifa audit, release, ...",
    ]


def _folder(run_dir: Path) -> Path:
    return run_dir / "secrets"


def _context_path(options: StackOptions, user: str) -> Path:
    return _folder(options.run_dir) / f"{user}.json"


def _context(options: StackOptions, user: str, key: NKey) -> str:
    """Return a context of the nats CLI, with an inbox to which this user may subscribe."""
    folder = _folder(options.run_dir)
    context = {
        "description": f"Tarifa, as {user}",
        "url": ",".join(f"nats://{HOST}:{node.port}" for node in options.nodes),
        "nkey": str(key_path(folder, user)),
        "ca": str(paths(folder).ca),
        "inbox_prefix": key.inbox,
    }
    return orjson.dumps(context, option=orjson.OPT_INDENT_2).decode()
