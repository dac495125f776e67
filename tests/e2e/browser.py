"""A real Chromium that uses the operator's page as a person would, and takes screenshots."""

import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, async_playwright, expect

SCREENSHOTS = Path(__file__).parents[2] / ".run" / "screenshots"
PATIENCE_MS = 60_000.0  # how long something that must happen may take on a busy machine
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
_QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


def chromium() -> Path:
    """Return Chromium; a test without it is skipped, and fails where CI=true says that nothing may be missing."""
    if found := shutil.which("chromium"):
        return Path(found)
    reason = "chromium is not installed (Debian: chromium)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@asynccontextmanager
async def running(*flags: str) -> AsyncIterator[Browser]:
    """Run a browser with these additional flags."""
    program = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=[*_QUIET, *flags])
        yield browser
        await browser.close()


class Operator:
    """An operator with the page open; ``complaints`` are the errors and warnings that the browser logged."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    @classmethod
    @asynccontextmanager
    async def looking(cls, browser: Browser, url: str, **how: Any) -> "AsyncIterator[Operator]":
        """Open the page in a new window; ``how``: Playwright's new_context options, by default light on a desktop."""
        how = {"color_scheme": "light", "viewport": DESKTOP, "locale": "en-GB", **how}
        context = await browser.new_context(**how)
        operator = cls(await context.new_page())
        operator.page.set_default_timeout(PATIENCE_MS)
        await operator.page.goto(url)
        yield operator
        await context.close()

    async def until_state(self, state: str) -> None:
        """Wait until the page shows this state: well, troubled, or lost (it receives nothing)."""
        await expect(self.page.locator(f'html[data-state="{state}"]')).to_have_count(1, timeout=PATIENCE_MS)

    async def until_trouble(self, text: str) -> None:
        """Wait until the page lists a trouble with this text."""
        await expect(self.page.locator("#troubles li").filter(has_text=text)).to_be_visible(timeout=PATIENCE_MS)

    async def until_shown(self, path: str, text: str) -> None:
        """Wait until the figure at this path of the document is shown as this text."""
        await expect(self.shown(path)).to_have_text(text, timeout=PATIENCE_MS)

    def shown(self, path: str) -> Locator:
        """Return the element that shows the figure at this path of the document."""
        return self.page.locator(f'main > section [data-show$=" {path}"]')

    def processor(self, name: str) -> Locator:
        """Return a processor's card."""
        return self.page.locator("#processors article").filter(has=self.page.get_by_text(name, exact=True))

    def service(self, name: str) -> Locator:
        """Return a service's row."""
        return self.page.locator("#services li").filter(has=self.page.get_by_text(name, exact=True))

    async def look_up(self, payment_id: str) -> Locator:
        """Search for a payment; return the element that shows its history."""
        await self.page.get_by_label("Correlation id").fill(payment_id)
        await self.page.get_by_role("button", name="Look up").click()
        return self.page.locator("#life")

    async def screenshot(self, name: str) -> Path:
        """Save a screenshot of the whole page; return its path."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        await self.page.screenshot(path=path, full_page=True)
        return path

    def _on_console(self, message: ConsoleMessage) -> None:
        # A search for an unknown payment is answered 404; while the ledger is away, so is a request for history 50x.
        url = message.location["url"]
        expected = re.search(r"status of 40[04]", message.text) and "/payments/" in url
        expected = expected or (re.search(r"status of 50[234]", message.text) and "/history?" in url)
        if message.type in {"error", "warning"} and not expected:
            self.complaints.append(f"{message.text} ({message.location})")
