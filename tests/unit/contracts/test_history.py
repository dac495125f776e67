"""Requests about the past, their answers, and the samples that these are made of."""

from datetime import UTC, datetime

import pytest

from services.contracts.events import NotAnEventError
from services.contracts.history import (
    STEPS_MAX,
    HistoryAnswered,
    HistoryAsked,
    HistoryStep,
    VitalsSampled,
    decode_answered,
    decode_asked,
    decode_sampled,
    encode,
)

AT = datetime(2026, 11, 22, 11, 17, 40, tzinfo=UTC)
NOTHING = HistoryStep(AT, None, None, None, None, None, None, None)
ANSWER_BYTES_MAX = 32 * 1024  # half of what NATS takes


def test_messages_round_trip() -> None:
    """Unknown stays unknown."""
    asked = HistoryAsked(60, 30)
    answered = HistoryAnswered(AT, 60, (HistoryStep(AT, 1.5, 2.25, 1.5, 9.0, 3, 12_345, 0), NOTHING))
    sampled = VitalsSampled(AT, 1.5, None, None, 3, 1)
    assert decode_asked(encode(asked)) == asked
    assert decode_answered(encode(answered)) == answered
    assert decode_sampled(encode(sampled)) == sampled


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"stepS": 10}',
        b'{"stepS": 15, "steps": 3}',  # samples are of ten seconds
        b'{"stepS": 0, "steps": 3}',
        b'{"stepS": 3610, "steps": 3}',
        b'{"stepS": 10, "steps": 0}',
        b'{"stepS": 10, "steps": 301}',
        b'{"stepS": 10, "steps": 3, "since": 0}',
    ],
)
def test_what_is_not_a_request_is_rejected(data: bytes) -> None:
    """Each answer is bounded, and its steps are made of whole samples."""
    with pytest.raises(NotAnEventError):
        decode_asked(data)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"since": "2026-11-22T11:17:40Z", "stepS": 10, "steps": [[1, 2]]}'])
def test_what_is_not_an_answer_is_rejected(data: bytes) -> None:
    """An incomplete answer is rejected."""
    with pytest.raises(NotAnEventError):
        decode_answered(data)


@pytest.mark.parametrize("data", [b"", b"[]", b'{"type": "PaymentSettled"}', b'{"type": "VitalsSampled", "at": 5}'])
def test_what_is_not_a_sample_is_rejected(data: bytes) -> None:
    """Anything else in the stream is rejected."""
    with pytest.raises(NotAnEventError):
        decode_sampled(data)


def test_the_longest_answer_is_far_below_the_limit_of_nats() -> None:
    """With more digits than any figure will have."""
    step = HistoryStep(AT, 99_999.99, 99_999.99, 60_000.0, 60_000.0, 100_000_000, 10**17, 999)
    assert len(encode(HistoryAnswered(AT, 300, (step,) * (STEPS_MAX + 1)))) < ANSWER_BYTES_MAX
