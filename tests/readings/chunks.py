"""Chunked bodies, valid or with one mistake."""

import random

from tests.readings.vocabulary import ENDS


def chunked(chance: random.Random, body: bytes) -> bytes:
    """Return a body in chunks, usually with a mistake in one of its parts."""
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
                end_of_size = chance.choice((*ENDS, b""))
            case "end of data":
                end_of_data = chance.choice((*ENDS, b"", b"XX", b"\r\n\r\n"))
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
