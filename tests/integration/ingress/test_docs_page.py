"""The page at /docs, in a real browser: drawn from /openapi.json, on a phone, in the dark, and by keyboard."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from services.ingress.adapters.documents import FOLDER
from tests.integration.ingress.ingress_process import IngressProcess

OPENAPI: dict[str, Any] = json.loads((FOLDER / "openapi.json").read_text())
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def page(browser: Browser, shared_ingress: IngressProcess) -> Iterator[Page]:
    """The page, drawn, on a phone in the dark; at the end nothing must have been refused or gone wrong in it."""
    page = browser.new_page(viewport=PHONE, color_scheme="dark")  # type: ignore[arg-type]
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{shared_ingress.url}/docs")
    page.wait_for_selector("#contents a")
    yield page
    page.close()
    # A browser asks for an icon that nobody has promised it.
    assert [text for text in wrong if "404" not in text] == []


def test_every_call_is_on_the_page_with_all_its_answers(page: Page) -> None:
    """Under a heading of its own, and in the list that leads there."""
    for path, methods in OPENAPI["paths"].items():
        for method, operation in methods.items():
            name = f"{method.upper()} {path}"
            section = page.get_by_role("region", name=name, exact=True)
            statuses = section.locator(".status").all_inner_texts()
            assert statuses == list(operation["responses"]), name
            link = page.get_by_role("navigation").get_by_role("link", name=name, exact=True)
            assert link.get_attribute("href") == f"#{operation['operationId']}"
    assert page.get_by_role("status").inner_text() == ""


def test_what_is_inside_a_field_is_described_too(page: Page) -> None:
    """What an accepted payment waits for is an object of its own, and may be null."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    text = page.get_by_role("region", name="GET /payments/{id}", exact=True).inner_text()
    for field in ("waitingFor", "processor", "since", "attempts", "inDoubt", "dispatcher", "released"):
        assert field in text
    assert "object or null" in text
    assert "string or null; date-time" in text


def test_nothing_is_wider_than_a_phone(page: Page) -> None:
    """With all answers unfolded, the page scrolls down and never sideways."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_it_is_dark_where_the_reader_wants_it_dark(page: Page) -> None:
    """Light letters on a dark ground, and the other way round."""

    def brightness(name: str) -> float:
        value: str = page.evaluate(f"getComputedStyle(document.body).{name}")
        return sum(float(part) for part in value.removeprefix("rgb(").removesuffix(")").split(","))

    assert brightness("backgroundColor") < 150 < brightness("color")
    page.emulate_media(color_scheme="light")
    assert brightness("color") < 150 < brightness("backgroundColor")


def test_an_answer_unfolds_by_keyboard_alone(page: Page) -> None:
    """The first stop leads past the list; from there to an answer, which Enter unfolds."""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open") is True


def test_a_description_that_cannot_be_read_is_said(browser: Browser, shared_ingress: IngressProcess) -> None:
    """To the eye and to a screen reader, with what to do."""
    page = browser.new_page()
    page.route("**/openapi.json", lambda route: route.fulfill(status=503, body="{}"))
    page.goto(f"{shared_ingress.url}/docs")
    page.wait_for_function("document.getElementById('state').textContent.startsWith('The description')")
    assert "it was answered 503. Reload" in page.get_by_role("status").inner_text()
    page.close()
