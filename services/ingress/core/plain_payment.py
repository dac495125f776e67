"""The usual request: ``POST /payments`` as a balancer sends it, complete, and asking nothing special.

Recognized by its bytes, so that a framework need not parse it. Whatever is not certainly such a request is left to the
framework, to read and to refuse.
"""

import re
from typing import NamedTuple

from services.ingress.core.request_head import HEADERS

_FIRST_LINE = b"POST /payments HTTP/1.1\r\n"
_LENGTH = b"\r\ncontent-length:"
# Headers that change how the rest must be read or answered. One pattern: a sixth of the time of a search for each.
_SPECIAL = re.compile(
    rb"\r\n(?:tra|connection|expect|upgrade|content-encoding"  # transfer-encoding, trailer, traceparent
    rb"|cookie|origin|sec-fetch-"  # a browser's: the framework's path checks which page has sent it
    rb"|prefer|accept:[^\r]*problem\+json)"  # it may wait for the settlement, or want errors in another form
)
_TYPE = b"\r\ncontent-type:"
_AUTHORIZATION, _HOST = b"\r\nauthorization:", b"\r\nhost:"
_JSON_TYPES = (b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8")
_HEAD_BYTES_MAX = 8_192
_BODY_BYTES_MAX = 65_536
_DIGITS_MAX = 6


class PlainPayment(NamedTuple):
    """The ``body`` of the request, the total number of bytes, and two headers, None if missing."""

    body: bytes
    size: int
    authorization: str | None = None
    host: str | None = None


def read_plain_payment(received: bytearray) -> PlainPayment | None:
    """Return the request at the beginning of ``received``, if it is complete and plain."""
    if not received.startswith(_FIRST_LINE):
        return None
    end = received.find(b"\r\n\r\n", 0, _HEAD_BYTES_MAX)
    if end < 0:
        return None
    written = bytes(received[len(_FIRST_LINE) - 2 : end])
    head = written.lower()
    _, found, after = head.partition(_LENGTH)
    if not found or _LENGTH in after or _SPECIAL.search(head) is not None:
        return None
    if head.count(_AUTHORIZATION) > 1 or head.count(_HOST) > 1:
        return None
    # Beyond ASCII it depends on an encoding what a value is, and what counts as a space at its end.
    if HEADERS.fullmatch(head) is None or not head.isascii():
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
    body = bytes(received[begin : begin + length])
    authorization, host = _value(head, written, _AUTHORIZATION), _value(head, written, _HOST)
    return PlainPayment(body, begin + length, authorization, host)


def _value(head: bytes, written: bytes, name: bytes) -> str | None:
    """Return a header's value as it was ``written``; ``head`` is the same in lower case."""
    place = head.find(name)
    if place < 0:
        return None
    begin = place + len(name)
    stop = written.find(b"\r\n", begin)
    return (written[begin:] if stop < 0 else written[begin:stop]).decode("ascii").strip()
