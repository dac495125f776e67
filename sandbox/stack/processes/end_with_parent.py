"""Runs a command that ends with its parent.

``end_with_parent.py [--enter <file>]... <parent's pid> <signal> <command> [argument...]``

A part must not outlive a supervisor that was killed with SIGKILL and so could stop nothing. The kernel sends the signal
when the thread that started this process ends; that setting survives exec. This is a separate program, run as a file,
because code between fork and exec is not safe in a process with threads.

It also joins control groups, before the command has used anything that would be counted elsewhere.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for the signal, then become the command under the same process id."""
    arguments = sys.argv[1:]
    while arguments[0] == "--enter":
        _enter(arguments[1])
        arguments = arguments[2:]
    parent, number, command = int(arguments[0]), int(arguments[1]), arguments[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
        sys.exit(f"end_with_parent: prctl failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("end_with_parent: the supervisor is gone already")
    # Python ignores these two signals, and ignored signals stay ignored across exec.
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606  # becoming another program is the purpose
    except OSError as error:
        sys.exit(f"end_with_parent: {command[0]} cannot be started: {error.strerror}")


def _enter(group: str) -> None:
    try:
        with open(group, "w") as file:  # noqa: PTH123  # pathlib costs as much as the rest of this program
            file.write("0")  # 0: the process that writes
    except OSError as error:
        sys.exit(f"end_with_parent: {group} cannot be entered: {error.strerror}")


if __name__ == "__main__":
    main()
