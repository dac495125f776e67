"""Events as JSON: versioned, typed, and rejected where they have another form."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from services.contracts.events import (
    NotAnEventError,
    PaymentAccepted,
    PaymentRefused,
    PaymentSettled,
    SettlementsCleared,
    decode_accepted,
    decode_settlement,
    encode,
)
from services.contracts.money import Cents

ID = "0b0f8a5c-1111-4222-8333-0123456789ab"
AT = datetime(2026, 11, 22, 11, 17, 46, 123000, tzinfo=UTC)
ACCEPTED = PaymentAccepted(id=ID, amount_cents=Cents(1990), accepted_at=AT)
SETTLED = PaymentSettled(
    id=ID, amount_cents=Cents(1990), processor="default", requested_at=AT, accepted_at=AT, payment_seq=7
)
REFUSED = PaymentRefused(
    id=ID, amount_cents=Cents(1990), processor="default", detail="ünsupported", accepted_at=AT, payment_seq=7
)
CLEARED = SettlementsCleared(cleared_at=AT)


def changed(event: PaymentAccepted | PaymentSettled | PaymentRefused | SettlementsCleared, **fields: Any) -> bytes:
    """Return the event's JSON with other fields; None leaves one out."""
    document = json.loads(encode(event)) | fields
    return json.dumps({key: value for key, value in document.items() if value is not None}).encode()


def test_accepted_round_trips() -> None:
    """The dispatcher reads what ingress stored."""
    assert decode_accepted(encode(ACCEPTED)) == ACCEPTED


@pytest.mark.parametrize("event", [SETTLED, REFUSED, CLEARED])
def test_settlements_round_trip(event: PaymentSettled | PaymentRefused | SettlementsCleared) -> None:
    """The ledger reads what the dispatcher stored."""
    assert decode_settlement(encode(event)) == event


def test_an_instant_in_another_zone_is_the_same_instant() -> None:
    """Writers may use any zone."""
    zone = timezone(timedelta(hours=2))
    assert decode_accepted(changed(ACCEPTED, acceptedAt=AT.astimezone(zone).isoformat())) == ACCEPTED


def test_an_unknown_field_is_ignored() -> None:
    """Fields may be added within a version."""
    assert decode_accepted(changed(ACCEPTED, currency="BRL")) == ACCEPTED


@pytest.mark.parametrize(
    "fields",
    [
        {"v": 2},
        {"v": "1"},
        {"type": "PaymentSettled"},
        {"type": "PaymentForgotten"},
        {"type": None},
        {"id": None},
        {"id": ID.upper()},
        {"id": f"{{{ID}}}"},
        {"id": f"{ID}\n"},
        {"id": ID.replace("-", "")},
        {"amountCents": None},
        {"amountCents": 0},
        {"amountCents": -1},
        {"amountCents": 19.9},
        {"amountCents": "1990"},
        {"acceptedAt": None},
        {"acceptedAt": "2026-11-22T11:17:46"},
        {"acceptedAt": 1795346266},
    ],
)
def test_what_is_not_a_payment_accepted_is_rejected(fields: dict[str, Any]) -> None:
    """Another version or type, a missing or mistyped field: a person must look at it."""
    with pytest.raises(NotAnEventError):
        decode_accepted(changed(ACCEPTED, **fields))


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (SETTLED, {"v": 2}),
        (SETTLED, {"type": "PaymentAccepted"}),
        (SETTLED, {"type": None}),
        (SETTLED, {"processor": None}),
        (SETTLED, {"paymentSeq": 0}),
        (SETTLED, {"requestedAt": None}),
        (REFUSED, {"v": 0}),
        (REFUSED, {"detail": None}),
        (REFUSED, {"detail": 5}),
        (CLEARED, {"v": 2}),
        (CLEARED, {"clearedAt": "yesterday"}),
    ],
)
def test_what_is_not_a_settlement_is_rejected(
    event: PaymentSettled | PaymentRefused | SettlementsCleared, fields: dict[str, Any]
) -> None:
    """The ledger counts nothing that it does not understand."""
    with pytest.raises(NotAnEventError):
        decode_settlement(changed(event, **fields))


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{", b"\xff\xfe", b"true", b'{"type":"PaymentAccepted"}'])
def test_garbage_is_refused(data: bytes) -> None:
    """Anything else in the stream raises this one error."""
    with pytest.raises(NotAnEventError):
        decode_accepted(data)
    with pytest.raises(NotAnEventError):
        decode_settlement(data)


def test_a_version_that_is_left_out_is_the_first() -> None:
    """As the schemas say."""
    assert decode_accepted(changed(ACCEPTED, v=None)).v == 1
