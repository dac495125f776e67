"""The index of rows by id, compared with a dict."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.ledger.core.rows_by_id import RowsById

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # whatever the machine


@unhurried
@given(st.lists(st.binary(min_size=16, max_size=16) | st.integers(0, 9).map(lambda number: bytes([number] * 16))))
def test_every_id_has_one_row_in_the_order_of_insertion(ids: list[bytes]) -> None:
    """A new id gets the next row, a known id keeps its own."""
    rows, naive = RowsById(), dict[bytes, int]()
    for packed in ids:
        assert rows.place(packed) == naive.setdefault(packed, len(naive))
        assert len(rows) == len(naive)


def test_ids_keep_their_rows_while_the_index_grows() -> None:
    """With 20,000 ids, so that every shard grows several times, some of them differing in a single bit."""
    rows = RowsById()
    ids = [number.to_bytes(16, "big") for number in range(20_000)]
    assert [rows.place(packed) for packed in ids] == list(range(20_000))
    assert [rows.place(packed) for packed in reversed(ids)] == list(reversed(range(20_000)))


def test_ids_that_overlap_in_memory_are_not_found() -> None:
    """Sixteen bytes that span two stored ids and equal a third one are not a match."""
    rows = RowsById()
    rows.place(bytes(range(16)))
    rows.place(bytes(range(16, 32)))
    assert rows.place(bytes(range(8, 24))) == 2


@unhurried
@given(st.lists(st.binary(min_size=16, max_size=16) | st.integers(0, 9).map(lambda number: bytes([number] * 16))))
def test_id_inserted_again_has_its_newest_row(ids: list[bytes]) -> None:
    """Whether or not it had one before."""
    rows, naive = RowsById(), dict[bytes, int]()
    for number, packed in enumerate(ids):
        assert rows.place_anew(packed) == number
        naive[packed] = number
    assert {packed: rows.place(packed) for packed in ids} == naive


def test_new_ids_inserted_together_get_the_rows_of_a_one_by_one_insertion() -> None:
    """With room reserved for all of them, for some or for none, and with more ids to follow."""
    ids = [number.to_bytes(16, "little") for number in range(20_000)]
    for expected in (0, 5_000, 20_000):
        rows = RowsById(expected)
        rows.place(bytes([255] * 16))
        for first in range(0, 20_000, 1_400):
            rows.place_new(b"".join(ids[first : first + 1_400]))
        assert [rows.place(packed) for packed in ids] == list(range(1, 20_001))
        assert rows.place(bytes([254] * 16)) == 20_001
