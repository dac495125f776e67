"""The promises of the README, kept by all parts together."""

import asyncio
import signal
from datetime import datetime

from tests.e2e.running_system import RunningSystem, new_id, until


async def test_a_payment_is_settled_and_counted(system: RunningSystem) -> None:
    """A payment answered 202 is booked at the cheapest processor, shown as settled, and counted to the cent."""
    before = await system.summary()
    payment_id = new_id()
    answer = await system.pay(payment_id, 12.34)
    assert answer.status_code == 202
    await system.until_settled([payment_id])
    shown = await system.payment(payment_id)
    assert shown["processor"] == "default"
    assert shown["amount"] == 12.34
    booked = (await system.book("default"))[payment_id]
    assert datetime.fromisoformat(booked["requestedAt"]) == datetime.fromisoformat(shown["requestedAt"])
    after = await system.summary()
    assert after["default"]["totalRequests"] == before["default"]["totalRequests"] + 1
    assert round(after["default"]["totalAmount"] - before["default"]["totalAmount"], 2) == 12.34
    assert after["fallback"] == before["fallback"]


async def test_a_payment_is_settled_while_its_client_waits(system: RunningSystem) -> None:
    """One request through the balancer: 200 says where it was charged, which is true, and it is charged once."""
    payment_id = new_id()
    body = {"correlationId": payment_id, "amount": 12.34}
    answer = await system.http.post("/payments", json=body, headers={"Prefer": "wait=30"})
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "wait=30")
    assert (answer.json()["status"], answer.json()["processor"]) == ("settled", "default")
    assert answer.json() == await system.payment(payment_id)
    await system.assert_charged_once([payment_id])


async def test_a_client_that_waits_during_an_outage_is_answered_when_it_ends(system: RunningSystem) -> None:
    """By POST and by GET; beyond the balancer's ordinary timeout."""
    await system.set_processor("default", failing=True)
    await system.set_processor("fallback", failing=True)
    ids = [new_id(), new_id()]
    prefers = {"Prefer": "wait=30"}
    pays = [
        asyncio.create_task(system.http.post("/payments", json={"correlationId": each, "amount": 1}, headers=prefers))
        for each in ids
    ]
    await until(lambda: _are_known(system, ids), "both are stored")
    asks = [asyncio.create_task(system.http.get(f"/payments/{each}", headers=prefers)) for each in ids]
    await asyncio.sleep(2.5)  # the balancer's timeout for an ordinary payment is 2 s
    assert not any(task.done() for task in (*pays, *asks))
    await system.set_processor("default", failing=False)
    await system.set_processor("fallback", failing=False)
    for answer in await asyncio.gather(*pays, *asks):
        assert answer.headers["Preference-Applied"] == "wait=30"
        assert answer.status_code == 200 or answer.json()["status"] == "accepted"  # a busy machine may take longer
    await system.until_settled(ids)
    await system.assert_charged_once(ids)


async def test_a_summary_of_a_period_equals_what_the_processor_recorded(system: RunningSystem) -> None:
    """Both ends are inclusive, to the millisecond of requestedAt."""
    ids = await system.pay_many(20)
    await system.until_settled(ids)
    book = {key: datetime.fromisoformat(row["requestedAt"]) for key, row in (await system.book("default")).items()}
    stamps = sorted(book[payment_id] for payment_id in ids)
    first, last = stamps[3], stamps[-3]
    inside = await system.summary(**{"from": first.isoformat(), "to": last.isoformat()})
    assert inside["default"]["totalRequests"] == sum(first <= stamp <= last for stamp in book.values())


async def test_fallback_is_used_when_default_stays_down_beyond_the_deadline(system: RunningSystem) -> None:
    """A payment is held for the cheap processor, then sent to the expensive one, and charged once."""
    await system.set_processor("default", failing=True)
    ids = await system.pay_many(30)
    await system.until_settled(ids)
    await system.set_processor("default", failing=False)
    where = await system.where(ids)
    assert all(found == ["fallback"] for found in where.values())
    await system.assert_charged_once(ids)


async def test_default_keeps_everything_when_it_is_merely_slower(system: RunningSystem) -> None:
    """A slower cheap processor that still carries the load in time costs nobody the higher fee."""
    await _until_default_serves(system)
    await system.set_processor("default", delay_ms=200)
    ids = await system.pay_many(100)
    await system.until_settled(ids)
    assert all(found == ["default"] for found in (await system.where(ids)).values())


