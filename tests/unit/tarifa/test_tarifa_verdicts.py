"""How commands end: distinct exit codes for scripts, and one sentence."""

from decimal import Decimal

import pytest

from tarifa.client.answers import AcceptedAnswer, RejectedAnswer, TryLaterAnswer, UnreachableAnswer
from tarifa.client.documents import PaymentDocument, json_text
from tarifa.client.paying import Ending, RefusedEnding, SettledEnding, UnsettledEnding
from tarifa.exits import Exit
from tarifa.views.verdicts import Order, pay_document, pay_verdict

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
ORDER = Order(ID, Decimal("19.90"), "http://x", 30.0)
SETTLED = SettledEnding(PaymentDocument(ID, Decimal("19.9"), "settled", "default"), 14.0)
REFUSED = RefusedEnding(PaymentDocument(ID, Decimal("19.9"), "refused", "default", detail="422 no"), 14.0)


@pytest.mark.parametrize(
    ("ending", "code", "part"),
    [
        (SETTLED, Exit.DONE, ""),
        (REFUSED, Exit.REFUSED, "not charged: 422 no"),
        (
            UnsettledEnding(30.2, None),
            Exit.UNSETTLED,
            f"but was not within 30 s: look again with `tarifa payment {ID}`",
        ),
        (
            UnsettledEnding(30.2, UnreachableAnswer("Nothing listens at http://x.")),
            Exit.AWAY,
            "is accepted and will be charged once",
        ),
        (RejectedAnswer("amount_differs", "amount: is 5"), Exit.REJECTED, "(amount_differs): amount: is 5"),
        (TryLaterAnswer("backlog_full", "full"), Exit.AWAY, f"repeat it with `tarifa pay 19.90 --id {ID}`"),
        (
            UnreachableAnswer("Nothing listens at http://x."),
            Exit.AWAY,
            f"repeat the payment with `tarifa pay 19.90 --id {ID}`",
        ),
    ],
)
def test_every_ending_has_its_exit_code_and_sentence(ending: Ending, code: Exit, part: str) -> None:
    """What may be stored is never reported as lost, and the sentence says how to repeat it safely."""
    found, sentence = pay_verdict(ORDER, ending)
    assert found is code
    assert part in sentence
    assert sentence.count("\n") == 0
    assert (sentence == "") == (code is Exit.DONE)


def test_pythons_own_exit_code_is_not_a_verdict() -> None:
    """A bug, with which Python exits with 1, is not taken for any of them."""
    assert 1 not in set(Exit)


def test_the_document_of_a_settled_payment_has_all_of_it() -> None:
    """Amounts and fees with their exact digits."""
    text = json_text(pay_document(ORDER, [AcceptedAnswer(1.5, is_replay=False)], SETTLED, {"default": Decimal("0.05")}))
    assert text == (
        f'{{"correlationId":"{ID}","amount":19.90,"outcome":"settled","acceptedMs":1.5,"replayed":false,'
        '"endedMs":14.0,"processor":"default","acceptedAt":null,"requestedAt":null,"fee":0.05,"feesPaid":0.995,'
        '"error":null,"detail":null}'
    )


@pytest.mark.parametrize(
    ("ending", "outcome", "error"),
    [
        (REFUSED, "refused", None),
        (UnsettledEnding(30.2, None), "accepted", None),
        (UnsettledEnding(30.2, TryLaterAnswer("ledger_away", "x")), "accepted", "ledger_away"),
        (RejectedAnswer("not_an_id", "x"), "rejected", "not_an_id"),
        (TryLaterAnswer("backlog_full", "x"), "unknown", "backlog_full"),
        (UnreachableAnswer("x."), "unknown", "away"),
    ],
)
def test_every_ending_has_a_document(ending: Ending, outcome: str, error: str | None) -> None:
    """One word for what is known, the detail for the rest, and no fee is claimed."""
    document = pay_document(ORDER, [], ending, {"default": Decimal("0.05")})
    assert (document["outcome"], document["error"], document["feesPaid"]) == (outcome, error, None)
    assert document["detail"]
