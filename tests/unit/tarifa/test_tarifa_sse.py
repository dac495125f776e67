"""Event streams, as the HTML standard defines them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarifa.client.sse import EVENT_CHARS_MAX, Event, EventTooLongError, Parser

# Names and data as a server could send them: without line ends.
WORDS = st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), max_size=20)
EVENTS = st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=3)), max_size=5)


def read(*pieces: bytes) -> list[Event]:
    """Return the events of these pieces."""
    parser = Parser()
    return [event for piece in pieces for event in parser.feed(piece)]


def read_all(parser: Parser, piece: bytes, times: int) -> None:
    """Feed a piece again and again."""
    for _ in range(times):
        list(parser.feed(piece))


@given(EVENTS, st.sampled_from(["\n", "\r", "\r\n"]), st.lists(st.integers(0, 400), max_size=8))
def test_a_stream_may_be_cut_anywhere(events: list[tuple[str, list[str]]], end: str, cuts: list[int]) -> None:
    """Neither where it is cut (within a character or a line end) nor the kind of line end matters."""
    lines = [
        line
        for name, data in events
        for line in (f"event: {name}", *(f"data: {part}" for part in data), ": a comment", "")
    ]
    sent = "".join(f"{line}{end}" for line in lines).encode()
    places = sorted({0, len(sent), *(cut % (len(sent) + 1) for cut in cuts)})
    pieces = [sent[begin:until] for begin, until in pairwise(places)]
    assert read(*pieces) == [Event(name or "message", "\n".join(data)) for name, data in events]


def test_only_one_space_after_the_colon_is_not_data() -> None:
    """And the space is optional."""
    assert read(b"data:  two\ndata:none\ndata\n\n") == [Event("message", " two\nnone\n")]


def test_without_data_there_is_no_event() -> None:
    """A name alone is forgotten at the empty line, and does not name the next event."""
    assert read(b"event: vitals\n\ndata: 1\n\n") == [Event("message", "1")]


def test_an_unfinished_event_is_not_returned() -> None:
    """Half a document is not a document, even where the connection ends."""
    assert read(b"event: vitals\ndata: {}\n") == []


def test_a_byte_order_mark_is_not_part_of_the_first_field() -> None:
    """Some servers write one."""
    assert read(b"\xef\xbb\xbfdata: 1\n\n") == [Event("message", "1")]


def test_bytes_that_are_not_text_do_not_end_the_stream() -> None:
    """They are replaced by the replacement character."""
    assert read(b"data: \xff\n\ndata: 2\n\n") == [Event("message", "�"), Event("message", "2")]


def test_the_servers_reconnection_time_is_remembered() -> None:
    """Only digits count; any other value changes nothing."""
    parser = Parser()
    assert list(parser.feed(b"retry: 250\nretry: soon\nretry: -1\nid: 7\n\n")) == []
    assert parser.retry_ms == 250


@pytest.mark.parametrize("line", [b"data: aaaaaaaaaa\n", b"aaaaaaaaaa"])
def test_an_event_without_end_is_not_kept(line: bytes) -> None:
    """Neither an endless line nor endless lines fill the memory."""
    parser = Parser()
    with pytest.raises(EventTooLongError):
        read_all(parser, line * 1000, times=EVENT_CHARS_MAX)
