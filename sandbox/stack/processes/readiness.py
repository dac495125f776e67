"""Whether a payment would be accepted and counted: each instance is asked directly, then the balancer."""

import ssl
from collections.abc import Mapping
from pathlib import Path

import httpx

# An instance asks NATS before it answers; one that takes longer than this is not ready.
_TIMEOUT_S = 2.0


class Readiness:
    """Asks ``/readyz`` at every address."""

    def __init__(self, http_url: str, sockets: Mapping[str, Path], tls: ssl.SSLContext | None = None) -> None:
        self._clients = {
            name: httpx.Client(
                base_url="http://ingress", transport=httpx.HTTPTransport(uds=str(path)), timeout=_TIMEOUT_S
            )
            for name, path in sockets.items()
        }
        self._clients[http_url] = httpx.Client(
            base_url=http_url, trust_env=False, timeout=_TIMEOUT_S, verify=tls or True
        )

    def unready(self) -> list[str]:
        """Return the addresses that are not ready."""
        return [name for name, client in self._clients.items() if not _is_ready(client)]

    def close(self) -> None:
        """Close the connections to all addresses."""
        for client in self._clients.values():
            client.close()


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
