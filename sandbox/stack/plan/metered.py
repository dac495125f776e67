"""Where each service of a stack is measured: a port for each, in a fixed order from a first one on. Pure."""

FIRST = 9101  # of `make up`; 9100 is where many machines have their node exporter
NONE = 0

_ALWAYS = ("ingress-1", "ingress-2", "dispatcher-1", "ledger")


def ports(first: int, dispatchers: int, ingresses: int = 2) -> dict[str, int]:
    """Return the ports by part, further dispatchers and then ingresses last; none where the first one is NONE."""
    if first == NONE:
        return {}
    more = (
        *(f"dispatcher-{number}" for number in range(2, dispatchers + 1)),
        *(f"ingress-{number}" for number in range(3, ingresses + 1)),
    )
    parts = (*_ALWAYS, *more)
    return {part: first + place for place, part in enumerate(parts)}
