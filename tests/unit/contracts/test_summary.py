"""Requests to the ledger, and their answers."""

from datetime import UTC, datetime

import pytest

from services.contracts.events import NotAnEventError
from services.contracts.summary import SummaryAnswered, SummaryAsked, Totals, decode_answered, decode_asked, encode

AT = datetime(2026, 11, 22, 11, 17, 46, 123000, tzinfo=UTC)


@pytest.mark.parametrize("asked", [SummaryAsked(), SummaryAsked(from_=AT), SummaryAsked(to=AT), SummaryAsked(AT, AT)])
def test_a_request_round_trips(asked: SummaryAsked) -> None:
    """With open ends too."""
    assert decode_asked(encode(asked)) == asked


def test_an_empty_request_asks_for_everything() -> None:
    """``nats req ledger.summary ''`` is enough for an operator."""
    assert decode_asked(b"") == SummaryAsked()


def test_an_answer_round_trips() -> None:
    """One entry for each processor."""
    answered = SummaryAnswered({"default": Totals(2, 3980), "fallback": Totals(0, 0)})
    assert decode_answered(encode(answered)) == answered


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"from": "yesterday"}', b'{"since": null}', b'{"to": 5}'])
def test_what_is_not_a_request_is_rejected(data: bytes) -> None:
    """A misspelt end must not count as an open one."""
    with pytest.raises(NotAnEventError):
        decode_asked(data)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"totals": []}', b'{"totals": {"default": {"count": 1}}}'])
def test_what_is_not_an_answer_is_rejected(data: bytes) -> None:
    """An incomplete answer is rejected."""
    with pytest.raises(NotAnEventError):
        decode_answered(data)
