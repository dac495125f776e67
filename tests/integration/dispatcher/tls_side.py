"""What the tests over TLS share: certificates of both sides, and the client of a processor."""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.access.processor_access import NO_CREDENTIALS, ProcessorCredentials, verifying
from services.dispatcher.adapters.processor_api import ProcessorApi, Transport
from services.dispatcher.core.outcome import Outcome
from tests.certificates import Authority, Pair
from tests.integration.dispatcher.misbehaving import (
    PATIENT_S,
)
from tests.unit.dispatcher.fake_processor import registered

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
NOW = datetime(2025, 7, 15, 12, 34, 56, 789_000, tzinfo=UTC)
WORD = "s3cr3t-0123456789"
HEADERS = (("Authorization", f"Bearer {WORD}"),)
HEALTH = b'{"failing":false,"minResponseTime":7}'


@dataclass
class Side:
    """The certificate authorities of the processor's side and of ours."""

    authority: Authority
    other: Authority

    def server(self, pair: Pair | None = None, *, clients: Authority | None = None, most: str = "") -> ssl.SSLContext:
        """Return a processor's context; ``clients``: whose certificates it requires; ``most``: its newest version."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        shows = pair or self.authority.issue("server")
        context.load_cert_chain(shows.certificate, shows.key)
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients.ca)
        if most:
            context.maximum_version = ssl.TLSVersion[most]
        return context

    def ours(self, pair: Pair | None = None, *, ca: Path | None = None) -> ssl.SSLContext:
        """Return our context: what we verify by, and present."""
        context = verifying(ca or self.authority.ca)
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        return context


Charge = Callable[..., Awaitable[Outcome]]


def api_of(
    url: str,
    transport: Transport,
    tls: ssl.SSLContext | None,
    timeout_s: float = PATIENT_S,
    credentials: ProcessorCredentials = NO_CREDENTIALS,
) -> ProcessorApi:
    """Return the client of one processor."""
    credentials = ProcessorCredentials(credentials.headers, tls)
    return ProcessorApi(
        registered(url=url), transport, call_timeout_s=timeout_s, health_timeout_s=timeout_s, credentials=credentials
    )
