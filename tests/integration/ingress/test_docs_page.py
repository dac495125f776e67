"""The page at /docs, in a real browser: drawn from /openapi.json, on a phone, in the dark, and by keyboard."""

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from services.ingress.adapters.documents import FOLDER
from services.ingress.core.problem import type_of
from tests.integration.ingress.ingress_process import IngressProcess

OPENAPI: dict[str, Any] = json.loads((FOLDER / "openapi.json").read_text())
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def page(browser: Browser, shared_ingress: IngressProcess) -> Iterator[Page]:
    """The page, on a phone in dark mode; at the end nothing must have been refused or failed in it."""
    page = browser.new_page(viewport=PHONE, color_scheme="dark")  # type: ignore[arg-type]
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{shared_ingress.url}/docs")
    page.wait_for_selector("#contents a")
    yield page
    page.close()
    # The operator's page, to which there is a link, asks what dispatchers know: here there is none.
    assert [text for text in wrong if "status of 503" not in text] == []


def test_every_call_is_on_the_page_with_all_its_answers(page: Page) -> None:
    """Under its own heading, and in the list that links there."""
    for path, methods in OPENAPI["paths"].items():
        for method, operation in methods.items():
            if method == "head":  # shown with GET
                continue
            name = f"{method.upper()} {path}"
            section = page.get_by_role("region", name=name, exact=True)
            statuses = section.locator(".status").all_inner_texts()
            assert sorted(statuses) == sorted(operation["responses"]), name
            assert section.get_by_text("HEAD is answered in the same way").count() == ("head" in methods)
            link = page.get_by_role("navigation").get_by_role("link", name=name, exact=True)
            assert link.get_attribute("href") == f"#{operation['operationId']}"
    assert page.get_by_role("status").inner_text() == ""


def test_what_any_call_may_be_answered_is_shown_once(page: Page) -> None:
    """Each error with its text is on the page once; the calls link there."""
    for status in ("405", "408", "413", "431", "502", "504"):
        assert page.locator("summary .status", has_text=status).count() == 1
        link = page.get_by_role("region", name="GET /readyz", exact=True).get_by_role("link", name=status)
        assert link.get_attribute("href") == "#any-call"
    assert page.locator("#any-call").count() == 1


def test_every_slug_has_an_address_with_its_meaning(page: Page, shared_ingress: IngressProcess) -> None:
    """The type of a problem links there."""
    for slug, meaning in OPENAPI["x-errors"].items():
        said = page.locator(f"dt#{slug} + dd").inner_text()
        assert said == meaning.replace("`", "")
    page.set_viewport_size({"width": 1280, "height": 400})
    page.goto("about:blank")
    page.goto(shared_ingress.url + type_of("no_such_payment"))
    page.wait_for_function("document.getElementById('no_such_payment')?.getBoundingClientRect().top < innerHeight")
    assert page.locator("#no_such_payment").bounding_box()["y"] >= 0  # type: ignore[index]


def test_problem_details_are_shown_once(page: Page) -> None:
    """They are the same for every error."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.locator("main").inner_text().count("\napplication/problem+json\n") == 1


def test_every_call_has_a_line_for_the_shell_that_is_answered_as_described(
    page: Page, shared_ingress: IngressProcess
) -> None:
    """Copied as it is, it is a valid use of the call."""
    for path, methods in OPENAPI["paths"].items():
        for method, operation in methods.items():
            if method == "head" or path == "/events":  # which does not end
                continue
            section = page.get_by_role("region", name=f"{method.upper()} {path}", exact=True)
            line = section.locator(".curl").inner_text()
            assert line.startswith("curl -i ")
            assert shared_ingress.url in line
            done = subprocess.run(
                ["/bin/sh", "-c", f"{line} --noproxy '*' --silent --output /dev/null --write-out '%{{http_code}}'"],
                capture_output=True,
                check=True,
                env={"PATH": os.environ["PATH"]},
                text=True,
            )
            assert done.stdout in set(operation["responses"]) - {"400", "401", "405", "415"}, line


def test_the_page_links_to_the_operators_page_and_names_an_icon(
    page: Page, browser: Browser, shared_ingress: IngressProcess
) -> None:
    """And that page links back. Its script is off: it asks dispatchers and the ledger, and there are none here."""
    assert page.locator("link[rel=icon]").get_attribute("href") == "/page.svg"
    assert page.get_by_role("link", name="The operator's page").get_attribute("href") == "/"
    with browser.new_context(java_script_enabled=False) as without_script:
        operators = without_script.new_page()
        operators.goto(f"{shared_ingress.url}/")
        operators.get_by_role("link", name="The API").click()
        assert operators.url == f"{shared_ingress.url}/docs"


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


def test_it_follows_the_readers_colour_scheme(page: Page) -> None:
    """Light text on a dark background, and the other way round."""

    def brightness(name: str) -> float:
        value: str = page.evaluate(f"getComputedStyle(document.body).{name}")
        return sum(float(part) for part in value.removeprefix("rgb(").removesuffix(")").split(","))

    assert brightness("backgroundColor") < 150 < brightness("color")
    page.emulate_media(color_scheme="light")
    assert brightness("color") < 150 < brightness("backgroundColor")


def test_an_answer_unfolds_by_keyboard_alone(page: Page) -> None:
    """The first stop skips the list; from there to an answer, which Enter unfolds."""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open") is True


def test_a_description_that_cannot_be_read_is_reported(browser: Browser, shared_ingress: IngressProcess) -> None:
    """Visibly and to a screen reader, with what to do."""
    page = browser.new_page()
    page.route("**/openapi.json", lambda route: route.fulfill(status=503, body="{}"))
    page.goto(f"{shared_ingress.url}/docs")
    page.wait_for_function("document.getElementById('state').textContent.startsWith('The description')")
    assert "it was answered 503. Reload" in page.get_by_role("status").inner_text()
    page.close()
