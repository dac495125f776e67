"""The W3C header ``traceparent`` (Trace Context): which request, of which trace, a payment belongs to.

Read as the specification says: what is not valid counts as absent, without an error. A version that is not known
here is read as far as version 00 goes, and passed on as version 00. ``tracestate`` is not kept.
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated

from msgspec import Meta

NAME = "traceparent"
PATTERN = r"^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$(?!\n)"

Traceparent = Annotated[str, Meta(pattern=PATTERN, description="version 00 of the W3C header traceparent")]
SpanId = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$(?!\n)", description="8 bytes, not all zero")]

_HEADER = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_NO_VERSION, _KNOWN_VERSION = "ff", "00"
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_SAMPLED, _RANDOM = 1, 2  # the flags that are defined; others are not passed on


def read_traceparent(values: Sequence[str]) -> str | None:
    """Return the header in its one form of version 00; None where it is not there once, or is not valid.

    ``values``: one for each time that the header is there.
    """
    if len(values) != 1 or (found := _HEADER.fullmatch(values[0].strip(" \t"))) is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == _NO_VERSION or (version == _KNOWN_VERSION and more is not None):
        return None
    if trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return f"00-{trace_id}-{span_id}-{int(flags, 16) & (_SAMPLED | _RANDOM):02x}"


def child_of(traceparent: str, span_id: str) -> str:
    """Return what is sent on by a span of the same trace, flags included."""
    return f"{traceparent[:36]}{span_id}{traceparent[52:]}"


def trace_id_of(traceparent: str) -> str:
    """Return the trace, 32 hexadecimal digits."""
    return traceparent[3:35]


def span_id_of(traceparent: str) -> str:
    """Return the span that sent it, 16 hexadecimal digits."""
    return traceparent[36:52]


def is_sampled(traceparent: str) -> bool:
    """Return whether the sender records the trace; where not, nobody could put a span of ours anywhere."""
    return bool(int(traceparent[53:], 16) & _SAMPLED)


def payment_span_id(traceparent: str, payment_id: str) -> str:
    """Return the id of a payment's own span: the same each time, so that one exported twice is one."""
    return sha256(f"{traceparent} {payment_id}".encode()).hexdigest()[:16]
