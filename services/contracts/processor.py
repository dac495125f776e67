"""A processor: an outside service that charges payments for a fee."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Processor:
    """A name (one token of a subject), the base URL without a trailing slash, the fee as a share of the amount."""

    name: str
    url: str
    fee: Decimal


def by_fee(processors: Iterable[Processor]) -> tuple[Processor, ...]:
    """Return the processors, cheapest first; of equal fees the one named first. The first is the home."""
    return tuple(sorted(processors, key=lambda processor: processor.fee))


def processors_from_text(text: str) -> tuple[Processor, ...]:
    """Read ``name=url@fee,...``, cheapest first.

    Raises:
        ValueError: with a sentence that says which part is wrong.
    """
    processors = [_processor(part.strip()) for part in text.split(",") if part.strip()]
    if not processors:
        raise ValueError("names no processor; write name=url@fee, separated by commas")
    names = [processor.name for processor in processors]
    if len(set(names)) != len(names):
        raise ValueError("names a processor twice")
    return by_fee(processors)


def _processor(part: str) -> Processor:
    name, equals, rest = part.partition("=")
    url, at, fee_text = rest.rpartition("@")
    if not (equals and at):
        raise ValueError(f"has {part!r}, which is not name=url@fee")
    if not NAME.fullmatch(name):
        raise ValueError(f"has the name {name!r}; use 1 to 32 of a-z, 0-9, _ and -")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError(f"has the url {url!r} for {name}; write http://host:port")
    try:
        fee = Decimal(fee_text)
    except InvalidOperation:
        raise ValueError(f"has the fee {fee_text!r} for {name}; write a share of the amount, as 0.05") from None
    if not (fee.is_finite() and 0 <= fee < 1):
        raise ValueError(f"has the fee {fee_text} for {name}; it must be at least 0 and below 1")
    return Processor(name, url.rstrip("/"), fee)
