"""Every reader of a request reads the same request: the plain path, Sanic alone, and nginx in front.

Generated connections, the same ones each time; more of them by ``make fuzz``. What such a run has ever found is kept
here by its bytes. A request whose two readings differ hides a payment in another one, or splits one in two.
"""

import os
from collections.abc import Iterator

import pytest

from sandbox.stack.plan import balancer
from tests.integration.ingress.ingress_process import new_id
from tests.readings.answers import difference, read, talk
from tests.readings.entries import Entry, entries
from tests.readings.requests import FLUSH, case_of
from tests.readings.run import send_all
from tests.readings.vocabulary import PAYS

SEED = 1
CASES = 1_500


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Entry, ...]]:
    """All three entries; without nginx the tests are skipped, or fail where CI=true."""
    if balancer.find_nginx() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("nginx is not installed (Debian: nginx-light)")
        pytest.skip("nginx is not installed (Debian: nginx-light)")
    with entries(tmp_path_factory.mktemp("entries")) as all_three:
        yield all_three


async def test_generated_requests_are_read_alike(opened: tuple[Entry, ...]) -> None:
    """The same answers with the same ids in them, or 400; none is a fault; what was answered 202 is what is stored."""
    found = await send_all(opened, (case_of(SEED, number) for number in range(CASES)))
    assert found.passed, "\n".join(found.lines())
    for entry in opened:
        assert found.answers[entry.name]["202"] > CASES / 4, "a run that has nothing accepted finds nothing"
        assert found.answers[entry.name]["400 bad_request"] > CASES / 4
        assert "ingress.fault" not in entry.ingress.events()


BODY = b'{"correlationId": "%b", "amount": 19.9}'
LINE = b"POST /payments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n" % PAYS.encode()
CHUNKED = LINE + b"Transfer-Encoding: chunked\r\n\r\n"


def _payment(lines: bytes = b"") -> bytes:
    body = BODY % new_id().encode()
    return LINE + lines + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def _chunk(*, before: bytes = b"", after: bytes = b"\r\n", end: bytes = b"0\r\n\r\n", extension: bytes = b"") -> bytes:
    body = BODY % new_id().encode()
    return CHUNKED + before + b"%x%b\r\n%b%b%b" % (len(body), extension, body, after, end)


# What was accepted, or answered with a fault, before heads and chunks were looked at.
REFUSED = {
    "a line feed in a value": lambda: _payment(b"X-A: a\nX-B: b\r\n"),
    "a carriage return in a value": lambda: _payment(b"X-A: a\rX-B: b\r\n"),
    "a zero byte in a value": lambda: _payment(b"X-A: a\x00\r\n"),
    "a folded header": lambda: _payment(b"Expect: 100-continue\r\n folded: 1\r\n"),
    "a space before the colon": lambda: _payment(b"Content-Length : 5\r\n"),
    "a length in other digits": lambda: _payment().replace(b"Content-Length: ", b"Content-Length: \xc2\xa0"),
    "a line feed before the first line": lambda: b"\n" + _payment(),
    "a target without a path": lambda: _payment().replace(b"/payments", b"http://x"),
    "a chunk of 0x": lambda: _chunk(before=b"0x"),
    "a chunk size with spaces": lambda: _chunk(extension=b" "),
    "a chunk whose end is something else": lambda: _chunk(after=b"XX"),
    "a line feed in a chunk's extension": lambda: _chunk(extension=b";a\nb"),
    "chunks in HTTP/1.0": lambda: _chunk().replace(b"HTTP/1.1", b"HTTP/1.0"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_has_two_readings_is_refused_by_ingress_itself(opened: tuple[Entry, ...], name: str) -> None:
    """With 400, whether or not a balancer has refused it before; and the connection ends, with all that is behind."""
    wire = REFUSED[name]() + _payment() + FLUSH
    said = [await talk(entry.path, (wire,)) for entry in opened]
    for transcript in said[:2]:
        assert [(each.status, each.what) for each in transcript.verdicts] == [(400, "bad_request")]
    assert difference(said[0], said[2]) is None


@pytest.mark.parametrize("space", [b"\xa0", b"\xc2\xa0", b"\xe2\x80\x83"], ids=["latin-1", "utf-8", "em space"])
@pytest.mark.parametrize("where", ["before", "behind"])
async def test_a_key_beside_a_space_of_some_encoding_is_the_same_key_to_all(
    opened: tuple[Entry, ...], where: str, space: bytes
) -> None:
    """Whether it is taken for a space or for a part of the key, all readers take it for the same."""
    key = b"Bearer " + PAYS.encode()
    odd = space + key if where == "before" else key + space
    wire = _payment().replace(key, odd) + FLUSH
    said = [await talk(entry.path, (wire,)) for entry in opened]
    assert [difference(said[0], other) for other in said[1:]] == [None, None]


async def test_a_payment_in_chunks_is_accepted(opened: tuple[Entry, ...]) -> None:
    """By every entry; with an extension, too."""
    for extension in (b"", b";a=b"):
        wire = _chunk(extension=extension)
        for entry in opened:
            transcript = await talk(entry.path, (wire + FLUSH,))
            assert transcript.verdicts[0].status == 202


def test_a_difference_is_seen() -> None:
    """The comparison itself: another id, another status, one answer more; a refusal that closes is none."""
    accepted = b'HTTP/1.1 202 Accepted\r\ncontent-length: 23\r\n\r\n{"correlationId":"%b"}'
    refused = b'HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n{"error":"bad_request"}'
    one, other = read(accepted % b"a"), read(accepted % b"b")
    assert difference(one, one) is None
    assert difference(one, other) is not None
    assert difference(one, read(accepted % b"a" + accepted % b"b")) is not None
    assert difference(one, read(refused)) is None
    assert difference(one, read(refused.replace(b"connection: close\r\n", b""))) is not None
