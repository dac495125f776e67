"""How operators' commands connect to the bus of this checkout's stack."""

import json
from pathlib import Path

import pytest

from tarifa.client.bus_access import bus_access

CONTEXT = {"url": "nats://127.0.0.1:4222", "nkey": "/keys/operator.nk", "ca": "/keys/ca.pem", "inbox_prefix": "_I"}


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The secrets of a closed stack."""
    (tmp_path / "operator.json").write_text(json.dumps(CONTEXT))
    return tmp_path


def test_a_command_is_the_operator_of_this_checkouts_stack(secrets: Path) -> None:
    """By the context that `tarifa up` has written."""
    assert bus_access({}, secrets, "operator") == {
        "NATS_URL": "nats://127.0.0.1:4222",
        "NATS_CREDENTIALS": "/keys/operator.nk",
        "NATS_CA": "/keys/ca.pem",
    }


@pytest.mark.parametrize("name", ["NATS_URL", "NATS_CREDENTIALS", "NATS_CA"])
def test_the_environment_takes_precedence(secrets: Path, name: str) -> None:
    """Keys of this stack are useless on another bus."""
    assert bus_access({name: "x"}, secrets, "operator") == {}


def test_an_open_stack_has_no_context(tmp_path: Path) -> None:
    """Nor has a user without a file."""
    assert bus_access({}, tmp_path, "operator") == {}


@pytest.mark.parametrize("text", ["", "[]", "{}", "null"])
def test_a_file_that_is_not_a_context_is_named(secrets: Path, text: str) -> None:
    """It is not ignored: the command would then connect without a key."""
    (secrets / "operator.json").write_text(text)
    with pytest.raises(ValueError, match=r"operator\.json"):
        bus_access({}, secrets, "operator")
