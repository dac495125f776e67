"""The operator's page lists stuck payments: shown, filtered, sorted, page by page."""

from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.integration.ingress.ingress_process import IngressProcess
from tests.integration.ingress.page_list import STAMP, Listed, id_of, listed, payment

SECOND = "2025-07-15T12:00:01.000Z"
THIRD = "2025-07-15T12:00:02.000Z"


def test_each_payment_is_shown_with_what_it_waits_for(list_: Listed) -> None:
    """What is not known is a dash; a payment that no dispatcher has in hand waits since it was accepted."""
    under_way = {"requestedAt": STAMP, "processor": "fallback", "tookMs": None, "outcome": None, "detail": ""}
    nobody = payment(3, 7) | {"waitingFor": None}
    other = payment(2, processor=None, since=None, attempts=1, inDoubt=False, lastAttempt=under_way)
    list_.open([payment(1, 1234.5), other, nobody, payment(4, lastAttempt=None)])
    expect(list_.status).to_have_text("4 payments.")
    assert list_.cells("amount") == ["1,234.50", "19.90", "7.00", "19.90"]
    assert list_.cells("waits") == [
        "default in doubt",
        "any serving processor",
        "no dispatcher yet",
        "default in doubt",
    ]
    assert {text[: len("12:00:00 for 30 min")] for text in list_.cells("since")} == {"12:00:00 for 30 min"}
    assert list_.cells("attempts") == ["3", "1", "\N{EN DASH}", "3"]
    unknown = "unknown after 2,000 ms no answer"
    assert list_.cells("last") == [unknown, "a call is under way", "\N{EN DASH}", "\N{EN DASH}"]


def test_a_row_links_to_the_payments_life(list_: Listed) -> None:
    """By a link that can be shared; the row is marked as the one that is shown."""
    list_.open([payment(1), payment(2)])
    list_.rows.nth(1).get_by_role("link").click()
    expect(list_.page.locator("#life .verdict")).to_have_text("No such payment")  # the service itself knows of none
    expect(list_.page.get_by_label("Correlation id")).to_have_value(id_of(2))
    assert list_.page.url.endswith(f"#{id_of(2)}")
    expect(list_.page.locator("#stuck [aria-current=true]")).to_have_text([id_of(2)])
    expect(list_.page.locator("#life")).to_be_in_viewport()
    list_.rows.nth(0).get_by_role("link").click()
    expect(list_.page.locator("#stuck [aria-current=true]")).to_have_text([id_of(1)])


def test_the_service_filters(list_: Listed) -> None:
    """At first what is in doubt for over ten seconds; each change asks again, from the first page."""
    list_.open([])
    expect(list_.status).to_have_text("None.")
    expect(list_.page.get_by_role("table")).to_have_count(0)
    assert list_.asked == [{"status": "accepted", "inDoubt": "true", "olderThan": "10s", "limit": "20"}]
    section = list_.page.locator("#stuck")
    with list_.page.expect_response("**/payments?*"):
        section.get_by_label("In doubt only").uncheck()
    with list_.page.expect_response("**/payments?*"):
        section.get_by_label("Older than").select_option("1 h")
    with list_.page.expect_response("**/payments?*"):
        section.get_by_label("Processor").select_option("fallback")
    with list_.page.expect_response("**/payments?*"):
        section.get_by_label("Rows").select_option("500")
    whole = {"status": "accepted", "olderThan": "1h", "processor": "fallback", "limit": "500"}
    assert list_.asked[-1] == whole


