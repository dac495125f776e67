"""Processors as the environment names them."""

from decimal import Decimal

import pytest

from services.contracts.processor import Processor, by_fee, processors_from_text


def test_the_default_of_the_environment() -> None:
    """Two processors, the cheapest first."""
    text = "default=http://127.0.0.1:8001@0.05,fallback=http://127.0.0.1:8002@0.15"
    assert processors_from_text(text) == (
        Processor("default", "http://127.0.0.1:8001", Decimal("0.05")),
        Processor("fallback", "http://127.0.0.1:8002", Decimal("0.15")),
    )


def test_any_number_in_any_order_with_spaces() -> None:
    """Sorted by fee; blanks, a last comma and a trailing slash do no harm; an @ may be in the path."""
    text = " c=http://h:1/base/@0.3 , a=https://h/@me@0.1,b=http://h:3@0,"
    assert [(processor.name, processor.url) for processor in processors_from_text(text)] == [
        ("b", "http://h:3"),
        ("a", "https://h/@me"),
        ("c", "http://h:1/base"),
    ]


def test_of_equal_fees_the_one_named_first_is_first() -> None:
    """So the operator decides which is first."""
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
        ("a=http://:1@0.1", "has the url 'http://:1' for a; write http://host:port"),
        ("a=http:///base@0.1", "has the url 'http:///base' for a; write http://host:port"),
        ("a=http://[::1@0.1", "has the url 'http://[::1' for a; write http://host:port"),
        ("a=http://h h:1@0.1", "has the url 'http://h h:1' for a; write http://host:port"),
        ("a=http://h:abc@0.1", "has the url 'http://h:abc' for a; its port must be 1 to 65535"),
        ("a=http://h:-1@0.1", "has the url 'http://h:-1' for a; its port must be 1 to 65535"),
        ("a=http://h:99999@0.1", "has the url 'http://h:99999' for a; its port must be 1 to 65535"),
        ("a=http://h:65536@0.1", "has the url 'http://h:65536' for a; its port must be 1 to 65535"),
        ("a=http://h:0@0.1", "has the url 'http://h:0' for a; its port must be 1 to 65535"),
        ("a=http://me:secret@h:1@0.1", "has credentials in the url for a; leave them out, they are not sent"),
        ("a=http://me@h:1@0.1", "has credentials in the url for a; leave them out, they are not sent"),
        ("a=http://h:1/?b=c@0.1", "has the url 'http://h:1/?b=c' for a; leave out what begins with ? or #"),
        ("a=http://h:1?@0.1", "has the url 'http://h:1?' for a; leave out what begins with ? or #"),
        ("a=http://h:1#b@0.1", "has the url 'http://h:1#b' for a; leave out what begins with ? or #"),
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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://h:1", "http://h:1"),
        ("http://h:1", "http://h:1/"),
        ("http://h", "http://h:80"),
        ("https://h/", "https://h:443"),
        ("http://h:", "http://h:80"),
        ("http://Bank.Example:1/a", "HTTP://bank.example:01/a/"),
    ],
)
def test_one_url_under_two_names_is_refused(one: str, other: str) -> None:
    """One server counted as two would be sent one payment twice."""
    with pytest.raises(ValueError, match=r"(?i)^has one url for a and b: http"):
        processors_from_text(f"a={one}@0.1,b={other}@0.2")


def test_a_different_url_is_another_processor() -> None:
    """By scheme, host, port or path; a path's case counts, too."""
    urls = ["http://h", "https://h", "http://h:81", "http://i", "http://h/a", "http://h/A", "http://[::1]:65535"]
    text = ",".join(f"p{at}={url}@0.1" for at, url in enumerate(urls))
    assert [processor.url for processor in processors_from_text(text)] == urls


def test_a_fee_that_is_not_a_number_is_refused() -> None:
    """Decimal allows NaN, with which no order is possible."""
    with pytest.raises(ValueError, match="has the fee"):
        processors_from_text("a=http://h:1@NaN")
