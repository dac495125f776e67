"""The slug of an error as a type of problem (RFC 9457): where it is described, and its title."""

_UPPER = {"http", "https", "json", "nats", "uri"}


def type_of(slug: str) -> str:
    """Return the reference of the section about it, relative to the service, whose public name is not known here."""
    return f"/docs#{slug}"


def title_of(slug: str) -> str:
    """Return the slug in words, the same whatever the detail is."""
    words = " ".join(word.upper() if word in _UPPER else word for word in slug.split("_"))
    return words[0].upper() + words[1:]
