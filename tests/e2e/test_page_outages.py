"""The operator's page in a real browser, on a real stack, during outages: it shows what it cannot know."""

import signal

from playwright.async_api import Browser, expect

from tests.e2e.browser import PATIENCE_MS, Operator
from tests.e2e.running_system import RunningSystem, new_id, until

UNKNOWN = "\N{EN DASH}"


async def test_the_ledger_away_is_shown_and_its_return_too(operator: Operator, system: RunningSystem) -> None:
    """Totals stay as they were; payments are still accepted and settled."""
    await system.until_settled(await system.pay_many(20))
    before = int(sum(one["totalRequests"] for one in (await system.summary()).values()))
    await operator.until_shown("totals.settled", f"{before:,}")
    system.stack.kill("ledger", signal.SIGSTOP)
    try:
        await operator.until_trouble("totals are no longer updated")
        await expect(operator.service("ledger").locator(".chip")).to_have_text("silent")
        ids = await system.pay_many(5)
        await system.until_settled(ids)
        await expect(operator.shown("totals.settled")).to_have_text(f"{before:,}")
        await operator.screenshot("outage-ledger")
    finally:
        system.stack.kill("ledger", signal.SIGCONT)
    await operator.until_state("well")
    await operator.until_shown("totals.settled", f"{before + 5:,}")


async def test_the_dispatcher_away_is_shown_and_a_payment_waits_and_then_settles(
    operator: Operator, system: RunningSystem
) -> None:
    """The search result updates by itself."""
    system.stack.kill("dispatcher-1", signal.SIGSTOP)
    try:
        await operator.until_trouble("dispatcher-1 has not reported")
        payment_id = (await system.pay_many(3))[0]
        await operator.until_shown("payments.backlog", "3")
        await expect(operator.processor("default").locator(".chip:visible")).to_have_text("unknown")
        life = await operator.look_up(payment_id)
        await expect(life.locator(".verdict")).to_have_text("Accepted, waiting to be settled")
        await operator.screenshot("outage-dispatcher")
    finally:
        system.stack.kill("dispatcher-1", signal.SIGCONT)
    await expect(life.locator(".verdict")).to_have_text("Settled at default", timeout=PATIENCE_MS)
    await operator.until_state("well")
    await operator.until_shown("payments.backlog", "0")


async def test_nats_away_is_the_only_trouble_shown_and_its_return_too(
    operator: Operator, system: RunningSystem
) -> None:
    """The page stays connected: ingress keeps sending what it knows."""
    system.stack.kill("nats", signal.SIGSTOP)
    try:
        await operator.until_trouble("NATS has not reported for")
        await expect(operator.page.locator("#troubles li")).to_have_count(1)
        await expect(operator.shown("payments.backlog")).to_have_text(UNKNOWN)
        await operator.screenshot("outage-nats")
    finally:
        system.stack.kill("nats", signal.SIGCONT)
    await operator.until_state("well")
    await system.pay_until_accepted(new_id())


async def test_a_failing_processor_is_shown(operator: Operator, system: RunningSystem) -> None:
    """And so is where its payments go."""
    await system.set_processor("default", failing=True)
    await system.pay_many(10)
    await operator.until_trouble("default is failing: payments are settled at others")
    await expect(operator.processor("default").locator(".chip:visible")).to_have_text("failing")
    await operator.screenshot("processor-failing")
    await system.set_processor("default", failing=False)
    await operator.until_state("well")


async def test_ingress_away_is_shown_and_the_page_comes_back_by_itself(browser: Browser, system: RunningSystem) -> None:
    """Both instances are frozen, then killed and restarted; nobody reloads the page."""
    stack = system.stack
    async with Operator.looking(browser, stack.http_url) as operator:
        await operator.until_state("well")
        for name in ("ingress-1", "ingress-2"):
            stack.kill(name, signal.SIGSTOP)
        await operator.until_state("lost")
        await expect(operator.page.locator("#state")).to_contain_text("trying again")
        await operator.screenshot("outage-ingress")
        died = {name: stack.kill(name) for name in ("ingress-1", "ingress-2")}
        for name, pid in died.items():
            stack.wait_restarted(name, pid)
        await operator.until_state("well")

    async def both_serve() -> bool:
        return (await system.http.get("/readyz")).status_code == 200

    await until(both_serve, "ingress serves again")
