"""Payments in doubt at a processor that never answers: found by page, by command and by HTTP, and one is released."""

import asyncio
import json
from pathlib import Path

from playwright.async_api import Browser, expect

from tests.e2e.browser import PATIENCE_MS, Operator
from tests.e2e.fake_processor import two
from tests.e2e.released import until_releasable
from tests.e2e.replay import running_stack
from tests.e2e.running_system import RunningSystem
from tests.e2e.scripted import Scripted
from tests.integration.tarifa.command_line import run

MANY = 24
BRISK = {"CALL_TIMEOUT_S": "1", "ACK_WAIT_S": "2", "SETTLE_WITHIN_S": "1", "SLOW_CALL_MS": "600000"}


async def by_command(system: RunningSystem) -> set[str]:
    """Return which payments the command line lists as in doubt."""
    arguments = ("payments", "--in-doubt", "--processor", "default", "--all", "--json", "--url", system.stack.http_url)
    done = await asyncio.to_thread(run, *arguments)
    assert done.returncode == 0, done.stderr
    return {json.loads(line)["correlationId"] for line in done.stdout.splitlines()}


async def by_http(system: RunningSystem) -> set[str]:
    """Return which payments a program finds in doubt, page by page."""
    found: set[str] = set()
    query = {"inDoubt": "true", "processor": "default", "limit": "10"}
    while True:
        answer = (await system.http.get("/payments", params=query)).raise_for_status().json()
        found |= {each["correlationId"] for each in answer["payments"]}
        if answer["next"] is None:
            return found
        query["cursor"] = answer["next"]


async def by_page(operator: Operator) -> set[str]:
    """Return which payments the page lists, over both of its pages."""
    section = operator.page.locator("#stuck")
    rows = section.locator("tbody tr")
    await section.get_by_label("Processor").select_option("default")
    await section.get_by_label("Older than").select_option("any age")
    await expect(section.get_by_role("status")).to_contain_text("20 payments on page 1", timeout=PATIENCE_MS)
    found = set(await rows.locator("a").all_text_contents())
    await section.get_by_role("button", name="Next").click()
    await expect(section.get_by_role("status")).to_contain_text(f"{MANY - 20} payments on page 2", timeout=PATIENCE_MS)
    return found | set(await rows.locator("a").all_text_contents())


async def test_payments_in_doubt_are_found_and_one_is_released_by_the_page(tmp_path: Path, browser: Browser) -> None:
    """All three name the same ones; the released one is charged where the operator said, and the others stay."""
    default, fallback = Scripted("silent", looks_up=False), Scripted()
    async with two(default, fallback) as processors, running_stack(tmp_path, PROCESSORS=processors, **BRISK) as system:
        ids = await system.pay_many(MANY, at_once=MANY)
        await asyncio.gather(*[until_releasable(system, each) for each in ids])
        async with Operator.looking(browser, system.stack.http_url) as operator:
            page = operator.page
            assert await by_page(operator) == await by_command(system) == await by_http(system) == set(ids)
            await page.locator("#stuck tbody a").first.click()
            released = await page.get_by_label("Correlation id").input_value()
            await expect(page.locator("#life")).to_contain_text("default may have charged it already")
            await page.get_by_role("button", name="Release it to another processor").click()
            dialog = page.get_by_role("dialog")
            await dialog.get_by_label("Reason").fill("default was shut down")
            await dialog.get_by_label("Release it anyway").check()
            await dialog.get_by_label("the last 12 characters").fill(released[-12:])
            await expect(dialog.get_by_role("listitem").first).to_contain_text("default does not answer")
            await operator.screenshot("release")
            await dialog.get_by_role("button", name="Release").click()
            await expect(dialog).to_be_hidden(timeout=PATIENCE_MS)
            await expect(page.locator("#life .verdict")).to_have_text("Settled at fallback", timeout=PATIENCE_MS)
            await expect(page.locator("#life")).to_contain_text("Released from default to fallback")
            assert list(fallback.booked) == [released]
            assert await by_command(system) == await by_http(system) == set(ids) - {released}
            assert operator.complaints == []
