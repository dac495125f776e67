"""The header traceparent, as W3C Trace Context defines it: an invalid one counts as absent."""

import pytest

from services.contracts.traceparent import (
    child_of,
    is_sampled,
    payment_span_id,
    read_traceparent,
    span_id_of,
    trace_id_of,
)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("header", "read"),
    [
        (SAMPLED, SAMPLED),
        (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
        (f"00-{TRACE}-{SPAN}-03", f"00-{TRACE}-{SPAN}-03"),
        (f"00-{TRACE}-{SPAN}-ff", f"00-{TRACE}-{SPAN}-03"),  # flags that are not defined are not passed on
        (f" {SAMPLED}\t", SAMPLED),  # the white space around a value is HTTP's
        (f"01-{TRACE}-{SPAN}-01", SAMPLED),  # of a version to come the part is read that is known
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", SAMPLED),
    ],
)
def test_a_valid_header_is_read_in_one_form(header: str, read: str) -> None:
    """Version 00, with the flags that are known."""
    assert read_traceparent([header]) == read


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-001",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"01-{TRACE}-{SPAN}-01.more",
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"00-{TRACE}-{SPAN}-0A",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}g-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00_{TRACE}_{SPAN}_01",
        f"\u0660\u0660-{TRACE}-{SPAN}-01",
    ],
)
def test_an_invalid_header_counts_as_absent(header: str) -> None:
    """The payment is accepted anyway."""
    assert read_traceparent([header]) is None


@pytest.mark.parametrize("values", [[], [SAMPLED, SAMPLED]], ids=["none", "twice"])
def test_it_must_be_there_once(values: list[str]) -> None:
    """With two, it is not known which is meant."""
    assert read_traceparent(values) is None


def test_a_child_is_of_the_same_trace() -> None:
    """Trace and flags stay; only the span differs."""
    child = child_of(SAMPLED, "1" * 16)
    assert child == f"00-{TRACE}-{'1' * 16}-01"
    assert (trace_id_of(child), span_id_of(child), is_sampled(child)) == (TRACE, "1" * 16, True)
    assert not is_sampled(f"00-{TRACE}-{SPAN}-02")


def test_a_payments_span_has_the_same_id_each_time() -> None:
    """And another payment of the same request has another one."""
    one, other = (payment_span_id(SAMPLED, payment_id) for payment_id in ("a", "b"))
    assert one == payment_span_id(SAMPLED, "a") != other
    assert len(one) == 16
