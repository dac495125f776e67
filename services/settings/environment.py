"""Reading settings from the environment: checked at the start; an error names the variable and its unit."""

from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


class SettingError(Exception):
    """A variable has a value that cannot be used; the text names it. The service must not start."""


def whole(env: Mapping[str, str], name: str, default: int, *, least: int, most: int, unit: str) -> int:
    """Return a whole number within its bounds.

    Raises:
        SettingError: it is not a whole number, or out of bounds.
    """
    text = env.get(name, "").strip() or str(default)
    try:
        value = int(text)
    except ValueError:
        raise SettingError(f"{name} must be a whole number of {unit}, not {text!r}") from None
    if not least <= value <= most:
        raise SettingError(f"{name} must be {least} to {most} {unit}, not {value}")
    return value


def seconds(env: Mapping[str, str], name: str, default: float, *, least: float, most: float) -> float:
    """Return a number of seconds within its bounds.

    Raises:
        SettingError: it is not a number, or out of bounds.
    """
    text = env.get(name, "").strip() or str(default)
    try:
        value = float(text)
    except ValueError:
        raise SettingError(f"{name} must be a number of seconds, not {text!r}") from None
    if not least <= value <= most:
        raise SettingError(f"{name} must be {least:g} to {most:g} seconds, not {value:g}")
    return value


def flag(env: Mapping[str, str], name: str) -> bool:
    """Return whether a switch is on; unset is off.

    Raises:
        SettingError: it is neither 0 nor 1.
    """
    text = env.get(name, "").strip() or "0"
    if text not in {"0", "1"}:
        raise SettingError(f"{name} must be 0 or 1, not {text!r}")
    return text == "1"


def text_as(env: Mapping[str, str], name: str, default: str, read: Callable[[str], T]) -> T:
    """Return the result of ``read``.

    Raises:
        SettingError: ``read`` raised ValueError; its sentence follows the variable's name.
    """
    try:
        return read(env.get(name, "").strip() or default)
    except ValueError as error:
        raise SettingError(f"{name} {error}") from None
