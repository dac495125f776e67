"""The operator's page in a real browser, on a real stack: it shows what the API returns."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.browser import PATIENCE_MS, PHONE, Operator
from tests.e2e.running_system import RunningSystem, new_id, until

STEADY_PER_S = 30
SERVICES = ("ingress-1", "ingress-2", "dispatcher-1", "ledger", "nats")


@pytest.fixture
async def busy(system: RunningSystem) -> AsyncIterator[None]:
    """A steady load of payments during the test."""

    async def load() -> None:
        while True:
            await system.pay(new_id(), 49.9)
            await asyncio.sleep(1 / STEADY_PER_S)

    task = asyncio.create_task(load())
    yield
    task.cancel()


async def settled_at_both(system: RunningSystem) -> list[str]:
    """Settle payments at both processors; return their ids."""
    ids = await system.pay_many(40)
    await system.until_settled(ids)
    await system.set_processor("default", failing=True)
    more = await system.pay_many(10)
    await system.until_settled(more)
    await system.set_processor("default", failing=False)
    assert all(count["totalRequests"] for count in (await system.summary()).values())
    return ids + more


def formatted(amount: float) -> str:
    """Return an amount in the page's format."""
    return f"{amount:,.2f}"


async def test_what_is_shown_is_what_the_api_returns(operator: Operator, system: RunningSystem) -> None:
    """To the payment and to the cent, by processor and in total."""
    await settled_at_both(system)
    summary = await system.summary()
    settled = sum(one["totalRequests"] for one in summary.values())
    cents = sum(round(one["totalAmount"] * 100) for one in summary.values())
    fees = {"default": 5, "fallback": 15}
    exact = {name: round(one["totalAmount"] * 100) * fees[name] for name, one in summary.items()}  # in 1/100 cents
    await operator.until_shown("totals.settled", f"{settled:,.0f}")
    await operator.until_shown("payments.accepted", f"{settled:,.0f}")
    await operator.until_shown("payments.backlog", "0")
    await operator.until_shown("totals.amount", formatted(cents / 100))
    await operator.until_shown("totals.feesPaid", formatted(round(sum(exact.values()) / 100) / 100))
    await operator.until_shown("totals.saved", formatted(round((cents * 15 - sum(exact.values())) / 100) / 100))
    for name, one in summary.items():
        card = operator.processor(name)
        for path, text in (
            ("whole settled", f"{one['totalRequests']:,.0f}"),
            ("money amount", formatted(one["totalAmount"])),
            ("money feesPaid", formatted(round(exact[name] / 100) / 100)),
            ("percent fee", f"{fees[name]} %"),
        ):
            await expect(card.locator(f'[data-show="{path}"]')).to_have_text(text, timeout=PATIENCE_MS)
    for name in SERVICES:
        await expect(operator.service(name).locator(".chip")).to_have_text("up")


@pytest.mark.usefixtures("busy")
async def test_under_load_rates_times_and_plots_move(
    operator: Operator, browser: Browser, system: RunningSystem
) -> None:
    """With screenshots: on a desktop and on a phone, light and dark."""
    await system.set_processor("fallback", delay_ms=20)
    for path in ("payments.acceptedPerS", "payments.settledPerS", "post.p50Ms", "post.p99Ms"):
        await expect(operator.shown(path).first).to_have_text(re.compile(r"[1-9]"), timeout=PATIENCE_MS)
    plot = operator.page.get_by_role("img", name="Payments a second over the last")
    moving = re.compile(r"accepted now [\d.]*[1-9].*settled now [\d.]*[1-9]")
    await expect(plot).to_have_attribute("aria-label", moving, timeout=PATIENCE_MS)
    async with (
        Operator.looking(browser, system.stack.http_url, color_scheme="dark") as dark,
        Operator.looking(browser, system.stack.http_url, viewport=PHONE, device_scale_factor=2) as phone,
        Operator.looking(browser, system.stack.http_url, viewport=PHONE, color_scheme="dark") as phone_dark,
    ):
        await asyncio.sleep(6)  # so that the screenshots show plots; no assertion depends on it
        pages = {
            "busy-light": operator,
            "busy-dark": dark,
            "busy-phone-light": phone,
            "busy-phone-dark": phone_dark,
        }
        for name, one in pages.items():
            await one.screenshot(name)
            assert await _overflow_px(one.page) <= 0
            assert one.complaints == []


@pytest.mark.usefixtures("busy")
async def test_a_reload_keeps_the_last_minutes(operator: Operator, system: RunningSystem) -> None:
    """Without live events the plots are filled from history, over a longer range too."""

    async def is_sampled() -> bool:
        steps = (await system.http.get("/history")).json()["steps"]
        return any(step["acceptedPerS"] and step["settledPerS"] and step["p99Ms"] for step in steps)

    await until(is_sampled, "the ledger has a sample of the load")
    page = operator.page
    no_events = "retry: 600000\n\n"
    await page.route("**/events", lambda route: route.fulfill(content_type="text/event-stream", body=no_events))
    await page.reload()
    for words, choice in (("5 minutes", "5 min"), ("hour", "1 h")):
        await page.locator("#range").get_by_text(choice, exact=True).click()
        rates = page.get_by_role("img", name=f"Payments a second over the last {words}")
        known = re.compile(r"accepted now .*, at most [\d.]*[1-9].*settled now .*, at most [\d.]*[1-9]")
        await expect(rates).to_have_attribute("aria-label", known, timeout=PATIENCE_MS)
        for title, value in (("Time of a POST", "p99"), ("Saved", "in total")):
            plot = page.get_by_role("img", name=re.compile(f"{title}.* over the last {words}"))
            await expect(plot).to_have_attribute("aria-label", re.compile(rf"{value} now .*, at most [\d.,]*[1-9]"))
    assert page.url.endswith("?range=1h")


