"""The command lines: read strictly; wrong ones end with 2 and a sentence."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from services.audit.audit_settings import AuditSettings, audit_settings
from services.audit.settings import ReleaseSettings, release_settings
from services.contracts.period import Period
from services.settings.environment import SettingError
from tests.unit.audit.paid import AT, ID

OPTION = "--i-accept"


def read_audit(*arguments: str, env: Mapping[str, str] | None = None) -> AuditSettings:
    """Read them as the program does."""
    return audit_settings(arguments, env or {}, AT)


def read_release(*arguments: str) -> ReleaseSettings:
    """Read them as the program does."""
    return release_settings(arguments, {}, OPTION)


def test_without_options_everything_is_audited() -> None:
    """All payments, as fast as processors can answer, as text."""
    read = read_audit()
    assert (read.period, read.rate, read.as_json) == (Period(), 1_000, False)
    assert [processor.name for processor in read.bus.processors] == ["default", "fallback"]


@pytest.mark.parametrize(
    ("arguments", "period"),
    [
        (["--last", "1h"], Period(AT - timedelta(hours=1))),
        (["--from", "2026-11-22T12:00:00.123Z"], Period(AT)),
        (["--to", "2026-11-22T12:00:00.123"], Period(None, AT)),
        (["--from", "2026-11-22T13:00:00.123+01:00", "--to", "2026-11-22T12:00:00.123Z"], Period(AT, AT)),
    ],
)
def test_a_period_is_given(arguments: list[str], period: Period) -> None:
    """From, to, or a length of time up to now; no zone is UTC."""
    assert read_audit(*arguments).period == period


@pytest.mark.parametrize(
    "arguments",
    [
        ["--last", "1"],
        ["--last", "999999d"],
        ["--last", "1h", "--to", "2026-11-22"],
        ["--from", "yesterday"],
        ["--from", "2026-11-23", "--to", "2026-11-22"],
        ["--rate", "0"],
        ["--rate", "-1"],
        ["--rate", "nan"],
        ["--rate", "fast"],
        ["--rate", "10001"],
        ["more"],
    ],
)
def test_a_wrong_audit_ends_with_2(arguments: list[str]) -> None:
    """Nothing is asked."""
    with pytest.raises(SystemExit) as ended:
        read_audit(*arguments)
    assert ended.value.code == 2


def test_a_wrong_variable_is_named() -> None:
    """As in every service."""
    with pytest.raises(SettingError, match="PROCESSORS"):
        read_audit(env={"PROCESSORS": "x"})


def test_a_release_is_read() -> None:
    """The id may be in upper case."""
    read = read_release(ID.upper(), "--to", "fallback", "--reason", " default is gone ")
    assert (read.payment_id, read.to, read.reason, read.accepted_id) == (ID, "fallback", "default is gone", None)
    assert read_release(ID, "--to", "fallback", "--reason", "x", OPTION, ID.upper()).accepted_id == ID


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [ID],
        [ID, "--to", "fallback"],
        [ID, "--reason", "x"],
        [ID, "--to", "fallback", "--reason", " "],
        [ID, "--to", "fallback", "--reason", "x" * 501],
        [ID[:-1], "--to", "fallback", "--reason", "x"],
        [f"{{{ID}}}", "--to", "fallback", "--reason", "x"],
        [ID, "--to", "fallback", "--reason", "x", OPTION, ID.replace("4", "5")],
        [ID, "--to", "fallback", "--reason", "x", OPTION],
    ],
)
def test_a_wrong_release_ends_with_2(arguments: list[str]) -> None:
    """Above all where the option accepts the risk of another payment."""
    with pytest.raises(SystemExit) as ended:
        read_release(*arguments)
    assert ended.value.code == 2