async def test_a_short_outage_of_default_costs_nobody_the_higher_fee(system: RunningSystem) -> None:
    """What is accepted during an outage shorter than the deadline waits, and is settled at the cheap processor."""
    await _until_default_serves(system)
    await system.set_processor("default", failing=True)
    await system.set_processor("fallback", failing=True)  # so that on a slow machine the deadline cannot move them
    ids = await system.pay_many(30)
    await system.set_processor("default", failing=False)
    await system.until_settled(ids)
    assert all(found == ["default"] for found in (await system.where(ids)).values())


async def test_both_down_and_nothing_is_lost(system: RunningSystem) -> None:
    """With no processor at work payments are still accepted, and settled once one comes back."""
    await system.set_processor("default", failing=True)
    await system.set_processor("fallback", failing=True)
    ids = await system.pay_many(50)
    await asyncio.sleep(1)
    assert {(await system.payment(payment_id))["status"] for payment_id in ids} == {"accepted"}
    await system.set_processor("default", failing=False)
    await system.set_processor("fallback", failing=False)
    await system.until_settled(ids)
    await system.assert_charged_once(ids)


async def test_a_replayed_id_is_charged_once_also_in_another_spelling(system: RunningSystem) -> None:
    """The same id again is the same payment, before and after it is settled; another amount is a conflict."""
    payment_id = new_id()
    first = await system.pay(payment_id)
    again = await system.pay(payment_id.upper())
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["Idempotent-Replayed"] == "true"
    await system.until_settled([payment_id])
    replayed = await system.pay(payment_id)
    assert (replayed.status_code, replayed.headers["Idempotent-Replayed"]) == (202, "true")
    assert (await system.pay(payment_id, 5)).status_code == 409
    await system.assert_charged_once([payment_id])


async def test_a_restarted_ledger_returns_the_same_summary(system: RunningSystem) -> None:
    """Killed and restarted, the ledger replays to the same summary."""
    ids = await system.pay_many(50)
    await system.until_settled(ids)
    before = await system.summary()
    died = system.stack.kill("ledger", signal.SIGKILL)
    system.stack.wait_restarted("ledger", died)
    await until(lambda: _is_ready(system), "the ledger is ready again")
    assert await system.summary() == before
    await system.assert_charged_once(ids)


async def test_a_dispatcher_killed_during_calls_charges_nobody_twice(system: RunningSystem) -> None:
    """A dispatcher killed during calls leaves payments in doubt, and the next one settles each once."""
    await _until_default_serves(system)
    await system.set_processor("default", delay_ms=300)
    ids = await system.pay_many(60)
    died = system.stack.kill("dispatcher-1", signal.SIGKILL)
    system.stack.wait_restarted("dispatcher-1", died)
    await system.until_settled(ids)
    await system.assert_charged_once(ids)


async def test_nats_killed_under_load_loses_nothing(system: RunningSystem) -> None:
    """Clients repeat what is answered 503 while NATS is away; every payment answered 202 is charged once."""
    paying = asyncio.create_task(system.pay_many(300, at_once=8))
    await asyncio.sleep(0.3)
    died = system.stack.kill("nats", signal.SIGKILL)
    system.stack.wait_restarted("nats", died)
    ids = await paying
    await until(lambda: _is_ready(system), "the stack is ready again")
    await system.until_settled(ids)
    await system.assert_charged_once(ids)


async def test_a_purge_empties_the_summary(system: RunningSystem) -> None:
    """After POST /purge-payments the summary is empty, and later payments are counted again."""
    await system.until_settled(await system.pay_many(3))
    assert (await system.http.post("/purge-payments")).status_code == 200

    async def is_empty() -> bool:
        return all(totals["totalRequests"] == 0 for totals in (await system.summary()).values())

    await until(is_empty, "the summary is empty")
    await system.until_settled(await system.pay_many(3))
    assert (await system.summary())["default"] == {"totalRequests": 3, "totalAmount": 59.7}


async def _is_ready(system: RunningSystem) -> bool:
    return (await system.http.get("/readyz")).status_code == 200


async def _are_known(system: RunningSystem, ids: list[str]) -> bool:
    return all([(await system.payment(each))["status"] == "accepted" for each in ids])


async def _until_default_serves(system: RunningSystem) -> None:
    """Wait until a new payment goes to default again: an earlier test may have made it fail."""

    async def serves() -> bool:
        payment_id = new_id()
        await system.pay_until_accepted(payment_id)
        await system.until_settled([payment_id])
        return (await system.payment(payment_id))["processor"] == "default"

    await until(serves, "default serves again")
