"""A processor's bookings, read from its admin call."""

from sandbox.charges import Charge, read_charges


def test_bookings_are_read_from_an_array_or_line_by_line() -> None:
    """Both forms give the same charges, in cents and microseconds."""
    rows = [
        b'{"correlationId":"a","amount":19.90,"requestedAt":"1970-01-01T00:00:01.5Z"}',
        b'{"correlationId":"b","amount":0.29,"requestedAt":"1970-01-01T00:00:02.000001Z"}',
    ]
    expected = [Charge("default", "a", 1990, 1_500_000), Charge("default", "b", 29, 2_000_001)]
    assert read_charges("default", b"[" + b",".join(rows) + b"]") == expected
    assert read_charges("default", b"\n".join(rows) + b"\n") == expected
    assert read_charges("default", b"") == []
