"""Help with examples, and shell completion."""

from functools import cache

import pytest

from tests.integration.tarifa.command_line import run

PROGRAMS = (
    *("up", "rinha", "chaos", "audit", "release", "export", "processors", "keys", "log", "traces", "backup", "restore"),
)
COMMANDS = ("pay", "payment", "payments", "summary", "watch", *PROGRAMS)


@cache
def help_of(command: str) -> str:
    """Return what a command prints for --help; each is started once."""
    done = run(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_without_a_command_it_shows_its_help() -> None:
    """All commands, and how to begin; with or without --help."""
    alone, asked = run(), run("--help")
    assert (alone.returncode, alone.stderr) == (0, "")
    assert alone.stdout.split() == asked.stdout.split()
    for command in COMMANDS:
        assert f" {command} " in alone.stdout
    assert "Begin with:" in alone.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_examples(command: str) -> None:
    """Its lines can be copied: each begins with the command itself, and the terminal's width breaks none."""
    _, _, epilog = help_of(command).partition("Examples:")
    lines = [line.strip() for line in epilog.strip().splitlines()]
    examples = lines[: lines.index("")]
    assert len(examples) >= 2
    assert all(line.startswith(f"tarifa {command}") for line in examples)


@pytest.mark.parametrize("command", PROGRAMS)
def test_the_help_is_the_programs_own(command: str) -> None:
    """It names the command and not the module, so its flags are stated once."""
    shown = help_of(command)
    assert shown.startswith(f"usage: tarifa {command} [-h]")
    assert "python -m" not in shown


def test_wrong_usage_says_where_help_is() -> None:
    """Exit code 2, nothing on stdout, no traceback."""
    done = run("pya", "19.90")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean" in done.stderr
    assert "tarifa --help" in done.stderr


def test_the_shell_completes_commands() -> None:
    """As the completion script asks for it at each key press."""
    done = run(env={"_TARIFA_COMPLETE": "complete_bash", "COMP_WORDS": "tarifa pa", "COMP_CWORD": "1"})
    assert done.stdout.split() == ["pay", "payment", "payments"]
