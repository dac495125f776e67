"""A name that distinguishes this process from all others of the system."""

import os
import re
import socket

HOST_CHARACTERS_MAX = 48  # of the host in a process's name; with the process id it is well below what is allowed


def name_of_process() -> str:
    """Return the name of this process: host and process id, as one token of a subject."""
    host = re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:HOST_CHARACTERS_MAX]
    return f"{host}-{os.getpid()}"
