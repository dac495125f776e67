"""Processors as the environment names them."""

from decimal import Decimal

import pytest

from services.contracts.processor import Processor, by_fee, processors_from_text


def test_the_default_of_the_environment() -> None:
    """Two processors, the cheapest first: it is the home."""
    text = "default=http://127.0.0.1:8001@0.05,fallback=http://127.0.0.1:8002@0.15"
    assert processors_from_text(text) == (
        Processor("default", "http://127.0.0.1:8001", Decimal("0.05")),
        Processor("fallback", "http://127.0.0.1:8002", Decimal("0.15")),
    )


def test_any_number_in_any_order_with_spaces() -> None:
    """Sorted by fee; blanks, a last comma and a trailing slash do no harm; an @ may be in the URL."""
    text = " c=http://h:1/base/@0.3 , a=https://user@h@0.1,b=http://h:3@0,"
    assert [(processor.name, processor.url) for processor in processors_from_text(text)] == [
        ("b", "http://h:3"),
        ("a", "https://user@h"),
        ("c", "http://h:1/base"),
    ]


def test_of_equal_fees_the_one_named_first_is_first() -> None:
    """So that the operator decides which is the home."""
    text = "z=http://h:1@0.10,a=http://h:2@0.1"
    assert [processor.name for processor in by_fee(processors_from_text(text))] == ["z", "a"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "names no processor; write name=url@fee, separated by commas"),
        (" , ,", "names no processor; write name=url@fee, separated by commas"),
        ("a=http://h:1@0.1,a=http://h:2@0.2", "names a processor twice"),
        ("a", "has 'a', which is not name=url@fee"),
        ("a=http://h:1", "has 'a=http://h:1', which is not name=url@fee"),
        ("http://h:1@0.1", "has 'http://h:1@0.1', which is not name=url@fee"),
        ("A=http://h:1@0.1", "has the name 'A'; use 1 to 32 of a-z, 0-9, _ and -"),
        ("a.b=http://h:1@0.1", "has the name 'a.b'; use 1 to 32 of a-z, 0-9, _ and -"),
        ("=http://h:1@0.1", "has the name ''; use 1 to 32 of a-z, 0-9, _ and -"),
        (f"{'a' * 33}=http://h:1@0.1", f"has the name '{'a' * 33}'; use 1 to 32 of a-z, 0-9, _ and -"),
        ("a=ftp://h:1@0.1", "has the url 'ftp://h:1' for a; write http://host:port"),
        ("a=h:1@0.1", "has the url 'h:1' for a; write http://host:port"),
        ("a=http://@0.1", "has the url 'http://' for a; write http://host:port"),
        ("a=http://h:1@cheap", "has the fee 'cheap' for a; write a share of the amount, as 0.05"),
        ("a=http://h:1@", "has the fee '' for a; write a share of the amount, as 0.05"),
        ("a=http://h:1@1", "has the fee 1 for a; it must be at least 0 and below 1"),
        ("a=http://h:1@-0.1", "has the fee -0.1 for a; it must be at least 0 and below 1"),
        ("a=http://h:1@Infinity", "has the fee Infinity for a; it must be at least 0 and below 1"),
    ],
)
def test_each_mistake_has_its_sentence(text: str, sentence: str) -> None:
    """Which part is wrong, and how to write it."""
    with pytest.raises(ValueError) as raised:  # noqa: PT011  # compared in full below
        processors_from_text(text)
    assert str(raised.value) == sentence


def test_a_fee_that_is_not_a_number_is_refused() -> None:
    """Decimal knows NaN; nothing can be cheaper than it."""
    with pytest.raises(ValueError, match="has the fee"):
        processors_from_text("a=http://h:1@NaN")
