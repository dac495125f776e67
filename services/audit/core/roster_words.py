"""The processors as lines for people and as documents for programs."""

from collections.abc import Iterator
from typing import Any

from msgspec import to_builtins

from services.contracts.operating import listed, names_of, no_such
from services.contracts.processor import address_of
from services.contracts.roster import Entries, places
from services.contracts.stamp import text_of

PAUSED = (
    "{name} is paused: within a second running dispatchers send it nothing new. What is assigned there is still\n"
    "settled there, and no restart resumes it."
)
RESUMED = "{name} takes payments again; running dispatchers follow within a second."
STATES = {"open": "takes payments", "paused": "paused: nothing new", "closing": "closed: settles what it has"}
MOVED = "{name} is now called at {url}; running dispatchers follow within a second."
MEANS = (
    "You say that it is the same processor, with the same payments, at another address. If it is another one, then\n"
    "payments in doubt are charged there again, and the customer has paid twice. For another one, start with its URL\n"
    "in PROCESSORS instead."
)

WITHOUT_CREDENTIALS = "PROCESSOR_CREDENTIALS, as given to this command, has none for {url}: dispatchers send it none."


def lines(entries: Entries) -> Iterator[str]:
    """Yield one line for each place, the cheapest that takes payments first."""
    for place in places(entries):
        yield f"{place.generation:<24} {float(place.fee):<8.2%} {STATES[place.state]:<34} {place.url}"
        if place.pause is not None:
            since = "" if place.pause.since is None else f" since {text_of(place.pause.since)}"
            yield f"{'':<24} by {place.pause.by}{since}: {place.pause.reason}"


def documents(entries: Entries) -> Iterator[dict[str, Any]]:
    """Return the same as documents; the fee is a share of the amount."""
    return (to_builtins(listed(place)) for place in places(entries))


def unknown(entries: Entries, name: str) -> str | None:
    """Return the sentence that there is no such processor, or None if there is one."""
    names = names_of(entries)
    return None if name in names else no_such(name, names)


def refusal(entries: Entries, name: str, url: str) -> str | None:
    """Return why a processor must not be moved to a URL, or None if it may."""
    if why := unknown(entries, name):
        return why
    for place in (place for place in places(entries) if place.state != "closing"):
        if place.name != name and address_of(place.url) == address_of(url):
            return f"{url} is where {place.name} is"
        if place.name == name and place.url.startswith("https:") and not url.startswith("https:"):
            return f"{name} is called over TLS now, and {url} is in the clear; for another processor, change PROCESSORS"
    return None
