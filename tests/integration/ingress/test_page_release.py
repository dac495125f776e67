"""The release of a payment on the operator's page, with scripted answers."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.integration.ingress.ingress_process import IngressProcess
from tests.integration.ingress.page_list import STAMP, payment
from tests.integration.ingress.page_release import END, PAYMENT, SIGHT, WHY, Desk, record


@pytest.fixture
def desk(page: Page, shared_ingress: IngressProcess) -> Desk:
    """The page with the test's answers."""
    return Desk(page, shared_ingress.url)


def test_what_is_known_and_the_risk_are_shown_before_anything_is_asked(desk: Desk) -> None:
    """Each processor's answer, where a processor is paused, and what a release risks."""
    old = record("spare", "not_charged")
    charged = record("spare", "charged", generation="spare/2", amount=1234.5, requestedAt=STAMP)
    before = {"from": "old", "to": "default", "reason": "gone", "releasedAt": STAMP}
    desk.sight = (200, SIGHT | {"answers": [*SIGHT["answers"], old, charged], "released": before})  # type: ignore[misc]
    desk.open().click()
    expect(desk.dialog.get_by_role("listitem")).to_have_text(
        [
            "default does not answerno answer within 3 s",
            "fallback has not charged it so far",
            "spare/1 has not charged it so far",
            "spare/2 has charged it: 1,234.50, sent 2025-07-15 12:00:00.123 UTC",
        ]
    )
    expect(desk.dialog).to_contain_text("spare is paused by desk (tests)")
    expect(desk.dialog).to_contain_text("Released before, from old to default: gone 2025-07-15 12:00:00.123 UTC")
    expect(desk.dialog.locator(".risk")).to_have_text(
        "WHAT THIS RISKS: a double charge. then the customer has paid twice."
    )
    expect(desk.dialog).to_contain_text("Amount 1,234.50, assigned to default")


def test_nothing_is_sent_before_both_questions_are_answered(desk: Desk) -> None:
    """A reason, the risk accepted, and the end of the id, which a habit of saying yes cannot give."""
    desk.open().click()
    desk.release()
    desk.confirm()
    desk.dialog.get_by_label("Release it anyway").uncheck()
    desk.release()
    desk.confirm("0" * 12)
    desk.release()
    desk.confirm()
    desk.dialog.get_by_label("Reason").fill("")
    desk.release()
    expect(desk.dialog).to_be_visible()
    assert desk.sent == []


def test_a_confirmed_release_is_sent_as_it_was_seen(desk: Desk) -> None:
    """By keyboard too; then the payment's life is read again."""
    desk.open().press("Enter")
    desk.confirm()
    desk.dialog.get_by_label("Charge it at").select_option("spare")
    desk.life = PAYMENT | {"status": "settled", "waitingFor": None, "processor": "spare", "requestedAt": STAMP}
    desk.dialog.get_by_label("Reason").press("Enter")
    expect(desk.dialog).to_be_hidden()
    whole = {"from": "default", "line": 4711, "to": "spare", "reason": WHY}
    assert desk.sent == [whole | {"acceptsDoubleCharge": True, "idEndsWith": END}]
    expect(desk.page.locator("#life .verdict")).to_have_text("Settled at spare")
    expect(desk.page.get_by_role("button", name="Release it")).to_be_hidden()


def test_a_payment_that_may_not_be_released_says_why(desk: Desk) -> None:
    """And asks nothing."""
    refusal = {"error": "charged", "detail": "default has charged it, and it is assigned there."}
    desk.sight = (200, SIGHT | {"refusal": refusal, "risk": None})
    desk.open().click()
    expect(desk.dialog).to_contain_text("It cannot be released. default has charged it, and it is assigned there.")
    expect(desk.dialog.get_by_role("textbox")).to_have_count(0)
    expect(desk.dialog.get_by_role("button")).to_have_text(["Cancel"])


def test_what_cannot_be_looked_at_now_says_so(desk: Desk) -> None:
    """No dispatcher answers: nobody knows whether it may be released."""
    desk.sight = (503, {"error": "dispatcher_away", "detail": "no dispatcher answers"})
    desk.open().click()
    expect(desk.dialog).to_contain_text("Not available now: no dispatcher answers")
    expect(desk.dialog.get_by_role("button")).to_have_text(["Cancel"])


@pytest.mark.parametrize(("status", "said"), [(409, "Not released"), (503, "repeating it is safe")])
def test_what_was_not_done_or_is_not_known_keeps_the_dialog_open(desk: Desk, status: int, said: str) -> None:
    """With what was entered, so that it can be sent again."""
    desk.answer = (status, {"error": "x", "detail": "look at it again"})
    desk.open().click()
    desk.confirm()
    desk.release()
    expect(desk.dialog.get_by_role("alert")).to_contain_text(said)
    expect(desk.dialog.get_by_role("alert")).to_contain_text("look at it again")
    desk.answer = (200, {"status": "released"})
    desk.release()
    expect(desk.dialog).to_be_hidden()
    assert desk.sent[0] == desk.sent[1]


@pytest.mark.parametrize(
    "life",
    [
        payment(7, inDoubt=False),
        payment(7, processor="fallback", released=True, dispatcher=None),
        PAYMENT | {"waitingFor": None},
        PAYMENT | {"status": "settled", "waitingFor": None, "processor": "default", "requestedAt": STAMP},
    ],
)
def test_what_is_not_in_doubt_is_not_offered(desk: Desk, life: dict[str, Any]) -> None:
    """It is settled by itself, was released just now, or is settled already."""
    desk.life = life
    expect(desk.open()).to_be_hidden()


def test_a_key_without_the_scope_is_told_what_it_needs(desk: Desk) -> None:
    """In place of the button."""
    expect(desk.open({"keyName": "wall", "mayOperate": False})).to_be_hidden()
    expect(
        desk.page.get_by_text("To release this payment, sign in with one that has the scope operate")
    ).to_be_visible()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_dialog_stays_in_its_window(desk: Desk, width: int) -> None:
    """With long answers, on a small phone too; its button can be reached."""
    desk.page.set_viewport_size({"width": width, "height": 600})
    answers = [record("a-name-as-long-as-they-can-be-12", "unanswered", "LocalProtocolErrorWithoutSpaces" * 8)] * 3
    desk.sight = (200, SIGHT | {"answers": answers})
    desk.open().click()
    expect(desk.dialog.get_by_role("listitem")).to_have_count(3)
    wide = desk.page.evaluate(
        "[...document.querySelectorAll('html, dialog, dialog :is(form, p, ul, li, fieldset, label, div)')]"
        ".filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.outerHTML.slice(0, 80))"
    )
    assert wide == []
    desk.dialog.get_by_role("button", name="Release").scroll_into_view_if_needed()
    expect(desk.dialog.get_by_role("button", name="Release")).to_be_in_viewport()
