"""Generated requests, wrong in one or two ways that HTTP parsers interpret differently.

A seed and a number always give the same case. Its requests are followed by `FLUSH`, which completes the body or head of
a parser that expects more than was sent, and makes each connection end, so that nothing waits for a timeout.
"""

import json
import random
import uuid
from dataclasses import dataclass

from tests.readings.chunks import chunked
from tests.readings.vocabulary import ENCODINGS, ENDS, KEY, METHODS, NAMES, ODD_HEADERS, SPACES, TARGETS, VERSIONS

_PROBE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
_LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
# Longer than any length here is wrong by; what is left over is not HTTP, or is the last request.
FLUSH = _PROBE * 12 + _LAST
_PLAIN_SHARE = 0.25  # of the cases in which nothing is wrong
_SECOND_SHARE = 0.3  # of the requests that are wrong in two ways
_PIECES_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Case:
    """A case; ``pieces`` are sent one after the other and end with `FLUSH`."""

    number: int
    pieces: tuple[bytes, ...]

    @property
    def wire(self) -> bytes:
        """All its bytes, without `FLUSH`."""
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
    """A request under construction; each method in `_WRONG` makes one part wrong."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.method, self.target, self.version = b"POST", b"/payments", b"HTTP/1.1"
        self.before, self.first_end, self.end, self.blank = b"", b"\r\n", b"\r\n", b"\r\n"
        self.body = _payment(chance)
        self.headers = [b"Host: x", b"Content-Type: application/json", KEY]
        self.framing = [b"Content-Length: %d" % len(self.body)]
        self.framed: bytes | None = None  # the body as sent, where that differs from the body

    def wire(self) -> bytes:
        """Return the bytes to send."""
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
        """Use another method, target or version, or an invalid line end."""
        match self.chance.randrange(5):
            case 0:
                self.method = self.chance.choice(METHODS)
            case 1 | 2:
                self.target = self.chance.choice(TARGETS)
            case 3:
                self.version = self.chance.choice(VERSIONS)
            case _:
                self.first_end = self.chance.choice(ENDS)

    def line_ends(self) -> None:
        """Use line ends that only some parsers accept, or put something before the first line."""
        match self.chance.randrange(4):
            case 0:
                self.end = self.chance.choice(ENDS)
            case 1:
                self.blank = self.chance.choice((*ENDS, b"", b" \r\n\r\n"))
            case 2:
                self.before = self.chance.choice((b"\r\n", b"\n", b"\r\n\r\n", b" ", b"\x00", b"\xef\xbb\xbf"))
            case _:
                self.end = self.blank = self.first_end = b"\n"

    def length(self) -> None:
        """Use a wrong length, or one in a form that parsers read differently."""
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
        self.framing = [self.chance.choice(NAMES) + b": " + self.chance.choice(values)]

    def two_lengths(self) -> None:
        """Use two lengths, equal or not; or a length and an encoding; or none."""
        size = len(self._sent())
        right = b"Content-Length: %d" % size
        other = b"Content-Length: %d" % (size + self.chance.choice((1, -1, 40, -size)))
        encoded = b"Transfer-Encoding: " + self.chance.choice(ENCODINGS)
        self.framing = list(self.chance.choice(((right, right), (right, other), (other, right), (right, encoded), ())))
        if encoded in self.framing and self.chance.random() < 0.5:
            self.framed = chunked(self.chance, self.body)
            self.framing = [
                b"Content-Length: %d" % self.chance.choice((len(self.framed), len(self.body), 0, 3)),
                encoded,
            ]

    def chunks(self) -> None:
        """Use a chunked body, usually with a mistake."""
        self.framing = [
            b"Transfer-Encoding: " + (b"chunked" if self.chance.random() < 0.7 else self.chance.choice(ENCODINGS))
        ]
        if self.chance.random() < 0.1:
            self.framing.append(b"Transfer-Encoding: " + self.chance.choice(ENCODINGS))
        self.framed = chunked(self.chance, self.body)

    def header(self) -> None:
        """Add one or two odd headers, with names or values that may be invalid; perhaps remove one."""
        if self.chance.random() < 0.1:
            self.headers.pop(self.chance.randrange(3))
        for _ in range(self.chance.choice((1, 1, 1, 2))):
            self.headers.append(self.chance.choice(ODD_HEADERS))

    def content(self) -> None:
        """Use a body that is no payment, is too large, or looks like a request."""
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
    """Return a header in another letter case, or with other spaces around its value."""
    name, colon, value = line.partition(b":")
    match chance.randrange(12):
        case 0:
            name = name.lower()
        case 1:
            name = name.upper()
        case 2:
            value = chance.choice(SPACES) + value.strip(b" ")
        case 3:
            value += chance.choice(SPACES)
    return name + colon + value
