"""Whether the head of a request can be read in one way only, by us and by what passed it on.

Readers of HTTP differ in what they tolerate: a bare line feed, a folded line, a space before a colon, two lengths. If
one reads as a body what the other reads as the next request, a payment can be hidden in another. So nothing is
tolerated here.
"""

import re

# Names are tokens (RFC 9110, 5.6.2), values have no control characters but tabs; no line is folded.
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
HEADERS = re.compile(rb"(?:\r\n" + _TOKEN + rb":[\t\x20-\x7e\x80-\xff]*)*")

_FIRST_LINE = re.compile(_TOKEN + rb" [\x21-\x7e]+ HTTP/1\.([01])")
# The headers that determine where the body ends: at most one of them, and once.
_FRAMING = re.compile(rb"\r\n(content-length|transfer-encoding):[\t ]*([^\r]*)", re.IGNORECASE)
_HOST = re.compile(rb"\r\nhost:", re.IGNORECASE)
_LENGTH = re.compile(rb"[0-9]{1,18}[\t ]*")
_CHUNKED = re.compile(rb"chunked", re.IGNORECASE)
# The size of a chunk with the line end of what was before it; extensions are allowed, and are not read.
_CHUNK_SIZE = re.compile(rb"\r\n[0-9A-Fa-f]{1,8}(?:;[\t\x20-\x7e\x80-\xff]*)?")


def head_refused(head: bytes) -> str | None:
    """Return as a sentence why a head, without the empty line at its end, is not a valid request; None: it is."""
    line, _, _ = head.partition(b"\r\n")
    first = _FIRST_LINE.fullmatch(line)
    if first is None:
        return "the first line must be a method, a target and HTTP/1.1 or HTTP/1.0, with one space between them"
    if HEADERS.fullmatch(head, len(line)) is None:
        return "headers must be a name, a colon and a value on a line of its own that ends with CR LF"
    if len(_HOST.findall(head, len(line))) > 1:
        return "Host must be there once"
    framing = _FRAMING.findall(head, len(line))
    if len(framing) > 1:
        return "Content-Length or Transfer-Encoding must be there once, and not both"
    for name, value in framing:
        if name.lower() == b"content-length":
            if _LENGTH.fullmatch(value) is None:
                return "Content-Length: must be a number"
        elif _CHUNKED.fullmatch(value) is None or first[1] == b"0":
            return "Transfer-Encoding: must be chunked, in HTTP/1.1"
    return None


def chunk_refused(line: bytes) -> str | None:
    """Return why the line before a chunk, from the end of the previous line, is not a valid size; None: it is."""
    if _CHUNK_SIZE.fullmatch(line) is None:
        return "a chunk must end with CR LF, and begin with its size on a line of its own that is not long"
    return None
