"""A page of another origin, in a browser in which an operator is signed in: it can neither pay, purge nor read.

The other origin is another port of this host, which for cookies is the same site, and another name that resolves to
this host. Every means of a page is tried: forms, fetch, images, scripts, frames, event streams.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from sandbox.stack import Stack
from services.keys.key import Key, hash_of, new_secret
from services.keys.key_file import write_keys
from tests.e2e.browser import PATIENCE_MS, Operator, running
from tests.e2e.foreign_page import FORM, TRY, elsewhere
from tests.e2e.running_system import new_id
from tests.nats_server import PATIENCE_S


class Case:
    """A stack, a key with all scopes where one is needed, and a payment that the stack has settled."""

    def __init__(self, stack: Stack, secret: str | None) -> None:
        self.stack, self.secret = stack, secret
        self.known = new_id()
        self.http = httpx.AsyncClient(
            base_url=stack.http_url,
            headers={"Authorization": f"Bearer {secret}"} if secret else {},
            timeout=PATIENCE_S,
            trust_env=False,
        )

    async def pay(self) -> None:
        """Send the payment, and wait until it is counted."""
        answer = await self.http.post("/payments", json={"correlationId": self.known, "amount": 1})
        assert answer.status_code == 202, answer.text
        async with asyncio.timeout(PATIENCE_S):
            while await self.counted() != 1:  # noqa: ASYNC110  # HTTP has no event
                await asyncio.sleep(0.05)

    async def counted(self) -> int:
        """Return how many payments the summary counts."""
        summary = (await self.http.get("/payments-summary")).raise_for_status().json()
        return sum(one["totalRequests"] for one in summary.values())

    async def are_open(self) -> bool:
        """Return whether no processor is paused."""
        processors = (await self.http.get("/processors")).raise_for_status().json()["processors"]
        return {one["state"] for one in processors} == {"open"}

    async def is_unknown(self, payment_id: str) -> bool:
        """Return whether a payment was never accepted."""
        return (await self.http.get(f"/payments/{payment_id}")).status_code == 404


@pytest.fixture(params=["closed", "open on loopback"])
async def case(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Case]:
    """The stack as `make up` starts it, and with keys; purging is allowed, or its refusal would prove nothing."""
    env, secret = {"ALLOW_PURGE": "1", "INGRESSES": "1"}, None
    if request.param == "closed":
        secret = new_secret()
        write_keys(tmp_path / "keys", (key_of(secret),))
        env["API_KEYS"] = str(tmp_path / "keys")
    with Stack(env=env) as stack:
        case = Case(stack, secret)
        async with case.http:
            await case.pay()
            yield case


def key_of(secret: str) -> Key:
    """Return an operator's key."""
    return Key("operator", hash_of(secret.encode()), ("pay", "read", "operate"), 1e6, 1_000_000, datetime.now(UTC))


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser in which a foreign name resolves to this machine."""
    async with running("--host-resolver-rules=MAP evil.test 127.0.0.1") as one:
        yield one


async def signed_in(context: BrowserContext, case: Case) -> Page:
    """Open the operator's page, sign in where needed, and wait until it shows that all is well."""
    page = await context.new_page()
    await page.goto(case.stack.http_url)
    if case.secret is not None:
        await page.get_by_label("An API key with the scope read").fill(case.secret)
        await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator('html[data-state="well"]')).to_have_count(1, timeout=PATIENCE_MS)
    return page


def assert_nothing_was_read(results: dict[str, str], case: Case) -> None:
    """Assert that no attempt could read an answer or display one."""
    read = json.dumps(results)
    for secret in ("totalRequests", case.known, "vitals", "Payments a second", case.secret or "tarifa_"):
        assert secret not in read, results
    assert all(
        results[name].startswith("failed: ") for name in ("json", "bearer", "summary", "payment", "page", "processors")
    ), results
    unseen = ("text", "untyped", "blob", "purge", "pause", "resume", "signOut", "opaque")
    assert all(results[name] == "opaque 0 " for name in unseen), results
    frames = {"load ", "silent"}
    assert (results["image"], results["frame"]) == ("error 0", "not readable") or results["frame"] in frames, results
    assert results["events"].startswith("closed"), results


