"""What is accepted on the command line, and what is rejected with a sentence."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarifa.client.documents import json_text
from tarifa.commands.arguments import amount_from_text, id_from_text, length_from_text, point_from_text, url_from_text

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"


@given(st.integers(1, 10**15 - 1))
def test_an_amount_is_sent_with_its_exact_digits(cents: int) -> None:
    """From the text of the command line to the JSON number no digit changes, however large the amount."""
    text = f"{cents // 100}.{cents % 100:02}"
    assert amount_from_text(text) * 100 == cents
    assert json_text({"amount": amount_from_text(text)}) == f'{{"amount":{text}}}'


@pytest.mark.parametrize(("text", "amount"), [("19.90", "19.90"), ("5", "5"), ("0.01", "0.01"), ("007.5", "7.5")])
def test_an_amount_is_decimal_text(text: str, amount: str) -> None:
    """Whole or with one or two decimals; leading zeros, which JSON forbids, are not sent."""
    assert amount_from_text(text) == Decimal(amount)
    assert json_text(amount_from_text(text)) == amount


@pytest.mark.parametrize(
    "text", ["19,90", "1.234", "-5", "+5", "1e3", "NaN", "inf", "", " 5", "5 EUR", "٣", "0x10", "."]
)
def test_what_is_not_an_amount_is_rejected_with_an_example(text: str) -> None:
    """Nothing is guessed, neither a decimal comma nor a third decimal."""
    with pytest.raises(ValueError, match=r"at most two decimals, as 19\.90"):
        amount_from_text(text)


@pytest.mark.parametrize("text", ["0", "0.00"])
def test_zero_is_not_an_amount(text: str) -> None:
    """Zero is rejected before the service is called."""
    with pytest.raises(ValueError, match="above 0"):
        amount_from_text(text)


def test_an_id_has_one_spelling() -> None:
    """Upper case is read, lower case is sent."""
    assert id_from_text(ID.upper()) == ID


@pytest.mark.parametrize("text", ["", "4a7901b8", f"{{{ID}}}", f"urn:uuid:{ID}", ID.replace("-", ""), f"{ID}\n"])
def test_what_is_not_an_id_is_rejected_with_an_example(text: str) -> None:
    """Other spellings of a UUID would be other payments at processors."""
    with pytest.raises(ValueError, match="An id is written as"):
        id_from_text(text)


@pytest.mark.parametrize("text", ["http://127.0.0.1:9999", "https://pay.example", "http://[::1]:80"])
def test_a_url_loses_its_trailing_slash(text: str) -> None:
    """Paths are appended to it."""
    assert url_from_text(f"{text}/") == text


@pytest.mark.parametrize(
    "text", ["", "127.0.0.1:9999", "ftp://x", "http://", "http://x:99999", "http://x?a=b", "http://\x00"]
)
def test_what_is_not_a_url_is_rejected_with_an_example(text: str) -> None:
    """The sentence names the option and the variable."""
    with pytest.raises(ValueError, match=r"--url or TARIFA_URL must be as http://127\.0\.0\.1:9999"):
        url_from_text(text)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("1h", timedelta(hours=1)),
        ("7d", timedelta(days=7)),
        ("30", timedelta(seconds=30)),
        ("0.5", timedelta(milliseconds=500)),
    ],
)
def test_a_length_of_time_is_a_number_and_a_unit(text: str, length: timedelta) -> None:
    """Without a unit it is seconds."""
    assert length_from_text("--for", text) == length


@pytest.mark.parametrize("text", ["", "1 h", "1h30m", "-1s", "0s", "99999d", "1w", "h"])
def test_what_is_not_a_length_of_time_is_rejected_by_its_option(text: str) -> None:
    """The sentence names the option and shows how to write it."""
    with pytest.raises(ValueError, match="--for must be a length of time as 90s, 15m, 1h or 7d"):
        length_from_text("--for", text)


def test_a_point_in_time_without_a_zone_is_utc() -> None:
    """As the service reads it."""
    assert point_from_text("--from", "2026-11-22T12:00:00", round_up=True) == datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert point_from_text("--from", "2026-11-22T12:00:00+02:00", round_up=True) == datetime(
        2026, 11, 22, 10, tzinfo=UTC
    )


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00"])
def test_what_is_not_a_point_in_time_is_rejected_by_its_option(text: str) -> None:
    """Also one that has no UTC date."""
    with pytest.raises(ValueError, match="--from must be ISO 8601"):
        point_from_text("--from", text, round_up=True)