async def _overflow_px(page: Page) -> int:
    return int(await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


async def test_the_search_shows_a_payments_history(operator: Operator, system: RunningSystem) -> None:
    """Where and when it was settled; or that the id is unknown; or that it is not an id."""
    payment_id = (await settled_at_both(system))[0]
    life = await operator.look_up(payment_id)
    await expect(life.locator(".verdict")).to_have_text("Settled at default")
    shown = await system.payment(payment_id)
    await expect(life).to_contain_text("19.90 charged, by the call sent")
    stamps = [await one.get_attribute("datetime") for one in await life.locator("time").all()]
    assert stamps[0] == shown["acceptedAt"]
    assert shown["requestedAt"] in stamps
    await expect(life).to_contain_text("Not known: to which dispatchers it was assigned")
    await expect(life).to_contain_text("Amount 19.90")
    await operator.screenshot("search")
    await operator.look_up(new_id())
    await expect(life.locator(".verdict")).to_have_text("No such payment")
    await operator.look_up("4a7901b8")
    await expect(life.locator(".verdict")).to_have_text("Not a valid id")


async def test_what_a_payment_waits_for_is_shown(operator: Operator, system: RunningSystem) -> None:
    """At a slow processor: where it waits, since when, and after how many calls."""
    await system.set_processor("default", delay_ms=3_000)
    payment_id = (await system.pay_many(1))[0]
    life = await operator.look_up(payment_id)
    await expect(life).to_contain_text("Waits for default since", timeout=PATIENCE_MS)
    await expect(life.locator("li.assigned")).to_contain_text("by dispatcher-1")
    await expect(life.locator("li.attempt")).to_contain_text("under way")
    await expect(life).to_contain_text("1 call so far")
    await system.until_settled([payment_id])
    await expect(life.locator(".verdict")).to_have_text("Settled at default", timeout=PATIENCE_MS)
    await expect(life).not_to_contain_text("Waits for")
    await system.set_processor("default", delay_ms=0)

    async def default_is_quick_again() -> bool:
        payments = await system.pay_many(1)
        await system.until_settled(payments)
        return bool((await system.payment(payments[0]))["processor"] == "default")

    await until(default_is_quick_again, "the cheap processor gets payments again, which the next tests assume")


async def test_a_payment_is_found_by_keyboard_alone_and_by_its_address(
    operator: Operator, system: RunningSystem
) -> None:
    """The first tab stop leads to the search, the focus is visible, and the address can be shared."""
    payment_id = (await system.pay_many(1))[0]
    await system.until_settled([payment_id])
    page = operator.page
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the search")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Correlation id")).to_be_focused()
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    await page.keyboard.type(payment_id)
    await page.keyboard.press("Enter")
    await expect(page.locator("#life .verdict")).to_have_text("Settled at default")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Look up")).to_be_focused()
    assert page.url.endswith(f"#{payment_id}")
    await page.reload()
    await expect(page.locator("#life .verdict")).to_have_text("Settled at default")


async def test_a_screen_reader_has_landmarks_and_names(operator: Operator) -> None:
    """Landmarks, one level-1 heading, named regions, and a text for every plot."""
    page = operator.page
    for role in ("banner", "main", "contentinfo", "search"):
        await expect(page.get_by_role(role)).to_have_count(1)  # type: ignore[arg-type]
    await expect(page.get_by_role("heading", level=1)).to_have_text("Tarifa")
    for name in ("Now", "History", "Processors", "Stuck payments", "Services", "One payment"):
        await expect(page.get_by_role("region", name=name, exact=True)).to_have_count(1)
    plots = page.locator("#plots figure > svg[role=img]")
    assert await plots.count() == 4
    for label in [await plot.get_attribute("aria-label") for plot in await plots.all()]:
        assert label
        assert "over the last" in label
    await expect(page.get_by_role("banner").get_by_role("status")).to_have_text("No problems")
    stuck = page.get_by_role("region", name="Stuck payments").get_by_role("status")
    await expect(stuck).to_have_text("None.", timeout=PATIENCE_MS)


async def test_a_lasting_trouble_is_announced_once(operator: Operator, system: RunningSystem) -> None:
    """Its seconds count up on the screen without being announced each time."""
    page = operator.page
    system.stack.kill("ledger", signal.SIGSTOP)
    try:
        await operator.until_trouble("the ledger has not reported for")
        await page.evaluate(
            "window.said = 0; new MutationObserver(() => window.said++)"
            ".observe(document.getElementById('said'), {childList: true, characterData: true, subtree: true})"
        )
        trouble = page.locator("#troubles li").first
        before = await trouble.inner_text()
        await expect(trouble).not_to_have_text(before, timeout=PATIENCE_MS)
        assert await page.evaluate("window.said") == 0
    finally:
        system.stack.kill("ledger", signal.SIGCONT)
    await operator.until_state("well")
    assert await page.evaluate("window.said") > 0
