"""An operator uses only the page of a running, closed stack: what the page says is what the system does."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import httpx
import pytest
from playwright.async_api import Browser, expect

from sandbox.stack import Stack
from services.keys.key import Key, Scope, hash_of, new_secret
from services.keys.key_file import write_keys
from tests.e2e.browser import PATIENCE_MS, Operator
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.running_system import PATIENCE_S, RunningSystem, until

SECRETS = {"desk": new_secret(), "wall": new_secret()}


def key(name: str, *scopes: Scope) -> Key:
    """Return a key of this name."""
    return Key(name, hash_of(SECRETS[name].encode()), scopes, 1e6, 1_000_000, datetime.now(UTC))


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with two keys: the desk's has all scopes, the wall screen's may only read."""
    file = tmp_path_factory.mktemp("keys") / "keys"
    write_keys(file, (key("desk", "pay", "read", "operate"), key("wall", "read")))
    with Stack(env={**ENVIRONMENT, "API_KEYS": str(file)}) as stack:
        yield stack


@pytest.fixture
async def desk(closed: Stack) -> AsyncIterator[RunningSystem]:
    """An HTTP client with the desk's key."""
    headers = {"Authorization": f"Bearer {SECRETS['desk']}"}
    async with httpx.AsyncClient(base_url=closed.http_url, headers=headers, timeout=PATIENCE_S) as http:
        yield RunningSystem(closed, http)


async def sign_in(operator: Operator, name: str) -> None:
    """Sign in on the page with this key."""
    await operator.page.get_by_label("An API key with the scope read").fill(SECRETS[name])
    await operator.page.get_by_role("button", name="Sign in").click()
    await operator.until_state("well")


async def state(desk: RunningSystem, name: str) -> str:
    """Return a processor's state by HTTP: open or paused."""
    processors = (await desk.http.get("/processors")).raise_for_status().json()["processors"]
    return str(next(one["state"] for one in processors if one["name"] == name))


async def test_a_processor_is_paused_and_resumed_by_the_page(desk: RunningSystem, browser: Browser) -> None:
    """In the key's name; payments go elsewhere meanwhile, and other open pages show it within seconds."""
    async with (
        Operator.looking(browser, desk.stack.http_url) as operator,
        Operator.looking(browser, desk.stack.http_url) as onlooker,
    ):
        await sign_in(operator, "desk")
        await sign_in(onlooker, "wall")
        page, card = operator.page, operator.processor("default")
        await card.get_by_role("button", name="Pause").click()
        await page.get_by_role("dialog").get_by_label("Reason").fill("their incident 4711")
        await page.get_by_role("button", name="Pause default").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        for one in (operator, onlooker):
            await expect(one.processor("default").locator(".chip.paused")).to_be_visible(timeout=PATIENCE_MS)
            await expect(one.processor("default")).to_contain_text("Paused by desk since")
            await one.until_trouble("default is paused by desk (their incident 4711)")
        assert await state(desk, "default") == "paused"
        ids = await desk.pay_many(5)
        await desk.until_settled(ids)
        assert {(await desk.payment(one))["processor"] for one in ids} == {"fallback"}

        await card.get_by_role("button", name="Resume").click()
        await page.get_by_role("button", name="Resume default").click()
        await expect(card.locator(".chip.paused")).to_be_hidden(timeout=PATIENCE_MS)
        await operator.until_state("well")
        assert await state(desk, "default") == "open"

        async def default_is_used_again() -> bool:
            again = await desk.pay_many(1)
            await desk.until_settled(again)
            return bool((await desk.payment(again[0]))["processor"] == "default")

        await until(default_is_used_again, "payments are sent to default again")
        assert operator.complaints == onlooker.complaints == []


async def test_a_key_that_may_only_read_sees_no_buttons(desk: RunningSystem, browser: Browser) -> None:
    """And its requests are denied all the same: the page is not what enforces scopes."""
    async with Operator.looking(browser, desk.stack.http_url) as onlooker:
        await sign_in(onlooker, "wall")
        await expect(
            onlooker.page.get_by_text("To pause or resume a processor, sign in with one that has")
        ).to_be_visible()
        await expect(onlooker.page.locator("#processors button:visible")).to_have_count(0)
        answered = await onlooker.page.evaluate(
            """async () => {
              const answer = await fetch("processors/default/pause", { method: "POST", body: '{"reason": "x"}',
                headers: { "content-type": "application/json" } });
              return [answer.status, (await answer.json()).error];
            }"""
        )
        assert answered == [403, "scope_missing"]
        assert await state(desk, "default") == "open"
