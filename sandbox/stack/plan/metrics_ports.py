"""The port of each service's metrics: in a fixed order from a first one on. Pure."""

FIRST = 9101  # of `make up`; many machines have their node exporter at 9100
NONE = 0

_ALWAYS = ("ingress-1", "ingress-2", "dispatcher-1", "ledger")


def ports(first: int, dispatchers: int, ingresses: int = 2) -> dict[str, int]:
    """Return the ports by part, further dispatchers and then ingresses last; empty where the first one is NONE."""
    if first == NONE:
        return {}
    more = (
        *(f"dispatcher-{number}" for number in range(2, dispatchers + 1)),
        *(f"ingress-{number}" for number in range(3, ingresses + 1)),
    )
    parts = (*_ALWAYS, *more)
    return {part: first + place for place, part in enumerate(parts)}
