"""Settings: a wrong one names its variable and its unit."""

import math

import pytest

from services.settings.environment import SettingError, flag, seconds, text_as, whole


def backlog(env: dict[str, str]) -> int:
    """A whole number."""
    return whole(env, "BACKLOG_MAX", 1000, least=1, most=5000, unit="payments")


def settle(env: dict[str, str]) -> float:
    """Seconds."""
    return seconds(env, "SETTLE_WITHIN_S", 10, least=0.1, most=60)


@pytest.mark.parametrize("env", [{}, {"BACKLOG_MAX": ""}, {"BACKLOG_MAX": "  "}])
def test_unset_and_empty_are_the_default(env: dict[str, str]) -> None:
    """Compose files pass on unset variables as empty."""
    assert backlog(env) == 1000


@pytest.mark.parametrize(("text", "value"), [("1", 1), (" 5000 ", 5000), ("1_000", 1000)])
def test_whole_numbers_within_bounds(text: str, value: int) -> None:
    """The bounds are inclusive."""
    assert backlog({"BACKLOG_MAX": text}) == value


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("many", "BACKLOG_MAX must be a whole number of payments, not 'many'"),
        ("1.5", "BACKLOG_MAX must be a whole number of payments, not '1.5'"),
        ("0", "BACKLOG_MAX must be 1 to 5000 payments, not 0"),
        ("5001", "BACKLOG_MAX must be 1 to 5000 payments, not 5001"),
    ],
)
def test_a_wrong_whole_number_names_variable_and_unit(text: str, sentence: str) -> None:
    """The operator reads what to write."""
    with pytest.raises(SettingError) as raised:
        backlog({"BACKLOG_MAX": text})
    assert str(raised.value) == sentence


@pytest.mark.parametrize(
    ("env", "value"), [({}, 10), ({"SETTLE_WITHIN_S": "0.1"}, 0.1), ({"SETTLE_WITHIN_S": "60"}, 60)]
)
def test_seconds_within_bounds(env: dict[str, str], value: float) -> None:
    """Fractions are allowed."""
    assert math.isclose(settle(env), value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("10s", "SETTLE_WITHIN_S must be a number of seconds, not '10s'"),
        ("0", "SETTLE_WITHIN_S must be 0.1 to 60 seconds, not 0"),
        ("61", "SETTLE_WITHIN_S must be 0.1 to 60 seconds, not 61"),
        ("nan", "SETTLE_WITHIN_S must be 0.1 to 60 seconds, not nan"),
        ("inf", "SETTLE_WITHIN_S must be 0.1 to 60 seconds, not inf"),
    ],
)
def test_wrong_seconds_name_variable_and_unit(text: str, sentence: str) -> None:
    """Neither NaN nor infinity is a time."""
    with pytest.raises(SettingError) as raised:
        settle({"SETTLE_WITHIN_S": text})
    assert str(raised.value) == sentence


@pytest.mark.parametrize(("env", "value"), [({}, False), ({"ALLOW_PURGE": "0"}, False), ({"ALLOW_PURGE": " 1 "}, True)])
def test_a_flag_is_off_unless_it_is_1(env: dict[str, str], *, value: bool) -> None:
    """Unset is off."""
    assert flag(env, "ALLOW_PURGE") is value


@pytest.mark.parametrize("text", ["true", "yes", "2", "on"])
def test_a_flag_is_0_or_1(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(SettingError, match=f"ALLOW_PURGE must be 0 or 1, not '{text}'"):
        flag({"ALLOW_PURGE": text}, "ALLOW_PURGE")


def test_a_text_is_read_by_its_reader() -> None:
    """Set, or its default."""
    assert text_as({"LEVEL": " 12 "}, "LEVEL", "3", int) == 12
    assert text_as({}, "LEVEL", "3", int) == 3


def test_a_wrong_text_has_the_readers_sentence_after_the_name() -> None:
    """So that readers need not know the variable."""

    def read(text: str) -> int:
        raise ValueError(f"has {text!r}, which is nothing")

    with pytest.raises(SettingError, match=r"^LEVEL has 'x', which is nothing$"):
        text_as({"LEVEL": "x"}, "LEVEL", "3", read)
