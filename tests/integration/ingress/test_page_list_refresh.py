"""The list of stuck payments refreshes by itself, without disturbing its reader."""

from playwright.sync_api import Browser, expect

from tests.integration.ingress.ingress_process import IngressProcess
from tests.integration.ingress.page_list import Listed, id_of, listed, payment

AWAY = (503, {"error": "dispatchers_away", "detail": "no dispatcher answers"})


def test_a_change_is_shown_in_place(list_: Listed) -> None:
    """No row moves, even if it would be sorted elsewhere now; focus and selection stay."""
    list_.open([payment(1, attempts=1), payment(2, attempts=2), payment(3, attempts=3)])
    list_.head("Calls").click()
    list_.rows.nth(1).get_by_role("link").focus()
    list_.page.evaluate("getSelection().selectAllChildren(document.querySelector('#stuck tbody tr:nth-child(2) a'))")
    list_.refreshed([payment(1, attempts=9), payment(2, attempts=2), payment(3, attempts=3)])
    expect(list_.rows.first.locator(".attempts")).to_have_text("9")
    assert list_.ids() == [1, 2, 3]
    expect(list_.rows.nth(1).get_by_role("link")).to_be_focused()
    assert list_.page.evaluate("getSelection().toString()").replace("\n", "") == id_of(2)
    list_.head("Calls").click()
    assert list_.ids() == [1, 3, 2]


def test_what_no_longer_waits_stays_and_what_is_new_is_counted(list_: Listed) -> None:
    """Until the reader asks for them: then the list is as it is now."""
    list_.open([payment(1), payment(2), payment(3)])
    later = [payment(1), payment(3), payment(4), payment(5)]
    list_.refreshed(later)
    expect(list_.status).to_have_text("3 payments. 1 no longer waits. 2 others wait: Refresh shows them.")
    assert list_.ids() == [1, 2, 3]
    assert list_.cells("waits") == ["default in doubt", "no longer waits", "default in doubt"]
    list_.page.locator("#stuck").get_by_role("button", name="Refresh").click()
    expect(list_.status).to_have_text("4 payments.")
    assert list_.ids() == [1, 3, 4, 5]


def test_what_was_not_reached_is_not_shown_as_gone(list_: Listed) -> None:
    """An answer that ended early: what is after its last payment may still be there."""
    parts = [listed([], f"accepted-{number}") for number in range(1, 10)]
    list_.open([payment(1), payment(2), payment(3)])
    list_.refreshed(listed([payment(2)], "accepted-1"), *parts)
    expect(list_.status).to_contain_text("1 no longer waits")
    assert list_.cells("waits") == ["no longer waits", "default in doubt", "default in doubt"]


def test_if_the_list_is_not_known_the_old_one_stays(list_: Listed) -> None:
    """And the page says so; with the next answer all is as before."""
    list_.open([payment(1)])
    expect(list_.status).to_have_text("1 payment.")
    list_.refreshed(AWAY)
    expect(list_.status).to_have_text("Not available now: no dispatcher answers")
    assert list_.ids() == [1]
    list_.refreshed([payment(1)])
    expect(list_.status).to_have_text("1 payment.")


def test_the_first_stuck_payments_appear_by_themselves(list_: Listed) -> None:
    """An empty list has no reader to disturb."""
    list_.open([])
    expect(list_.status).to_have_text("None.")
    list_.refreshed([payment(1)])
    expect(list_.status).to_have_text("1 payment.")
    assert list_.ids() == [1]


def test_a_list_out_of_view_is_not_refreshed(browser: Browser, shared_ingress: IngressProcess) -> None:
    """On a phone the list is far below: until it is in view it costs nothing."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    list_ = Listed(page, shared_ingress.url)
    list_.open([payment(1)])
    expect(list_.rows).to_have_count(1)
    page.evaluate("scrollTo(0, 0)")
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport()
    expect(page.locator("#stuck")).not_to_be_in_viewport()
    count = len(list_.asked)
    page.clock.run_for(60_000)
    assert len(list_.asked) == count
    list_.page.locator("#stuck").scroll_into_view_if_needed()
    list_.refreshed([payment(1)])
    page.close()
