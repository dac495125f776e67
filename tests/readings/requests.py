"""What a connection is sent: requests made wrong in one or two ways of which readers make different things.

A seed and a number make a case, and the same ones always the same. After its requests comes `FLUSH`, which ends the
wait of a reader that takes more for the body or the head than was sent, and has each connection end: nobody waits for a
timeout.
"""

import json
import random
import uuid
from dataclasses import dataclass

# Two secrets of the doors' keys: who has the one may pay, who has the other may only read.
PAYS, READS = "tarifa_pays", "tarifa_reads"

_PROBE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
_LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
# More than any length here is wrong by; what is left over is not HTTP, or is the last request.
FLUSH = _PROBE * 12 + _LAST

_PLAIN_SHARE = 0.25  # of the cases in which nothing is wrong
_SECOND_SHARE = 0.3  # of the requests that are wrong in two ways
_PIECES_SHARE = 0.2

_METHODS = (
    b"GET",
    b"PUT",
    b"HEAD",
    b"DELETE",
    b"OPTIONS",
    b"BREW",
    b"post",
    b"Post",
    b"POST ",
    b" POST",
    b"PO\tST",
    b"",
)
_TARGETS = (
    *(b"/payments?x=1", b"/payments/", b"//payments", b"/payments//", b"/./payments", b"/healthz/../payments"),
    *(b"/%70ayments", b"/payments%2f", b"/payments%00", b"/payments\x00", b"/payments#x", b"/Payments", b"/payments;x"),
    *(b"http://x/payments", b"http://x:80/payments", b"HTTP://x/payments", b"https://x/payments", b"//x/payments"),
    *(
        b"http://x",
        b"http:///payments",
        b"x:80",
        b"*",
        b"payments",
        b"",
        b"/pay ments",
        b"/payments\t",
        b"/payments\xe9",
    ),
    *(b"/healthz", b"/nowhere", b"/purge-payments", b"/payments-summary?from=yesterday", b"/payments/x"),
    *(b"/payments/4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3", b"/payments?" + b"x" * 300, b"/payments\\", b"/..//payments"),
)
_VERSIONS = (
    b"HTTP/1.0",
    b"HTTP/1.2",
    b"HTTP/2.0",
    b"HTTP/0.9",
    b"HTTP/1.1 ",
    b"http/1.1",
    b"HTTP/1.1\t",
    b"HTTP/01.1",
    b"",
)
_ENDS = (b"\n", b"\r", b"\r\r\n", b"\n\r\n", b" \r\n", b"\x00\r\n", b"\x0b\r\n")
_SPACES = (b"", b"  ", b"\t", b" \t ", b"\x0b", b"\xa0", b"\x00")
_ENCODINGS = (
    *(b"chunked", b"Chunked", b"CHUNKED", b"chunked ", b"\tchunked", b"chunked,", b"chunked, chunked", b"identity"),
    *(
        b"gzip, chunked",
        b"chunked, identity",
        b"xchunked",
        b'"chunked"',
        b"chunked;q=1",
        b"\x0bchunked",
        b"chunked\x00",
        b"",
    ),
)
_NAMES = (
    b"Content-Length",
    b"content-length",
    b"CONTENT-LENGTH",
    b"Content_Length",
    b"Content-Length\t",
    b"Content-Length ",
)
_KEY = b"Authorization: Bearer " + PAYS.encode()
_ODD_HEADERS = (
    *(
        _KEY,
        _KEY + b", " + PAYS.encode(),
        _KEY + b"\xa0",
        b"Authorization: Bearer " + READS.encode(),
        b"Authorization:",
    ),
    *(b"Authorization: bearer  " + PAYS.encode(), b"Authorization: Basic eDp4", b"Cookie: tarifa_key=" + PAYS.encode()),
    *(
        b"Origin: http://x",
        b"Origin: http://y",
        b"Origin: null",
        b"Sec-Fetch-Site: cross-site",
        b"Sec-Fetch-Site: none",
    ),
    *(
        b"X-A:",
        b"X-A: \xff\xfe",
        b"x_under: 1",
        b"X-A: a\x00b",
        b"X-A: a\nX-B: b",
        b"X-A: a\rX-B: b",
        b": none",
        b"no colon",
    ),
    *(
        b" folded: 1",
        b"\tfolded",
        b"X A: 1",
        b"X-\xe9: 1",
        b"X-A : 1",
        b"X(A): 1",
        b"X-A: " + b"y" * 3000,
        b"Host: y",
        b"Host:",
    ),
    *(b"Connection: close", b"Connection: keep-alive", b"Connection: X-A", b"Connection: close, X-A", b"Keep-Alive: 5"),
    *(b"Expect: 100-continue", b"Expect: 100-Continue", b"Upgrade: websocket", b"Upgrade: h2c", b"TE: trailers"),
    *(b"Content-Type: application/json", b"Content-Type: text/plain", b"Content-Type: application/json;charset=utf-8"),
    *(
        b"Content-Type:",
        b"Content-Encoding: gzip",
        b"Content-Encoding: identity",
        b"Trailer: X-A",
        b"X-Forwarded-For: 1.2.3.4",
    ),
    *(b"X-A: a\nContent-Length: 5", b"X-A: a\nTransfer-Encoding: chunked", b"X-A: a\r Content-Length: 5"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """``pieces`` are written one after the other; they end with `FLUSH`."""

    number: int
    pieces: tuple[bytes, ...]

    @property
    def wire(self) -> bytes:
        """All of it, without `FLUSH`."""
        return b"".join(self.pieces).removesuffix(FLUSH)


def case_of(seed: int, number: int) -> Case:
    """Return the case with this number."""
    chance = random.Random(f"{seed}/{number}")  # noqa: S311  # not a secret
    wire = b"".join(_request(chance, wrong=0) for _ in range(chance.choice((0, 0, 0, 1))))
    wire += _request(chance, wrong=_how_wrong(chance))
    wire += b"".join(_request(chance, wrong=0) for _ in range(chance.choice((0, 0, 1))))
    return Case(number, _in_pieces(chance, wire + FLUSH))


def _how_wrong(chance: random.Random) -> int:
    if chance.random() < _PLAIN_SHARE:
        return 0
    return 2 if chance.random() < _SECOND_SHARE else 1


def _in_pieces(chance: random.Random, wire: bytes) -> tuple[bytes, ...]:
    if chance.random() > _PIECES_SHARE:
        return (wire,)
    cuts = sorted(chance.sample(range(1, len(wire)), k=min(4, len(wire) - 1)))
    return tuple(wire[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(wire)], strict=True))


class _Draft:
    """A request that is still to be put together; each method of `_WRONG` spoils a part."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.method, self.target, self.version = b"POST", b"/payments", b"HTTP/1.1"
        self.before, self.first_end, self.end, self.blank = b"", b"\r\n", b"\r\n", b"\r\n"
        self.body = _payment(chance)
        self.headers = [b"Host: x", b"Content-Type: application/json", _KEY]
        self.framing = [b"Content-Length: %d" % len(self.body)]
        self.framed: bytes | None = None  # the body as it is sent, where it is not the body itself

    def wire(self) -> bytes:
        """Return it as it is sent."""
        lines = self.headers + self.framing
        self.chance.shuffle(lines)
        lines = [_spelt(self.chance, line) for line in lines]
        head = b" ".join(
            part for part in (self.method, self.target, self.version) if part or self.chance.random() < 0.5
        )
        fields = b"".join(line + self.end for line in lines)
        return b"".join((self.before, head, self.first_end, fields, self.blank, self._sent()))

    def _sent(self) -> bytes:
        return self.body if self.framed is None else self.framed

    def first_line(self) -> None:
        """Another method, target or version, or an end of the line that is none."""
        match self.chance.randrange(5):
            case 0:
                self.method = self.chance.choice(_METHODS)
            case 1 | 2:
                self.target = self.chance.choice(_TARGETS)
            case 3:
                self.version = self.chance.choice(_VERSIONS)
            case _:
                self.first_end = self.chance.choice(_ENDS)

    def line_ends(self) -> None:
        """Ends of lines that some take for ends, and some do not; something before the first line."""
        match self.chance.randrange(4):
            case 0:
                self.end = self.chance.choice(_ENDS)
            case 1:
                self.blank = self.chance.choice((*_ENDS, b"", b" \r\n\r\n"))
            case 2:
                self.before = self.chance.choice((b"\r\n", b"\n", b"\r\n\r\n", b" ", b"\x00", b"\xef\xbb\xbf"))
            case _:
                self.end = self.blank = self.first_end = b"\n"

    def length(self) -> None:
        """A length that is wrong, or is spelt so that not everybody reads it alike."""
        right = len(self._sent())
        by = self.chance.choice((1, 2, 40, min(right, 100)))
        values = (
            *(
                b"%d" % (right + by),
                b"%d" % max(0, right - by),
                b"+%d" % right,
                b"-%d" % right,
                b"0%d" % right,
                b"0x%x" % right,
            ),
            *(
                b"%d, %d" % (right, right),
                b"%d,%d" % (right, right + by),
                b"%d " % right,
                b"%d_%d" % (right // 10, right % 10),
                b"",
                b"ten",
            ),
            *(b"%d" % (right + 2**32), b"%d" % (right + 2**64), b"%d.0" % right, b"%d\x00" % right, b"%d;" % right),
            *("".join(chr(0x660 + int(digit)) for digit in str(right)).encode(), b"\x0b%d" % right, b"\xa0%d" % right),
        )
        self.framing = [self.chance.choice(_NAMES) + b": " + self.chance.choice(values)]

    def two_lengths(self) -> None:
        """Two, alike or not; or one and an encoding; or none."""
        size = len(self._sent())
        right = b"Content-Length: %d" % size
        other = b"Content-Length: %d" % (size + self.chance.choice((1, -1, 40, -size)))
        encoded = b"Transfer-Encoding: " + self.chance.choice(_ENCODINGS)
        self.framing = list(self.chance.choice(((right, right), (right, other), (other, right), (right, encoded), ())))
        if encoded in self.framing and self.chance.random() < 0.5:
            self.framed = _chunked(self.chance, self.body)
            self.framing = [
                b"Content-Length: %d" % self.chance.choice((len(self.framed), len(self.body), 0, 3)),
                encoded,
            ]

    def chunks(self) -> None:
        """A chunked body, mostly with something wrong about it."""
        self.framing = [
            b"Transfer-Encoding: " + (b"chunked" if self.chance.random() < 0.7 else self.chance.choice(_ENCODINGS))
        ]
        if self.chance.random() < 0.1:
            self.framing.append(b"Transfer-Encoding: " + self.chance.choice(_ENCODINGS))
        self.framed = _chunked(self.chance, self.body)

    def header(self) -> None:
        """One more header, or two, or a name or value that is none; or one less."""
        if self.chance.random() < 0.1:
            self.headers.pop(self.chance.randrange(3))
        for _ in range(self.chance.choice((1, 1, 1, 2))):
            self.headers.append(self.chance.choice(_ODD_HEADERS))

    def content(self) -> None:
        """A body that is no payment, is too large, or looks like a request, with or without the length of it."""
        inner = _request(self.chance, wrong=0)
        self.body = self.chance.choice(
            (
                b"",
                b"{}",
                b"[",
                b"\xff",
                b"0\r\n\r\n" + inner,
                inner,
                self.body + inner,
                b" " * 5000 + self.body,
                b"\r\n" + self.body,
            )
        )
        self.framing, self.framed = [b"Content-Length: %d" % len(self.body)], None
        if self.chance.random() < 0.2:
            self.method = b"GET"
        if self.chance.random() < 0.2:
            self.target = b"/nowhere"


_WRONG = (
    *(_Draft.first_line, _Draft.line_ends, _Draft.length, _Draft.length, _Draft.two_lengths, _Draft.two_lengths),
    *(_Draft.chunks, _Draft.chunks, _Draft.header, _Draft.header, _Draft.content),
)


def _request(chance: random.Random, *, wrong: int) -> bytes:
    draft = _Draft(chance)
    for _ in range(wrong):
        chance.choice(_WRONG)(draft)
    return draft.wire()


def _payment(chance: random.Random) -> bytes:
    payment_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    return json.dumps({"correlationId": payment_id, "amount": chance.randrange(1, 10_000) / 100}).encode()


def _spelt(chance: random.Random, line: bytes) -> bytes:
    """Return a header in another case, or with other spaces around its value."""
    name, colon, value = line.partition(b":")
    match chance.randrange(12):
        case 0:
            name = name.lower()
        case 1:
            name = name.upper()
        case 2:
            value = chance.choice(_SPACES) + value.strip(b" ")
        case 3:
            value += chance.choice(_SPACES)
    return name + colon + value


def _chunked(chance: random.Random, body: bytes) -> bytes:
    """Return a body in chunks, more often than not with a mistake in one of its parts."""
    at = chance.randrange(len(body) + 1)
    parts = [part for part in (body[:at], body[at:]) if part]
    wrong = chance.choice(("", "", "size", "extension", "end of size", "end of data", "last", "trailer", "more"))
    wire = b""
    for part in parts:
        size, extension, end_of_size, end_of_data = b"%x" % len(part), b"", b"\r\n", b"\r\n"
        match wrong:
            case "size":
                size = chance.choice(
                    (
                        *(
                            b"0x" + size,
                            b"+" + size,
                            b" " + size,
                            size + b" ",
                            b"0" * 8 + size,
                            b"0" * 70 + size,
                            size.upper(),
                            b"-1",
                        ),
                        *(
                            b"%x" % (len(part) + 2**64),
                            b"%x" % (len(part) + 1),
                            b"%x" % (len(part) - 1),
                            b"",
                            b"g",
                            size + b"_0",
                        ),
                    )
                )
            case "extension":
                extension = chance.choice(
                    (
                        b";",
                        b";a=b",
                        b" ;a",
                        b";a\n",
                        b";a\nb",
                        b";a\r",
                        b';a="\r\n"',
                        b";" + b"x" * 100,
                        b";\x00",
                        b"; a = b",
                        b",",
                        b" x",
                    )
                )
            case "end of size":
                end_of_size = chance.choice((*_ENDS, b""))
            case "end of data":
                end_of_data = chance.choice((*_ENDS, b"", b"XX", b"\r\n\r\n"))
        wire += size + extension + end_of_size + part + end_of_data
    last = (
        chance.choice((b"0\n\n", b"0\r\n", b"", b"00\r\n\r\n", b"0 \r\n\r\n", b"0;a\r\n\r\n", b"\r\n0\r\n\r\n"))
        if wrong == "last"
        else b"0\r\n\r\n"
    )
    if wrong == "trailer":
        last = chance.choice(
            (
                b"0\r\nX-A: b\r\n\r\n",
                b"0\r\nContent-Length: 5\r\n\r\n",
                b"0\r\n X\r\n\r\n",
                b"0\r\nGET / HTTP/1.1\r\n\r\n",
            )
        )
    if wrong == "more":
        last += chance.choice((b"\r\n", b"\n", b"0\r\n\r\n", b"\x00"))
    return wire + last
