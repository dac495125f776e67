"""Event streams, as the HTML standard has them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarifa.client.sse import EVENT_CHARS_MAX, Event, EventTooLongError, Parser

# Names and data as a server could send them: without line ends in them.
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
    """Neither the cuts, between the bytes of a character or of a line end, nor the kind of line end matter."""
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
    """And none need be there."""
    assert read(b"data:  two\ndata:none\ndata\n\n") == [Event("message", " two\nnone\n")]


def test_what_has_no_data_is_no_event() -> None:
    """A name alone is forgotten at the empty line, and does not name the next event."""
    assert read(b"event: vitals\n\ndata: 1\n\n") == [Event("message", "1")]


def test_an_event_that_is_not_finished_is_not_given_out() -> None:
    """Half a document is none, even where the connection ends."""
    assert read(b"event: vitals\ndata: {}\n") == []


def test_a_byte_order_mark_is_not_part_of_the_first_field() -> None:
    """Some servers write one."""
    assert read(b"\xef\xbb\xbfdata: 1\n\n") == [Event("message", "1")]


def test_bytes_that_are_no_text_do_not_end_the_stream() -> None:
    """They are shown as what they are: unreadable."""
    assert read(b"data: \xff\n\ndata: 2\n\n") == [Event("message", "�"), Event("message", "2")]


def test_the_servers_pause_is_remembered() -> None:
    """Only digits count; anything else leaves it as it was."""
    parser = Parser()
    assert list(parser.feed(b"retry: 250\nretry: soon\nretry: -1\nid: 7\n\n")) == []
    assert parser.retry_ms == 250


@pytest.mark.parametrize("line", [b"data: aaaaaaaaaa\n", b"aaaaaaaaaa"])
def test_an_event_without_end_is_not_kept(line: bytes) -> None:
    """Neither one endless line nor endless lines fill the memory."""
    parser = Parser()
    with pytest.raises(EventTooLongError):
        read_all(parser, line * 1000, times=EVENT_CHARS_MAX)
