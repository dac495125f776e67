"""Arguments of the command line: parsed, or rejected with a sentence that says how to write them. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import httpx

from services.contracts.instant import instant_from_text

LENGTH_MAX = timedelta(days=36_500)  # older than any payment, and now minus it is still a date
PORT_MAX = 65_535

# Enough for any amount that a service admits. A decimal comma, a sign and an exponent are rejected, not guessed.
_AMOUNT = re.compile(r"\d{1,13}(\.\d{1,2})?", re.ASCII)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_LENGTH = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhd]?)", re.ASCII)
_UNITS = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def amount_from_text(text: str) -> Decimal:
    """Read an amount, exact to the digit.

    Raises:
        ValueError: with a sentence.
    """
    if not _AMOUNT.fullmatch(text):
        raise ValueError(f"The amount must be a number with at most two decimals, as 19.90, not {text!r}")
    amount = Decimal(text)
    if not amount:
        raise ValueError("The amount must be above 0")
    return amount


def id_from_text(text: str) -> str:
    """Read a payment's id; it is returned in lower case.

    Raises:
        ValueError: with a sentence.
    """
    if not _ID.fullmatch(text.lower()):
        raise ValueError(f"An id is written as 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3, not {text!r}")
    return text.lower()


def url_from_text(text: str) -> str:
    """Read the service's URL; it is returned without a trailing slash.

    Raises:
        ValueError: with a sentence.
    """
    try:
        url = httpx.URL(text)
        places = url.scheme in {"http", "https"} and bool(url.host) and 0 < (url.port or 1) <= PORT_MAX
        usable = places and not (url.query or url.fragment)
    except (httpx.InvalidURL, ValueError):
        usable = False
    if not usable:
        raise ValueError(f"--url or TARIFA_URL must be as http://127.0.0.1:9999, not {text!r}")
    return text.rstrip("/")


def key_from_env(env: Mapping[str, str]) -> str | None:
    """Return the API key in TARIFA_KEY, or None. There is no option for it: other users of the machine could see it.

    Raises:
        ValueError: with a sentence, which does not contain the key.
    """
    key = env.get("TARIFA_KEY", "").strip()
    if not re.fullmatch(r"[!-~]*", key):
        raise ValueError("TARIFA_KEY must be a key as `tarifa keys add` prints it")
    return key or None


def length_from_text(option: str, text: str) -> timedelta:
    """Read a length of time as ``90s``, ``15m``, ``1h`` or ``7d``; a number without a unit is seconds.

    Raises:
        ValueError: with a sentence that names the option.
    """
    found = _LENGTH.fullmatch(text)
    length = timedelta(**{_UNITS[found[2]]: float(found[1])}) if found else timedelta()
    if not timedelta() < length <= LENGTH_MAX:
        raise ValueError(f"{option} must be a length of time as 90s, 15m, 1h or 7d, not {text!r}")
    return length


def point_from_text(option: str, text: str, *, round_up: bool) -> datetime:
    """Read a point in time as the service does; ``round_up`` as in ``instant_from_text``.

    Raises:
        ValueError: with a sentence that names the option.
    """
    try:
        return instant_from_text(text, round_up=round_up)
    except ValueError:
        raise ValueError(f"{option} must be ISO 8601, as 2026-11-22T12:00:00Z, not {text!r}") from None
