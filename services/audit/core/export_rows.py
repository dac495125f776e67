"""One settlement as a row of an export: CSV or JSON, amounts in whole cents, times in UTC; the names say so. Pure."""

from services.contracts.events import PaymentSettled
from services.contracts.stamp import text_of

NAMES = ("correlationId", "processor", "amountCents", "requestedAtUtc", "acceptedAtUtc", "bookedAtUtc", "counted")
CSV_HEADER = ",".join(NAMES) + "\n"


def csv_row(event: PaymentSettled, *, is_counted: bool) -> str:
    """Return a line; no value contains a comma or a quote, and an unknown bookedAt is empty."""
    booked_at = text_of(event.booked_at) if event.booked_at else ""
    return (
        f"{event.id},{event.processor},{event.amount_cents},{text_of(event.requested_at)},{text_of(event.accepted_at)},"
        f"{booked_at},{'yes' if is_counted else 'no'}\n"
    )


def json_row(event: PaymentSettled, *, is_counted: bool) -> str:
    """Return a line; an unknown bookedAt is null."""
    booked_at = f'"{text_of(event.booked_at)}"' if event.booked_at else "null"
    return (
        f'{{"correlationId":"{event.id}","processor":"{event.processor}","amountCents":{event.amount_cents},'
        f'"requestedAtUtc":"{text_of(event.requested_at)}","acceptedAtUtc":"{text_of(event.accepted_at)}",'
        f'"bookedAtUtc":{booked_at},"counted":{"true" if is_counted else "false"}}}\n'
    )
