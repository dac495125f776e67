"""The request that nearly all are: ``POST /payments`` as a balancer sends it, whole, and asking nothing special.

Told apart by its bytes, so that it need not be taken apart by a framework. Whatever is not certainly such a request is
none, and is the framework's to read and to refuse.
"""

import re
from typing import NamedTuple

_FIRST_LINE = b"POST /payments HTTP/1.1\r\n"
_LENGTH = b"\r\ncontent-length:"
# Headers that change how the rest is to be read or answered.
_SPECIAL = (
    *(b"\r\ntransfer-encoding", b"\r\nconnection", b"\r\nexpect", b"\r\nupgrade"),
    b"\r\ncontent-encoding",
)
_TYPE = b"\r\ncontent-type:"
_JSON_TYPES = (b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8")
# Names are tokens (RFC 9110, 5.6.2), here in lower case; no line is folded.
_HEADERS = re.compile(rb"(?:\r\n[!#$%&'*+.^_`|~0-9a-z-]+:[^\r\n\0]*)+")
_HEAD_BYTES_MAX = 8_192
_BODY_BYTES_MAX = 65_536
_DIGITS_MAX = 6


class PlainPayment(NamedTuple):
    """``body`` of the request, and of how many bytes all of it consists."""

    body: bytes
    size: int


def read_plain_payment(received: bytearray) -> PlainPayment | None:
    """Return the request with which ``received`` begins, if it is all there and plain."""
    if not received.startswith(_FIRST_LINE):
        return None
    end = received.find(b"\r\n\r\n", 0, _HEAD_BYTES_MAX)
    if end < 0:
        return None
    head = bytes(received[len(_FIRST_LINE) - 2 : end]).lower()
    _, found, after = head.partition(_LENGTH)
    if not found or _LENGTH in after or any(name in head for name in _SPECIAL):
        return None
    if _HEADERS.fullmatch(head) is None:
        return None
    _, typed, kind = head.partition(_TYPE)
    if typed and (kind.partition(b"\r\n")[0].strip() not in _JSON_TYPES or _TYPE in kind):
        return None
    digits = after.partition(b"\r\n")[0].strip()
    if not digits.isdigit() or len(digits) > _DIGITS_MAX or (length := int(digits)) > _BODY_BYTES_MAX:
        return None
    begin = end + 4
    if len(received) < begin + length:
        return None
    return PlainPayment(bytes(received[begin : begin + length]), begin + length)
