"""A release whose dialog is closed before its answer comes, on the operator's page."""

import pytest
from playwright.sync_api import Page, expect

from tests.integration.ingress.ingress_process import IngressProcess
from tests.integration.ingress.page_list import payment
from tests.integration.ingress.page_release import Desk


@pytest.fixture
def desk(page: Page, shared_ingress: IngressProcess) -> Desk:
    """The page with the test's answers."""
    return Desk(page, shared_ingress.url)


def test_the_answer_to_a_cancelled_dialog_does_not_close_the_next_one(desk: Desk) -> None:
    """Closed by itself, it would look as if the second release were done."""
    button = desk.open()
    button.click()
    desk.confirm()
    desk.release_and_cancel()
    button.click()
    desk.confirm()
    with desk.page.expect_response("**/life"):  # after a release the payment's life is read again
        desk.answer_held()
    expect(desk.dialog).to_be_visible()
    desk.release()
    expect(desk.dialog).to_be_hidden()
    assert len(desk.sent) == 2


def test_a_release_that_ends_late_does_not_lead_back_to_its_payment(desk: Desk) -> None:
    """The operator looks at another one by then."""
    desk.open().click()
    desk.confirm()
    desk.release_and_cancel()
    desk.life = payment(8, 5)
    other = desk.life["correlationId"]
    desk.page.get_by_label("Correlation id").fill(other)
    with desk.page.expect_response(f"**/{other}/life"):
        desk.page.get_by_label("Correlation id").press("Enter")
    desk.asked.clear()
    with desk.page.expect_response(f"**/{other}/life"):  # it waits, so it is asked about every two seconds
        desk.answer_held()
    assert set(desk.asked) == {other}
