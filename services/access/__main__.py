"""``python -m services.access FOLDER HOST ...``: creates keys, users.conf and certificates for NATS with users and TLS.

Existing files are kept. HOST: a name or address by which clients reach NATS. ``--door FOLDER HOST ...``: also the
certificate of the HTTPS port for clients. ``--each FOLDER``: for each service with a subfolder there, copies of its own
files only. ALLOW_PURGE: as for ingress. docker-compose.closed.yml shows how to use it.
"""

import argparse
import os
import sys
from pathlib import Path

from services.access.certificates import DOOR, make_certificates
from services.access.distribute import USERS_CONF, distribute
from services.access.key_folder import make_keys
from services.access.secret_file import write_secret
from services.access.users_conf import authorization
from services.settings.environment import SettingError, flag

GROUP_READS = 0o640
EXIT_WRONG = 2


def main(arguments: list[str]) -> int:
    """Make them; return 0, or 2 with a sentence where something cannot be used."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.door and not given.door[1:]:
        parser.error("--door needs a folder and at least one name or address by which clients connect")
    folder = given.folder
    try:
        _make_bus(folder, given.hosts)
        if given.each:
            distribute(folder, given.each)
        if given.door:
            folder = Path(given.door[0])
            make_certificates(folder, given.door[1:], of=DOOR)
    except SettingError as error:
        return _say(str(error))
    except (ValueError, OSError) as error:
        return _say(f"a file in {folder} cannot be used: it {error}")
    return 0


def _make_bus(folder: Path, hosts: list[str]) -> None:
    may_purge = flag(os.environ, "ALLOW_PURGE")
    keys = make_keys(folder)
    made = make_certificates(folder, hosts)
    users = folder / USERS_CONF
    write_secret(users, authorization({user: key.public for user, key in keys.items()}, may_purge=may_purge))
    # The server runs as another user of the same group; it gets no service's key.
    for path in (users, made.ca, made.server, made.key):
        path.chmod(GROUP_READS)
    folder.chmod(0o750)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.access", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder for keys, users.conf and certificates")
    parser.add_argument("hosts", nargs="+", metavar="HOST", help="a name or address by which clients reach NATS")
    parser.add_argument(
        "--door", nargs="+", metavar=("FOLDER", "HOST"), help="folder and names of the HTTPS certificate"
    )
    parser.add_argument("--each", type=Path, metavar="FOLDER", help="a folder with one subfolder per service")
    return parser


def _say(text: str) -> int:
    print(text, file=sys.stderr)  # noqa: T201  # for the person who starts it
    return EXIT_WRONG


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
