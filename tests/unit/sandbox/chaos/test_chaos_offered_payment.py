"""What clients record, and which answers they count as wrong."""

import pytest

from sandbox.chaos.offered_payment import Intent, OfferedPayment, RecordedAnswer

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"


def offer(*, accepted: bool = False) -> OfferedPayment:
    """A payment of 19.90."""
    return OfferedPayment(ID, 1990, accepted_s=1.0 if accepted else None)


@pytest.mark.parametrize("status", [0, 408, 502, 503, 504])
def test_after_an_inconclusive_answer_the_payment_is_only_offered(status: int) -> None:
    """It is not accepted, nothing is wrong, and the same may be sent again."""
    payment = offer()
    assert not payment.record_answer(Intent.OFFER, RecordedAnswer(2.0, status, ""))
    assert payment.accepted_s is None
    assert payment.wrong_answers == []


def test_a_202_is_a_promise() -> None:
    """From then on the payment must be charged."""
    payment = offer()
    assert payment.record_answer(Intent.OFFER, RecordedAnswer(2.0, 202, ""))
    assert payment.accepted_s == 2.0


@pytest.mark.parametrize(
    ("intent", "status", "replayed"),
    [
        (Intent.OFFER, 400, False),
        (Intent.OFFER, 409, False),
        (Intent.OFFER, 500, False),
        (Intent.REPLAY, 409, False),
        (Intent.REPLAY, 202, False),
        (Intent.OTHER_AMOUNT, 202, True),
        (Intent.OTHER_AMOUNT, 202, False),
        (Intent.INVALID, 202, False),
        (Intent.INVALID, 500, False),
    ],
)
def test_these_answers_are_wrong(intent: Intent, status: int, *, replayed: bool) -> None:
    """They break section 4 of the design, and are recorded."""
    payment = offer(accepted=intent is not Intent.OFFER)
    payment.record_answer(intent, RecordedAnswer(2.0, status, "", replayed=replayed))
    assert len(payment.wrong_answers) == 1


@pytest.mark.parametrize(
    ("intent", "status", "replayed"),
    [
        (Intent.REPLAY, 202, True),
        (Intent.OTHER_AMOUNT, 409, False),
        (Intent.INVALID, 400, False),
        (Intent.INVALID, 413, False),
    ],
)
def test_these_answers_are_right(intent: Intent, status: int, *, replayed: bool) -> None:
    """And final."""
    payment = offer(accepted=True)
    assert payment.record_answer(intent, RecordedAnswer(2.0, status, "", replayed=replayed))
    assert payment.wrong_answers == []


def test_a_404_is_wrong_only_if_the_payment_was_accepted_before_it_was_asked_for() -> None:
    """An answer later than the request proves nothing."""
    payment = offer(accepted=True)
    payment.record_status(2.0, 404, None, sent_s=0.5)
    assert payment.wrong_answers == []
    payment.record_status(2.0, 404, None, sent_s=1.5)
    assert len(payment.wrong_answers) == 1


def test_every_distinct_settlement_that_is_shown_is_recorded_once() -> None:
    """Two of them are a contradiction, which the audit finds."""
    payment = offer(accepted=True)
    shown = {"correlationId": ID, "amount": 19.9, "status": "settled", "processor": "default", "requestedAt": "a"}
    for document in (shown, shown, shown | {"processor": "fallback"}):
        payment.record_status(2.0, 200, document, sent_s=1.5)
    assert [fact["processor"] for fact in payment.settlements_shown] == ["default", "fallback"]
    assert payment.wrong_answers == []


@pytest.mark.parametrize(
    "document",
    [
        None,
        {"correlationId": "another", "amount": 19.9, "status": "accepted"},
        {"correlationId": ID, "amount": 19.91, "status": "accepted"},
        {"correlationId": ID, "amount": 19.9, "status": "refused"},
    ],
)
def test_a_wrong_document_is_recorded(document: dict[str, object] | None) -> None:
    """Not JSON, another payment, another amount, refused though no processor refuses anything."""
    payment = offer(accepted=True)
    payment.record_status(2.0, 200, document, sent_s=1.5)
    assert len(payment.wrong_answers) == 1


@pytest.mark.parametrize("intent", [Intent.REPLAY, Intent.OTHER_AMOUNT])
def test_a_repeat_of_what_the_store_has_lost_may_be_accepted_again(intent: Intent) -> None:
    """It was under way while a copy was restored that lacks the payment."""
    payment = offer(accepted=True)
    payment.is_given_up = True
    payment.record_answer(intent, RecordedAnswer(2.0, 202, ""))
    assert payment.wrong_answers == []
    assert payment.amounts == (1990, 1991)
    assert offer().amounts == (1990,)
