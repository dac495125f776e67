"""``python -m services.access FOLDER HOST ...``: makes what a closed bus needs, once; what is there already stays.

HOST: by what name or address clients come to the servers. ALLOW_PURGE as ingress has it. Where one program makes the
files, and others read them: docker-compose.closed.yml.
"""

import os
import sys
from pathlib import Path

from services.access.certificates import make_certificates
from services.access.key_folder import make_keys
from services.access.secret_file import write_secret
from services.access.users_conf import authorization
from services.contracts.setting import SettingError, flag

GROUP_READS = 0o640
EXIT_WRONG = 2


def main(arguments: list[str]) -> int:
    """Make them; return 0, or 2 with a sentence where something cannot be used."""
    if len(arguments) < 2:  # noqa: PLR2004  # a folder and a host
        return _say("usage: python -m services.access FOLDER HOST ...")
    folder = Path(arguments[0])
    try:
        may_purge = flag(os.environ, "ALLOW_PURGE")
        keys = make_keys(folder)
        made = make_certificates(folder, arguments[1:])
        users = folder / "users.conf"
        write_secret(users, authorization({user: key.public for user, key in keys.items()}, may_purge=may_purge))
        # The server runs as another user of the same group; it gets no service's key.
        for path in (users, made.ca, made.server, made.key):
            path.chmod(GROUP_READS)
        folder.chmod(0o750)
    except SettingError as error:
        return _say(str(error))
    except (ValueError, OSError) as error:
        return _say(f"a file in {folder} cannot be used: it {error}")
    return 0


def _say(text: str) -> int:
    print(text, file=sys.stderr)  # noqa: T201  # for the person who starts it
    return EXIT_WRONG


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
