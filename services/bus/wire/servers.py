"""NATS_URL: one server or several of one cluster. Pure."""

from urllib.parse import urlsplit

_SCHEMES = ("nats", "tls")
_FORM = "must be nats://host:port, or several separated by commas"


def servers_from_text(text: str) -> tuple[str, ...]:
    """Read ``nats://a:4222``, or several: ``nats://a:4222,nats://b:4222``, ``nats://a:4222,b:4222``.

    A server without a scheme has that of the first.

    Raises:
        ValueError: with a sentence.
    """
    scheme = text.strip().partition("://")[0]
    servers = tuple(_server(each.strip(), scheme, text) for each in text.split(","))
    if len(set(servers)) < len(servers):
        raise ValueError(f"names a server twice: {text!r}")
    return servers


def _server(written: str, scheme: str, text: str) -> str:
    url = written if "://" in written else f"{scheme}://{written}"
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.scheme not in _SCHEMES or parts.path.strip("/"):
        raise ValueError(f"{_FORM}, not {text!r}")
    if parts.scheme != scheme:
        raise ValueError(f"must have one scheme for all its servers, not {text!r}")
    return url
