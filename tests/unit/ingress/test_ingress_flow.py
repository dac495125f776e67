"""The flow with ports under the test's control: when it looks up where, and what it then answers."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.contracts.events import PaymentAccepted, PaymentSettled
from services.contracts.money import Cents
from services.contracts.payment import Payment
from services.contracts.period import Period
from services.contracts.summary import Totals
from services.ingress.core.admission import Rejected
from services.ingress.core.answers import (
    Accepted,
    AmountDiffers,
    Cleared,
    Known,
    Missing,
    Replayed,
    Standing,
    Stored,
    TryLater,
    WaitingFor,
)
from services.ingress.flow.ingress import Ingress

NOW = datetime(2025, 7, 15, 12, tzinfo=UTC)
ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
BODY = b'{"correlationId": "%s", "amount": 19.9}' % ID.encode()
AWAY = TryLater("nats_away", "it is away")
ACCEPTED = Standing(PaymentAccepted(ID, Cents(1990), NOW))
SETTLED = Standing(PaymentSettled(ID, Cents(1990), "default", NOW, NOW, 1))

AT_DEFAULT = WaitingFor("default", NOW, 2, in_doubt=True)

Found = Standing | Missing | TryLater


class Ports:
    """All ports: ``stored`` is the stream's answer, ``finds`` what the look-ups find, one after another."""

    def __init__(self, stored: Stored | Known | TryLater, *finds: Found) -> None:
        self.stored = stored
        self.finds = list(finds)
        self.looks: list[str] = []
        self.payments: list[Payment] = []
        self.summaries: list[Mapping[str, Totals] | TryLater] = []
        self.trouble_text: str | None = None
        self.waits_for: WaitingFor | None = AT_DEFAULT

    async def store(self, payment: Payment) -> Stored | Known | TryLater:
        """Record what was to be stored."""
        self.payments.append(payment)
        return self.stored

    async def accepted(self, payment_id: str) -> Found:
        """Record the look-up."""
        self.looks.append("accepted")
        return self.finds.pop(0)

    async def settlement(self, payment_id: str) -> Found:
        """Record the look-up."""
        self.looks.append("settlement")
        return self.finds.pop(0)

    async def waiting_for(self, payment_id: str) -> WaitingFor | None:
        """Record the request."""
        self.looks.append("waiting_for")
        return self.waits_for

    async def clear(self, at: datetime) -> Stored | TryLater:
        """Answer as for a payment."""
        assert not isinstance(self.stored, Known)
        return self.stored

    async def summary(self, period: Period) -> Mapping[str, Totals] | TryLater:
        """Return the next summary."""
        return self.summaries.pop(0)

    async def trouble(self) -> str | None:
        """Return what the test set."""
        return self.trouble_text


def _ingress(ports: Ports) -> Ingress:
    return Ingress(payments=ports, dispatchers=ports, ledger=ports, clock=lambda: NOW, amount_max=100)


async def test_stored_is_accepted() -> None:
    """The payment that is stored has whole cents and the time of its arrival."""
    ports = Ports(Stored())
    assert await _ingress(ports).accept(BODY) == Accepted(ID)
    assert ports.payments == [Payment(ID, Cents(1990), NOW)]
    assert ports.looks == []


