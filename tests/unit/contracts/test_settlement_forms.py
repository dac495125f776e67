"""A settlement in each of its public forms, byte for byte: who adds a field to it changes the texts here alone."""

from datetime import UTC, datetime

from services.audit.core.export_rows import CSV_HEADER, csv_row, json_row
from services.contracts.events import PaymentAccepted, PaymentRefused, PaymentSettled, Trace, encode
from services.contracts.money import Cents
from services.ingress.adapters import http_answers as say
from services.ingress.adapters.http_listing import _life, _row
from services.ingress.adapters.payment_stream import _standing
from services.ingress.core.answers import Standing
from services.ingress.core.listing import ListRow
from services.ingress.core.payment_life import life_of

ID = "0b0f8a5c-1111-4222-8333-0123456789ab"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
REQUESTED_AT = datetime(2026, 11, 22, 11, 17, 46, 123_000, tzinfo=UTC)
ACCEPTED_AT = datetime(2026, 11, 22, 11, 17, 45, 123_456, tzinfo=UTC)
BOOKED_AT = datetime(2026, 11, 22, 11, 17, 46, 150_000, tzinfo=UTC)
# With every field, and as an earlier version stored it.
SETTLED = PaymentSettled(ID, Cents(1990), "default", REQUESTED_AT, ACCEPTED_AT, 7, BOOKED_AT, trace=Trace(PARENT))
OLD = PaymentSettled(ID, Cents(2000), "default", REQUESTED_AT, ACCEPTED_AT, 7)


def answered(event: PaymentSettled | PaymentRefused) -> str:
    """Return the body of GET /payments/{id}."""
    return (say.standing(_standing(event)).body or b"").decode()


def listed(event: PaymentSettled, *, is_counted: bool) -> str:
    """Return the row of GET /payments?status=settled."""
    return (say.ok(_row(ListRow(Standing(event), is_counted))).body or b"").decode()


def lived(event: PaymentSettled) -> str:
    """Return the body of GET /payments/{id}/life, up to its steps."""
    body = (say.ok(_life(life_of(_standing(event), [], None))).body or b"").decode()
    return body.partition(',"steps":')[0]


def test_as_stored() -> None:
    """The names are public, and what is not known is null: every reader of the stream depends on them."""
    assert encode(SETTLED).decode() == (
        f'{{"type":"PaymentSettled","id":"{ID}","amountCents":1990,"processor":"default",'
        '"requestedAt":"2026-11-22T11:17:46.123000Z","acceptedAt":"2026-11-22T11:17:45.123456Z","paymentSeq":7,'
        f'"bookedAt":"2026-11-22T11:17:46.150000Z","v":1,"trace":{{"parent":"{PARENT}","attempts":[]}}}}'
    )
    assert encode(OLD).decode() == (
        f'{{"type":"PaymentSettled","id":"{ID}","amountCents":2000,"processor":"default",'
        '"requestedAt":"2026-11-22T11:17:46.123000Z","acceptedAt":"2026-11-22T11:17:45.123456Z","paymentSeq":7,'
        '"bookedAt":null,"v":1}'
    )


def test_as_answered() -> None:
    """By id, in a life and in a list, which has no traceparent; what is not known is left out."""
    fields = (
        f'{{"correlationId":"{ID}","amount":19.9,"status":"settled","processor":"default",'
        '"requestedAt":"2026-11-22T11:17:46.123Z","acceptedAt":"2026-11-22T11:17:45.123456Z",'
        '"bookedAt":"2026-11-22T11:17:46.150Z"'
    )
    assert answered(SETTLED) == f'{fields},"traceparent":"{PARENT}"}}'
    assert lived(SETTLED) == f'{fields},"traceparent":"{PARENT}"'
    assert listed(SETTLED, is_counted=True) == f'{fields},"counted":true}}'
    fields = (
        f'{{"correlationId":"{ID}","amount":20.0,"status":"settled","processor":"default",'
        '"requestedAt":"2026-11-22T11:17:46.123Z","acceptedAt":"2026-11-22T11:17:45.123456Z"'
    )
    assert answered(OLD) == fields + "}"
    assert lived(OLD) == fields
    assert listed(OLD, is_counted=False) == f'{fields},"counted":false}}'


def test_as_exported() -> None:
    """Whole cents and UTC, as the names say; what is not known is empty, or null."""
    assert CSV_HEADER == "correlationId,processor,amountCents,requestedAtUtc,acceptedAtUtc,bookedAtUtc,counted\n"
    stamps = "2026-11-22T11:17:46.123Z,2026-11-22T11:17:45.123456Z"
    assert csv_row(SETTLED, is_counted=True) == f"{ID},default,1990,{stamps},2026-11-22T11:17:46.150Z,yes\n"
    assert csv_row(OLD, is_counted=False) == f"{ID},default,2000,{stamps},,no\n"
    assert json_row(SETTLED, is_counted=True) == (
        f'{{"correlationId":"{ID}","processor":"default","amountCents":1990,'
        '"requestedAtUtc":"2026-11-22T11:17:46.123Z","acceptedAtUtc":"2026-11-22T11:17:45.123456Z",'
        '"bookedAtUtc":"2026-11-22T11:17:46.150Z","counted":true}\n'
    )
    assert json_row(OLD, is_counted=False) == (
        f'{{"correlationId":"{ID}","processor":"default","amountCents":2000,'
        '"requestedAtUtc":"2026-11-22T11:17:46.123Z","acceptedAtUtc":"2026-11-22T11:17:45.123456Z",'
        '"bookedAtUtc":null,"counted":false}\n'
    )


def test_the_other_two_kinds_of_answers() -> None:
    """An accepted payment, and a refused one with the reason."""
    accepted = Standing(PaymentAccepted(ID, Cents(1990), ACCEPTED_AT), traceparent=PARENT)
    assert (say.standing(accepted).body or b"").decode() == (
        f'{{"correlationId":"{ID}","amount":19.9,"status":"accepted","acceptedAt":"2026-11-22T11:17:45.123456Z",'
        f'"traceparent":"{PARENT}","waitingFor":null}}'
    )
    refused = PaymentRefused(ID, Cents(1990), "default", "400: no", ACCEPTED_AT, 7, trace=Trace(PARENT))
    assert answered(refused) == (
        f'{{"correlationId":"{ID}","amount":19.9,"status":"refused","processor":"default",'
        f'"acceptedAt":"2026-11-22T11:17:45.123456Z","detail":"400: no","traceparent":"{PARENT}"}}'
    )
