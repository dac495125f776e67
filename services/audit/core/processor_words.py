"""The processors as lines for people and as documents for programs."""

from collections.abc import Iterator
from typing import Any

from msgspec import to_builtins

from services.contracts.operating import listed, names_of, no_such
from services.contracts.processor import address_of
from services.contracts.processor_entry import Entries, generations_in
from services.contracts.stamp import text_of

PAUSED = (
    "{name} is paused: within a second running dispatchers send it no new payments. Payments assigned\n"
    "there are still settled there, and no restart resumes it."
)
RESUMED = "{name} takes payments again; running dispatchers follow within a second."
STATES = {"open": "takes payments", "paused": "paused: nothing new", "closing": "closed: settles what it has"}
MOVED = "{name} is now called at {url}; running dispatchers follow within a second."
MEANS = (
    "You confirm that it is the same processor, with the same payments, at another address. If it is another one,\n"
    "payments in doubt are charged there again, and the customer has paid twice. For another one, start with its URL\n"
    "in PROCESSORS instead."
)

WITHOUT_CREDENTIALS = "PROCESSOR_CREDENTIALS, as given to this command, has none for {url}: dispatchers send it none."


def lines(entries: Entries) -> Iterator[str]:
    """Yield one line for each generation, the cheapest that takes payments first."""
    for each in generations_in(entries):
        yield f"{each.generation:<24} {float(each.fee):<8.2%} {STATES[each.state]:<34} {each.url}"
        if each.pause is not None:
            since = "" if each.pause.since is None else f" since {text_of(each.pause.since)}"
            yield f"{'':<24} by {each.pause.by}{since}: {each.pause.reason}"


def documents(entries: Entries) -> Iterator[dict[str, Any]]:
    """Return the same as documents; the fee is a share of the amount."""
    return (to_builtins(listed(each)) for each in generations_in(entries))


def unknown(entries: Entries, name: str) -> str | None:
    """Return the sentence that there is no such processor, or None if there is one."""
    names = names_of(entries)
    return None if name in names else no_such(name, names)


def refusal(entries: Entries, name: str, url: str) -> str | None:
    """Return why a processor must not be moved to a URL, or None if it may."""
    if why := unknown(entries, name):
        return why
    for each in (each for each in generations_in(entries) if each.state != "closing"):
        if each.name != name and address_of(each.url) == address_of(url):
            return f"{each.name} has the URL {url}"
        if each.name == name and each.url.startswith("https:") and not url.startswith("https:"):
            return f"{name} is called over TLS now, and {url} is unencrypted; for another processor, change PROCESSORS"
    return None
