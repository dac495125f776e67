"""A processor: an outside service that charges payments for a fee."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
DEFAULT_PORTS = {"http": 80, "https": 443}


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
    servers: dict[str, str] = {}
    for processor in processors:
        other = servers.setdefault(address_of(processor.url), processor.name)
        if other != processor.name:
            raise ValueError(f"has one url for {other} and {processor.name}: {processor.url}")
    return by_fee(processors)


def address_of(url: str) -> str:
    """Return what all spellings of one url have in common; paths keep their case, as servers do."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or DEFAULT_PORTS[parts.scheme]}{parts.path.rstrip('/')}"


def _processor(part: str) -> Processor:
    name, equals, rest = part.partition("=")
    url, at, fee_text = rest.rpartition("@")
    if not (equals and at):
        raise ValueError(f"has {part!r}, which is not name=url@fee")
    if not NAME.fullmatch(name):
        raise ValueError(f"has the name {name!r}; use 1 to 32 of a-z, 0-9, _ and -")
    check_url(name, url)
    try:
        fee = Decimal(fee_text)
    except InvalidOperation:
        raise ValueError(f"has the fee {fee_text!r} for {name}; write a share of the amount, as 0.05") from None
    if not (fee.is_finite() and 0 <= fee < 1):
        raise ValueError(f"has the fee {fee_text} for {name}; it must be at least 0 and below 1")
    return Processor(name, url.rstrip("/"), fee)


def check_url(name: str, url: str) -> None:
    """Check the base URL of a processor.

    Raises:
        ValueError: with a sentence that says what is wrong.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that hold no IPv6 address
        raise ValueError(f"has the url {url!r} for {name}; write http://host:port") from None
    if "@" in parts.netloc:
        # Not repeated here: what is refused is logged.
        raise ValueError(f"has credentials in the url for {name}; leave them out, they are not sent")
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or any(sign.isspace() for sign in url):
        raise ValueError(f"has the url {url!r} for {name}; write http://host:port")
    if "?" in url or "#" in url:
        raise ValueError(f"has the url {url!r} for {name}; leave out what begins with ? or #")
    try:
        port = parts.port
    except ValueError:  # not a number, or above the last
        port = 0
    if port == 0:
        raise ValueError(f"has the url {url!r} for {name}; its port must be 1 to 65535")
