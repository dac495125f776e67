"""The processors that charge: a client is kept while its URL stays, and always has what is registered now."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from services.access.processor_access import ProcessorAccess
from services.dispatcher.adapters.processor_clients import ProcessorClients
from services.dispatcher.core.counters import Counters
from services.dispatcher.core.traffic import Traffic
from tests.unit.dispatcher.fake_processor import registered
from tests.unit.dispatcher.fakes import AT_HOME, RULES


class NoPollers:
    """Polls nothing."""

    def poll(self, asked: Mapping[str, object]) -> None:
        """Do nothing."""


def charging() -> ProcessorClients:
    """Return it without any processor; nothing is sent."""
    return ProcessorClients(
        transport=None,  # type: ignore[arg-type]
        access=ProcessorAccess(),
        call_timeout_s=1.0,
        traffic=Traffic((), RULES),
        counters=Counters(()),
        pollers=NoPollers(),  # type: ignore[arg-type]
    )


def test_another_fee_or_state_is_known_at_once_and_keeps_the_client() -> None:
    """Settlements record what is registered when they are booked; the client has connections and a health poller."""
    charges, home = charging(), registered(AT_HOME)
    charges.charge_at([home])
    client = charges.processors[AT_HOME]
    assert client.registered == home
    for changed in (replace(home, fee=Decimal("0.07")), replace(home, state="paused")):
        charges.charge_at([changed])
        assert charges.processors[AT_HOME] is client
        assert client.registered == changed


def test_another_url_is_another_client() -> None:
    """Moved by an operator: the same generation at another address."""
    charges, home = charging(), registered(AT_HOME)
    charges.charge_at([home])
    client = charges.processors[AT_HOME]
    moved = replace(home, url="http://elsewhere")
    charges.charge_at([moved])
    assert charges.processors[AT_HOME] is not client
    assert charges.processors[AT_HOME].registered == moved
