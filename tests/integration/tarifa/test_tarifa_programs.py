"""The commands that become another program: its output, exit codes and signals, with all of its options."""

import signal

import pytest

from sandbox.stack import Stack
from tests.integration.tarifa.command_line import COMMAND, PATIENCE_S, environment, run


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (("up", "--dispatchers", "many"), 2, "DISPATCHERS must be a whole number of processes, not 'many'"),
        (("up", "--ingresses", "0"), 2, "INGRESSES must be 1 to 16 processes, not 0"),
        (("up", "--http", "99999"), 2, "argument --http: must be a port, 1 to 65535, not '99999'"),
        (("up", "--route-proxies", "7001,x"), 2, "argument --route-proxies: must be a port"),
        (("up", "--metrics", "65535"), 2, "is above 65535: choose a lower first port"),
        (("up", "--processors", "nonsense"), 2, "PROCESSORS has 'nonsense'"),
        (("rinha", "nothing"), 2, "There is no profile 'nothing'"),
        (("rinha", "smoke", "--base-url", "http://pay.example"), 2, "http://pay.example is not on this machine"),
        (("chaos", "--minutes", "many"), 2, "MINUTES must be a number of minutes"),
        (("chaos", "--in-flight-max", "many"), 2, "IN_FLIGHT_MAX must be a whole number of calls"),
        (("audit", "--last", "long"), 2, "argument --last: must be a length of time"),
        (("audit", "--last", "1h", "--from", "2026-11-22"), 2, "--last replaces --from and --to"),
        (("audit", "--rate", "0"), 2, "argument --rate: must be above 0"),
        (("processors", "move", "default", "--to", "ftp://x"), 2, "write http://host:port"),
        (("keys", "add", "a b", "--scope", "pay"), 2, "must be 1 to 64 of"),
        (("keys", "--file", "nowhere", "list"), 2, "which cannot be read"),
        (("backup",), 2, "tarifa backup: error: the following arguments are required: FOLDER"),
        (("processors", "move", "default"), 2, "the following arguments are required: --to"),
    ],
)
def test_the_programs_output_and_exit_codes_are_its_own(arguments: tuple[str, ...], code: int, part: str) -> None:
    """All arguments reach it, also from a folder outside the checkout."""
    done = run(*arguments)
    assert done.returncode == code
    assert part in done.stdout + done.stderr


def test_up_runs_the_stack_and_ends_with_ctrl_c() -> None:
    """One process from the command to the stack: the signal reaches it, and its exit code is returned."""

    class Up(Stack):
        command = (*COMMAND, "up")

    with Up(env=environment()) as stack:
        done = run("pay", "19.90", "--url", stack.http_url)
        assert done.returncode == 0, done.stderr
        assert stack._process is not None
        process = stack._process
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