async def test_no_request_of_a_foreign_page_has_an_effect_or_a_readable_answer(case: Case, browser: Browser) -> None:
    """Nothing is paid, the book is not cleared, nothing is readable, and the operator stays signed in."""
    context = await browser.new_context()
    operator = await signed_in(context, case)
    with elsewhere() as port:
        for host in ("127.0.0.1", "localhost", "evil.test"):
            page, complaints = await context.new_page(), list[str]()
            page.on("console", lambda message, into=complaints: into.append(message.text))
            await page.goto(f"http://{host}:{port}/")
            payment_id = new_id()
            results = await page.evaluate(TRY, [case.stack.http_url, payment_id, case.known])
            assert_nothing_was_read(results, case)
            assert await case.is_unknown(payment_id)
            assert any("blocked by CORS policy" in text for text in complaints), complaints
            assert any("403" in text for text in complaints), complaints
            body = json.dumps({"correlationId": payment_id, "amount": 666})
            forms = (
                ("/payments", "text/plain", body[:-1] + ', "x', '":1}'),
                ("/purge-payments", "text/plain", "a", "b"),
            )
            for form in forms:
                await page.goto(f"http://{host}:{port}/")
                async with page.expect_navigation(timeout=PATIENCE_MS) as navigation:
                    await page.evaluate(FORM, [case.stack.http_url, *form])
                answer = await navigation.value
                # From another site the browser does not send the cookie at all.
                denied = {(403, "cross_site"), *([(401, "key_missing")] if case.secret else [])}
                assert (answer.status, (await answer.json())["error"]) in denied
            assert await case.is_unknown(payment_id)
            assert await case.counted() == 1
            assert await case.are_open()
            await page.close()
    await operator.reload()
    await expect(operator.locator('html[data-state="well"]')).to_have_count(1, timeout=PATIENCE_MS)
    await context.close()


async def test_a_foreign_name_that_resolves_to_this_host_is_rejected(case: Case, browser: Browser) -> None:
    """To the browser such a page has our own origin: it may set headers and read answers."""
    context = await browser.new_context()
    page = await context.new_page()
    url = f"http://evil.test:{case.stack.ports['http']}"
    await page.goto(f"{url}/docs")
    payment_id = new_id()
    results = await page.evaluate(
        """async (id) => {
          const body = JSON.stringify({ correlationId: id, amount: 666 });
          const calls = [["/payments", { method: "POST", headers: { "content-type": "application/json" }, body }],
            ["/payments-summary", {}], ["/purge-payments", { method: "POST" }], ["/processors", {}],
            ["/processors/default/pause", { method: "POST", body: '{"reason": "x"}' }]];
          return Promise.all(calls.map(async ([path, how]) => (await (await fetch(path, how)).json()).error));
        }""",
        payment_id,
    )
    assert results == ["key_missing" if case.secret else "wrong_host"] * 5
    assert await case.is_unknown(payment_id)
    assert await case.counted() == 1
    await context.close()


@pytest.mark.parametrize("case", ["closed"], indirect=True)
async def test_an_operator_signs_in_looks_and_signs_out(case: Case, browser: Browser) -> None:
    """With a wrong key first; the browser logs no error, and no script can read the key."""
    assert case.secret is not None
    async with Operator.looking(browser, case.stack.http_url) as operator:
        page = operator.page
        await expect(page).to_have_title("Sign in - Tarifa")
        await page.get_by_label("An API key with the scope read").fill("tarifa_wrong")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_contain_text("This key is unknown")
        assert [text for text in operator.complaints if "status of 401" not in text] == []
        operator.complaints.clear()
        await page.get_by_label("An API key with the scope read").fill(case.secret)
        await page.get_by_role("button", name="Sign in").click()
        await operator.until_state("well")
        await expect(page.locator("#caller")).to_contain_text("Signed in with operator")
        assert await page.evaluate("document.cookie") == ""
        (cookie,) = await page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["value"]) == (True, "Strict", case.secret)
        await expect(await operator.look_up(case.known)).to_contain_text("Settled at")
        other = await page.context.new_page()
        await other.goto(case.stack.http_url)
        await other.get_by_role("button", name="Sign out").click()
        await expect(other).to_have_title("Sign in - Tarifa")
        assert await page.context.cookies() == []
        assert operator.complaints == []
        # The page that was still open must sign in again with its next request.
        await operator.look_up(case.known)
        await expect(page).to_have_title("Sign in - Tarifa", timeout=PATIENCE_MS)
