"""``tarifa keys``: who may call the HTTP API of this checkout's stack, or of any service that reads the same file."""

import os
from pathlib import Path
from typing import Annotated

import typer

from tarifa.commands.programs import IS_CHECKOUT, TOP, Word, flags_of, operate
from tarifa.exits import Exit, end

EXAMPLES = """Examples:
  tarifa keys add shop --scope pay,read --rate 200
  tarifa keys list
  tarifa keys revoke shop

API_KEYS=.run/api_keys.json tarifa up asks clients for one of them.
The key is printed once, and only its hash is kept. Clients send it as
Authorization: Bearer KEY; tarifa itself as TARIFA_KEY.
add and revoke are recorded (tarifa log operators). Where NATS cannot be
reached they are still done, with a warning that they are not recorded.
NATS_URL, NATS_CREDENTIALS and NATS_CA are read from the environment.
Exit codes: 0 done, 1 refused, 2 wrong usage or settings, 3 not added, as
NATS is there and could not record it."""

_FILE = TOP / ".run" / "api_keys.json"


def keys(
    *,
    words: Annotated[list[str], typer.Argument(metavar="add|list|revoke [NAME]", help="What to do with which key.")],
    scope: Annotated[Word, typer.Option(metavar="LIST", help="With add: pay,read,operate or some of them.")] = None,
    rate: Annotated[Word, typer.Option(metavar="N", help="With add: requests a second and instance (100).")] = None,
    burst: Annotated[Word, typer.Option(metavar="N", help="With add: at once (twice the rate).")] = None,
    file: Annotated[Path | None, typer.Option(help="The file of keys (API_KEYS; .run/api_keys.json).")] = None,
) -> None:
    """Add, list and revoke the keys with which clients pay, read and operate."""
    named = os.environ.get("API_KEYS", "").strip()
    if file is None and not named and not IS_CHECKOUT:
        end(Exit.USAGE, "give the file of keys with --file or API_KEYS")
    given = file or Path(named or _FILE)
    flags = flags_of({"--scope": scope, "--rate": rate, "--burst": burst})
    operate("services.audit.keys", [*flags_of({"--file": given}), *words, *flags])
