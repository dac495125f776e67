"""Documents of the service: typed, exact, and rejected where they have another form."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tarifa.client import documents
from tarifa.client.documents import NotADocumentError, ProcessorDocument
from tests.unit.tarifa.samples import VITALS_TEXT

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"


def test_amounts_are_the_digits_of_the_document() -> None:
    """No double is in between: 0.1 is a tenth, and seventeen digits stay seventeen."""
    payment = documents.payment_from(f'{{"correlationId":"{ID}","amount":0.1,"status":"accepted"}}'.encode())
    assert payment.amount == Decimal("0.1")
    totals = documents.summary_from(b'{"default":{"totalRequests":3,"totalAmount":123456789012345.67}}')
    assert totals["default"].total_amount == Decimal("123456789012345.67")


def test_a_settled_payment_is_read_completely() -> None:
    """All fields of GET /payments/{id}."""
    payment = documents.payment_from(
        f'{{"correlationId":"{ID}","amount":19.9,"status":"settled","processor":"default",'
        '"requestedAt":"2026-11-22T12:00:00.123Z","acceptedAt":"2026-11-22T12:00:00.100Z"}'.encode()
    )
    assert payment.processor == "default"
    assert payment.requested_at == datetime(2026, 11, 22, 12, 0, 0, 123_000, tzinfo=UTC)
    assert payment.detail is None


def test_an_accepted_payment_says_what_it_waits_for() -> None:
    """Where and since when; null is the same as absent."""
    text = f'{{"correlationId":"{ID}","amount":19.9,"status":"accepted","waitingFor":%s}}'
    on = '{"processor":null,"since":"2026-11-22T12:00:00.100Z","attempts":2,"inDoubt":true,"dispatcher":"d-1"}'
    assert documents.payment_from((text % on).encode()).waiting_for == documents.WaitingForDocument(
        None, datetime(2026, 11, 22, 12, 0, 0, 100_000, tzinfo=UTC), 2, in_doubt=True, dispatcher="d-1"
    )
    assert documents.payment_from((text % "null").encode()).waiting_for is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"correlationId":"x"}', b'{"status":"lost"}', b"\xff\xff"])
def test_what_is_not_a_payment_is_an_error(body: bytes) -> None:
    """An error of our own, whatever the body is."""
    with pytest.raises(NotADocumentError):
        documents.payment_from(body)


def test_vitals_are_read_completely() -> None:
    """Every field of the document is where a view reads it."""
    vitals = documents.vitals_from(VITALS_TEXT)
    assert vitals.window_s == 10
    assert vitals.payments == documents.PaymentsDocument(1.0, 2.0, 123, 4, 0.5)
    assert vitals.post == documents.PostsDocument(1.5, 1.2, 3.4)
    assert vitals.processors[0] == ProcessorDocument(
        *("default", Decimal("0.05"), "serving", 10, 3, 100, Decimal("1990.0"), 0.9, Decimal("99.5"), 10.0)
    )
    assert vitals.totals == documents.SumsDocument(110, Decimal("2189.0"), Decimal("129.3"), Decimal("199.0"))
    assert vitals.services[0].started_at == datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
    assert vitals.troubles == ("fallback is failing: payments are settled at others",)


def test_vitals_may_be_empty() -> None:
    """Unknown is null or absent, and fields of a later version are ignored."""
    vitals = documents.vitals_from(
        '{"at":"2026-11-22T12:00:00Z","payments":{"backlog":null},"processors":[{"name":"x","fee":null}],"new":1}'
    )
    assert vitals.payments.backlog is None
    assert vitals.processors == (ProcessorDocument("x"),)


def test_one_line_keeps_every_digit() -> None:
    """Scripts get exactly what the service sent."""
    assert documents.one_line('{\n "a": 0.10,\n "b": [1, 1e3, null]\n}') == '{"a":0.10,"b":[1,1E+3,null]}'