async def test_a_traceparent_is_stored_with_its_payment() -> None:
    """It came with the payment, and is passed on with it."""
    ports = Ports(Stored())
    await _ingress(ports).accept(BODY, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    (payment,) = ports.payments
    assert payment.traceparent == "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_rejected_is_not_stored() -> None:
    """What is not a payment never reaches the stream."""
    ports = Ports(Stored())
    assert isinstance(await _ingress(ports).accept(b"{}"), Rejected)
    assert ports.payments == []


@pytest.mark.parametrize(
    ("finds", "answer", "looks"),
    [
        ([ACCEPTED], Replayed(ACCEPTED), 1),
        ([Missing(), SETTLED], Replayed(SETTLED), 2),
        ([Missing(), Missing(), ACCEPTED], Replayed(ACCEPTED), 3),
        ([AWAY], AWAY, 1),
        ([Missing(), AWAY], AWAY, 2),
    ],
)
async def test_known_id_is_answered_from_its_original(finds: list[Found], answer: object, looks: int) -> None:
    """Accepted is looked up first, then settled, then accepted once more."""
    ports = Ports(Known(), *finds)
    assert await _ingress(ports).accept(BODY) == answer
    assert ports.looks == ["accepted", "settlement", "accepted"][:looks]


async def test_known_id_whose_settlement_was_found_is_not_looked_up_again() -> None:
    """What was charged is the original, even if an acceptance of another amount waits by some accident."""
    ports = Ports(Known(SETTLED))
    assert await _ingress(ports).accept(BODY) == Replayed(SETTLED)
    other = Standing(PaymentSettled(ID, Cents(1), "default", NOW, NOW, 1))
    assert await _ingress(Ports(Known(other))).accept(BODY) == AmountDiffers(other)
    assert ports.looks == []


async def test_known_id_of_another_amount_differs() -> None:
    """The original's amount decides, be it accepted or settled."""
    original = Standing(PaymentSettled(ID, Cents(1), "default", NOW, NOW, 1))
    assert await _ingress(Ports(Known(), Missing(), original)).accept(BODY) == AmountDiffers(original)


async def test_known_id_without_original_is_never_accepted() -> None:
    """Nothing found is nothing stored."""
    answer = await _ingress(Ports(Known(), Missing(), Missing(), Missing())).accept(BODY)
    assert isinstance(answer, TryLater)
    assert answer.slug == "original_missing"


@pytest.mark.parametrize(
    ("finds", "answer"),
    [
        ([SETTLED], SETTLED),
        ([Missing(), Missing(), SETTLED], SETTLED),
        ([Missing(), Missing(), Missing()], Missing()),
        ([AWAY], AWAY),
    ],
)
async def test_the_status_is_the_newest_event(finds: list[Found], answer: object) -> None:
    """Settled takes precedence over accepted; a payment settled between two look-ups is found by the third."""
    ports = Ports(Stored(), *finds)
    assert await _ingress(ports).standing(ID.upper()) == answer
    assert ports.looks == ["settlement", "accepted", "settlement"][: len(finds)]


async def test_an_accepted_payment_has_what_it_waits_for() -> None:
    """Asked of the dispatchers, once it is known to be accepted."""
    ports = Ports(Stored(), Missing(), ACCEPTED)
    assert await _ingress(ports).standing(ID) == replace(ACCEPTED, waiting_for=AT_DEFAULT)
    assert ports.looks == ["settlement", "accepted", "waiting_for"]


@pytest.mark.parametrize(("then", "answer"), [(Missing(), ACCEPTED), (AWAY, ACCEPTED), (SETTLED, SETTLED)])
async def test_if_no_dispatcher_answers_it_may_have_been_settled_meanwhile(then: Found, answer: object) -> None:
    """Waiting for an answer takes longer than settling; what is known is returned, whatever the last look-up finds."""
    ports = Ports(Stored(), Missing(), ACCEPTED, then)
    ports.waits_for = None
    assert await _ingress(ports).standing(ID) == answer
    assert ports.looks == ["settlement", "accepted", "waiting_for", "settlement"]


async def test_purge_waits_until_the_book_shows_it() -> None:
    """Summaries are asked for until all are zero."""
    ports = Ports(Stored())
    ports.summaries = [{"default": Totals(1, 1)}, {"default": Totals(0, 0)}, {"default": Totals(5, 5)}]
    assert await _ingress(ports).purge() == Cleared()
    assert len(ports.summaries) == 1


async def test_purge_that_is_not_stored_is_not_reported_as_done() -> None:
    """Like a payment: it is done only when it is stored."""
    assert await _ingress(Ports(AWAY)).purge() == AWAY


async def test_troubles_are_all_named() -> None:
    """Both sides are asked."""
    ports = Ports(Stored())
    assert await _ingress(ports).troubles() == []
    ports.trouble_text = "away"
    assert await _ingress(ports).troubles() == ["away", "away"]
