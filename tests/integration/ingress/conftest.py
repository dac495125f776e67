"""An ingress of a test's own, and one shared by tests that leave nothing behind."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.integration.ingress.ingress_process import IngressProcess
from tests.integration.ingress.page_list import Listed
from tests.nats_server import PATIENCE_S, NatsServer


@pytest.fixture(scope="module")
def shared_ingress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IngressProcess]:
    """A ready ingress with a nats-server, for all tests of one file."""
    folder = tmp_path_factory.mktemp("shared")
    server = NatsServer(folder / "nats").start()
    process = IngressProcess(folder / "ingress.log", server.url)
    try:
        yield process.start()
    finally:
        process.stop()
        server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; without it the tests are skipped, or fail if CI=true, as then nothing may be missing."""
    program = shutil.which("chromium")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_S * 1_000)  # whatever the machine
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of the test's own, on a desktop."""
    page = browser.new_page(locale="en-GB", timezone_id="UTC", viewport={"width": 1280, "height": 900})
    yield page
    page.close()


@pytest.fixture
def list_(page: Page, shared_ingress: IngressProcess) -> Listed:
    """The page with its list, from the test's answers."""
    return Listed(page, shared_ingress.url)


@pytest.fixture
def ingress(tmp_path: Path, nats_server: NatsServer) -> Iterator[IngressProcess]:
    """A ready ingress on the test's nats-server."""
    process = IngressProcess(tmp_path / "ingress.log", nats_server.url, ALLOW_PURGE="1")
    try:
        yield process.start()
    finally:
        process.stop()


@pytest_asyncio.fixture
async def http(ingress: IngressProcess) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the test's ingress."""
    async with httpx.AsyncClient(base_url=ingress.url, timeout=PATIENCE_S, trust_env=False) as client:
        yield client
