"""What the home processor recorded or books, and the one settlement that was stored."""

from datetime import timedelta

from services.contracts.events import PaymentSettled
from services.contracts.money import Cents
from services.dispatcher.core.outcome import Found
from tests.unit.dispatcher.dispatcher_flow import Dispatcher
from tests.unit.dispatcher.fakes import AT_HOME, NOON

EARLIER = NOON - timedelta(seconds=30)
RECORDED = Found(Cents(1990), EARLIER)


def settled(dispatcher: Dispatcher) -> PaymentSettled:
    """Return the one settlement that was stored."""
    (event,) = dispatcher.settlements.events
    assert isinstance(event, PaymentSettled)
    return event


def books(dispatcher: Dispatcher) -> None:
    """Have the home processor book another payment that is sent now."""
    dispatcher.clock.ms += 1
    dispatcher.attempting._refusals[AT_HOME].booked(dispatcher.clock.ms, dispatcher.traffic.in_hand)
