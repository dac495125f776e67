"""The rows by id, against a dict."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.ledger.core.by_id import RowsById

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # whatever the machine


@unhurried
@given(st.lists(st.binary(min_size=16, max_size=16) | st.integers(0, 9).map(lambda number: bytes([number] * 16))))
def test_every_id_has_one_row_in_the_order_of_placing(ids: list[bytes]) -> None:
    """A new id gets the next row, a known one its own."""
    rows, naive = RowsById(), dict[bytes, int]()
    for packed in ids:
        assert rows.place(packed) == naive.setdefault(packed, len(naive))
        assert len(rows) == len(naive)


def test_ids_keep_their_rows_while_the_index_grows() -> None:
    """Twenty thousand ids, so that every shard grows several times; ids that differ in a single bit among them."""
    rows = RowsById()
    ids = [number.to_bytes(16, "big") for number in range(20_000)]
    assert [rows.place(packed) for packed in ids] == list(range(20_000))
    assert [rows.place(packed) for packed in reversed(ids)] == list(reversed(range(20_000)))


def test_ids_that_overlap_in_memory_are_not_found() -> None:
    """Where two stored ids meet, sixteen bytes that look like a third id are not one."""
    rows = RowsById()
    rows.place(bytes(range(16)))
    rows.place(bytes(range(16, 32)))
    assert rows.place(bytes(range(8, 24))) == 2
