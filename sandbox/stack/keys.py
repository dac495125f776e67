"""The keys of a stack's bus: made at the first start in its folder, and kept from then on."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from sandbox.stack.errors import StackError
from sandbox.stack.options import Options
from sandbox.stack.ports import HOST
from services.access.key_folder import key_path, make_keys
from services.access.nkey import NKey
from services.access.secret_file import read_secret, write_secret
from services.access.users_conf import authorization
from services.contracts.permissions import ADMIN, OPERATOR, READER

_ROUTE = "route.password"


@dataclass(frozen=True, slots=True)
class BusSecrets:
    """What the servers are told: ``users`` as they read it, and ``route``, the password among those of a cluster."""

    users: str = ""
    route: str = ""


def make(options: Options, env: Mapping[str, str]) -> BusSecrets:
    """Return them; what is not there is made, and the contexts of the nats CLI are written anew.

    Raises:
        StackError: a file in the folder cannot be used.
    """
    if options.nats_open:
        return BusSecrets()
    folder = folder_in(options.run_dir)
    try:
        keys = make_keys(folder)
        if not (folder / _ROUTE).exists():
            write_secret(folder / _ROUTE, secrets.token_urlsafe(32))
        route = read_secret(folder / _ROUTE)
    except (ValueError, OSError) as error:
        raise StackError(f"the folder of keys {error}") from None
    for user in (READER, OPERATOR, ADMIN):
        write_secret(_context_path(options, user), _context(options, user, keys[user]))
    public = {user: key.public for user, key in keys.items()}
    return BusSecrets(authorization(public, may_purge=env.get("ALLOW_PURGE", "").strip() == "1"), route)


def env_of(options: Options, user: str, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what a program that is this user on the bus reads; NATS_CREDENTIALS as given goes before."""
    if options.nats_open or env.get("NATS_CREDENTIALS", "").strip():
        return {}
    return {"NATS_CREDENTIALS": str(key_path(folder_in(options.run_dir), user))}


def env_within(run_dir: Path, user: str) -> dict[str, str]:
    """Return the same for a stack that runs in a folder, with keys or without."""
    path = key_path(folder_in(run_dir), user)
    return {"NATS_CREDENTIALS": str(path) if path.exists() else ""}


def folder_in(run_dir: Path) -> Path:
    """Return where the keys of a stack lie."""
    return run_dir / "secrets"


def places(options: Options) -> list[str]:
    """Return the lines that say how a person comes onto the bus."""
    if options.nats_open:
        return ["keys       none (NATS_OPEN=1): whoever reaches NATS may do everything there"]
    reader, admin = (_context_path(options, user) for user in (READER, ADMIN))
    return [
        f"keys       {folder_in(options.run_dir)}, one a user",
        f"           to look:   nats --context {reader} stream ls",
        f"           to change: nats --context {admin} stream purge ...",
        f"           tarifa audit, release, ...: NATS_CREDENTIALS={key_path(folder_in(options.run_dir), OPERATOR)}",
    ]


def _context_path(options: Options, user: str) -> Path:
    return folder_in(options.run_dir) / f"{user}.json"


def _context(options: Options, user: str, key: NKey) -> str:
    """Return a context of the nats CLI; the inbox is one where this user may listen."""
    url = ",".join(f"nats://{HOST}:{node.port}" for node in options.nodes)
    told = {"description": f"Tarifa, as {user}", "url": url, "inbox_prefix": key.inbox}
    return orjson.dumps(
        told | {"nkey": str(key_path(folder_in(options.run_dir), user))}, option=orjson.OPT_INDENT_2
    ).decode()
