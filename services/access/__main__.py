"""``python -m services.access FOLDER HOST ...``: makes what a closed bus needs, once; what is already there stays.

HOST: by what name or address clients come to the servers. ``--door FOLDER HOST ...``: the balancer's certificate, too.
``--each FOLDER``: copies for each program that has a folder there, so that it need not see the others' keys.
ALLOW_PURGE as ingress has it. Where one program makes the files, and others read them: docker-compose.closed.yml.
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
        parser.error("--door wants a folder, and by what name or address clients come")
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
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where keys, users.conf and certificates go")
    parser.add_argument("hosts", nargs="+", metavar="HOST", help="by what clients come to NATS")
    parser.add_argument(
        "--door", nargs="+", metavar=("FOLDER", "HOST"), help="and by what clients come to the balancer"
    )
    parser.add_argument("--each", type=Path, metavar="FOLDER", help="and copies for each reader's folder in this one")
    return parser


def _say(text: str) -> int:
    print(text, file=sys.stderr)  # noqa: T201  # for the person who starts it
    return EXIT_WRONG


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