def test_a_column_is_sorted_by_its_head(list_: Listed) -> None:
    """Up, then down, and marked so; what is not known is last either way. By keyboard too."""
    rows = [payment(1, 20, since=THIRD, attempts=5), payment(2, 5, since=STAMP, attempts=40)]
    list_.open([*rows, payment(3, 100, since=SECOND) | {"waitingFor": None, "acceptedAt": SECOND}])
    expect(list_.rows).to_have_count(3)
    for name, up, down in (
        ("Amount", [2, 1, 3], [3, 1, 2]),
        ("Calls", [1, 2, 3], [2, 1, 3]),
        ("Payment", [1, 2, 3], [3, 2, 1]),
        ("Since", [2, 3, 1], [1, 3, 2]),
    ):
        head = list_.page.locator("#stuck").get_by_role("columnheader", name=name)
        list_.head(name).click()
        expect(head).to_have_attribute("aria-sort", "ascending")
        assert (name, list_.ids()) == (name, up)
        list_.page.keyboard.press("Enter")
        expect(head).to_have_attribute("aria-sort", "descending")
        assert (name, list_.ids()) == (name, down)
        expect(list_.head(name)).to_be_focused()
    expect(list_.page.locator("#stuck th[aria-sort=none]")).to_have_count(5)


def test_a_long_list_is_paged_by_its_cursors(list_: Listed) -> None:
    """Forward and back; at either end the button does nothing, and keeps the focus."""
    first, second = listed([payment(number) for number in range(20)], "accepted-7"), listed([payment(20)])
    list_.open(first, second, first)
    section = list_.page.locator("#stuck")
    expect(list_.status).to_have_text("20 payments on page 1; there are more. Sorted within the page.")
    section.get_by_role("button", name="Next").press("Enter")
    expect(list_.status).to_have_text("1 payment on page 2; it is the last. Sorted within the page.")
    expect(list_.rows.first).to_be_in_viewport()
    assert list_.asked[-1]["cursor"] == "accepted-7"
    count = len(list_.asked)
    section.get_by_role("button", name="Next").press("Enter")
    expect(section.get_by_role("button", name="Next")).to_be_focused()
    assert len(list_.asked) == count
    section.get_by_role("button", name="Previous").click()
    expect(list_.status).to_contain_text("on page 1")
    assert "cursor" not in list_.asked[-1]


def test_parts_of_a_page_are_put_together(list_: Listed) -> None:
    """An answer may have fewer than a page, or none, with more to come; a busy instance is asked again."""
    busy = (503, {"error": "too_many_lists", "detail": "this instance reads at most 2 lists at once"})
    list_.open(listed([payment(1)], "accepted-5"), busy, listed([], "accepted-9"), listed([payment(2)]))
    while len(list_.asked) < 4:
        list_.page.clock.run_for(500)
    expect(list_.status).to_have_text("2 payments.")
    assert [query.get("cursor") for query in list_.asked] == [None, "accepted-5", "accepted-5", "accepted-9"]
    assert [query["limit"] for query in list_.asked] == ["20", "19", "19", "19"]


def test_a_silent_dispatcher_is_named(list_: Listed) -> None:
    """Only that one knows what it has in hand."""
    list_.open(listed([payment(1)], None, "dispatcher-2"))
    expect(list_.status).to_have_text("1 payment. No answer from dispatcher-2: calls made there are not known.")


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 700, 1280])
def test_nothing_is_wider_than_its_place(
    browser: Browser, shared_ingress: IngressProcess, width: int, look: Literal["light", "dark"]
) -> None:
    """Large amounts, long names and long answers; on a phone too it is a table for screen readers."""
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=look)
    name, detail = "a-name-as-long-as-they-can-be-12", "LocalProtocolErrorWithoutAnySpaces" * 6
    last = {"requestedAt": STAMP, "processor": name, "tookMs": 123456.7, "outcome": "unknown", "detail": detail}
    list_ = Listed(page, shared_ingress.url)
    many = [payment(number, 98765432.1, processor=name, lastAttempt=last, attempts=123456) for number in range(20)]
    list_.open(listed(many, "accepted-20"))
    expect(list_.rows).to_have_count(20)
    wide = page.evaluate(
        "[...document.querySelectorAll('html, main, #stuck, #stuck :is(form, table, thead, tr, th, td, div, nav)')]"
        ".filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.outerHTML.slice(0, 80))"
    )
    assert wide == []
    table = page.get_by_role("table", name="Stuck payments")
    expect(table.get_by_role("columnheader")).to_have_count(6)
    expect(table.get_by_role("row").nth(1).get_by_role("cell")).to_have_count(6)
    page.close()
