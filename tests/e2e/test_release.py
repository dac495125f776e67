"""An operator releases a payment in doubt by HTTP: while it is being settled, twice at once, and across restarts."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.doubtful import Doubtful
from tests.e2e.fake_processor import three, two
from tests.e2e.released import BRISK, WHY, in_doubt, look, release, until_releasable
from tests.e2e.replay import running_stack, until_drained
from tests.e2e.running_system import RunningSystem, new_id, until
from tests.e2e.scripted import Scripted, charged_at

MANY = 24
FEW = 6


async def counted(system: RunningSystem) -> int:
    """Return how many payments the summary counts."""
    return sum(int(one["totalRequests"]) for one in (await system.summary()).values())


async def release_until_done(system: RunningSystem, seen: dict[str, Any]) -> int:
    """Release it, repeating the request while parts die; return how many requests it took."""
    tries = 0

    async def is_released() -> bool:
        nonlocal tries, seen
        tries += 1
        try:
            answer = await release(system, seen)
            if answer.status_code == 409:  # a dispatcher took it over from one that died
                assert answer.json()["error"] in {"overtaken", "not_in_doubt"}, answer.text
                again = await system.http.get(f"/payments/{seen['correlationId']}/release")
                if again.status_code == 200 and again.json()["refusal"] is None:
                    seen = again.json()
                return False
        except httpx.TransportError:
            return False
        assert answer.status_code in {200, 502, 503, 504}, answer.text
        return answer.status_code == 200

    await until(is_released, "it is released")
    return tries


async def test_a_repeated_release_is_the_same_release(tmp_path: Path) -> None:
    """Charged where the operator said, once; the same request again returns the same release, as a replay."""
    default, fallback = Doubtful(books=False), Doubtful()
    fallback.answers = True
    async with two(default, fallback) as processors, running_stack(tmp_path, PROCESSORS=processors, **BRISK) as system:
        (seen,) = await in_doubt(system, 1)
        payment_id = seen["correlationId"]
        assert (seen["from"], seen["to"], seen["inDoubt"], seen["released"]) == ("default", ["fallback"], True, None)
        assert seen["risk"].startswith("WHAT THIS RISKS: a double charge.")
        assert [(each["processor"], each["answer"]) for each in seen["answers"]] == [
            ("default", "not_charged"),
            ("fallback", "not_charged"),
        ]
        unconfirmed = await release(system, seen, acceptsDoubleCharge=False)
        assert (unconfirmed.status_code, unconfirmed.json()["error"]) == (400, "not_confirmed")
        assert (await look(system, payment_id))["from"] == "default"
        done = await release(system, seen)
        assert done.status_code == 200, done.text
        assert "Idempotent-Replayed" not in done.headers
        released = done.json()
        assert (released["status"], released["reason"]) == ("released", WHY)
        assert (released["from"], released["to"]) == ("default", "fallback")
        await system.until_settled([payment_id])
        for _ in range(2):
            again = await release(system, seen)
            assert (again.status_code, again.json(), again.headers["Idempotent-Replayed"]) == (200, released, "true")
        assert list(fallback.booked) == [payment_id]
        assert (await system.summary())["fallback"]["totalRequests"] == 1
        settled = await look(system, payment_id)
        assert (settled["status"], settled["refusal"]["error"]) == ("settled", "payment_settled")
        assert settled["released"] == {name: released[name] for name in ("from", "to", "reason", "releasedAt")}


async def test_what_may_not_be_released_is_refused_with_a_slug(tmp_path: Path) -> None:
    """Unknown, settled, or under way and not in doubt; a wrong processor or line. Nothing is sent for them."""
    default, fallback = Scripted(), Scripted()
    patient = BRISK | {"CALL_TIMEOUT_S": "60"}
    async with (
        two(default, fallback) as processors,
        running_stack(tmp_path, PROCESSORS=processors, **patient) as system,
    ):
        await system.pay_until_accepted(settled := new_id())
        await system.until_settled([settled])
        default.behaviour = "silent"
        await system.pay_until_accepted(under_way := new_id())
        await until(lambda: asyncio.sleep(0, under_way in default.posts), "it is sent")
        unknown = new_id()
        assert (await system.http.get(f"/payments/{unknown}/release")).json()["error"] == "no_such_payment"
        refused = {}
        for payment_id in (unknown, settled, under_way):
            asked = {"correlationId": payment_id, "from": "default", "line": 1}
            if payment_id == under_way:
                asked = await look(system, payment_id)
            answer = await release(system, asked)
            refused[payment_id] = answer.status_code, answer.json()["error"]
        assert refused == {
            unknown: (404, "no_such_payment"),
            settled: (409, "payment_settled"),
            under_way: (409, "not_in_doubt"),
        }
        seen = await look(system, under_way)
        assert (await release(system, seen, "third")).json()["error"] == "not_a_processor"
        assert (await release(system, seen, "default")).json()["error"] == "assigned_there"
        assert (await release(system, seen, line=seen["line"] + 1)).json()["error"] == "overtaken"
        default.come_back()
        await system.until_settled([under_way])
        assert fallback.posts == []


async def test_releases_while_the_processor_recovers_and_its_dispatcher_settles_them(tmp_path: Path) -> None:
    """One whose release is refused is charged at default, and only there."""
    default, fallback = Scripted("silent"), Scripted()
    async with two(default, fallback) as processors:
        env = BRISK | {"PROCESSORS": processors, "DISPATCHERS": "2"}
        async with running_stack(tmp_path, **env) as system:
            seen = await in_doubt(system, MANY)
            releasing = [asyncio.create_task(release(system, each)) for each in seen[: MANY // 2]]
            default.come_back()
            releasing += [asyncio.create_task(release(system, each)) for each in seen[MANY // 2 :]]
            answers = await asyncio.gather(*releasing)
            ids = [each["correlationId"] for each in seen]
            await system.until_settled(ids)
            await until_drained(system)
            charged = [charged_at(each, default=default, fallback=fallback) for each in ids]
            for answer, places in zip(answers, charged, strict=True):
                assert answer.status_code in {200, 409}, answer.text
                if answer.status_code == 409:
                    assert places == ["default"], answer.text
                else:
                    assert "fallback" in places or places == ["default"], "it was settled there before it was sent"
            assert sorted(default.booked) == sorted(
                each for each, places in zip(ids, charged, strict=True) if "default" in places
            )


async def test_of_two_concurrent_releases_to_two_processors_one_applies(tmp_path: Path) -> None:
    """By the order of the log, for all dispatchers; the other operator's request is refused."""
    default, fallback, third = Scripted("silent"), Scripted(), Scripted()
    async with (
        three(default, fallback, third) as processors,
        running_stack(tmp_path, PROCESSORS=processors, DISPATCHERS="2", **BRISK) as system,
    ):
        seen = await in_doubt(system, MANY)

        async def both(each: dict[str, Any]) -> tuple[httpx.Response, httpx.Response]:
            return await asyncio.gather(release(system, each, "fallback"), release(system, each, "third"))

        answers = await asyncio.gather(*map(both, seen))
        ids = [each["correlationId"] for each in seen]
        await system.until_settled(ids)
        for payment_id, (to_fallback, to_third) in zip(ids, answers, strict=True):
            places = charged_at(payment_id, default=default, fallback=fallback, third=third)
            assert len(places) == 1
            won, lost = (to_fallback, to_third) if places == ["fallback"] else (to_third, to_fallback)
            assert (won.status_code, lost.status_code) == (200, 409), (won.text, lost.text)
            assert lost.json()["error"] in {
                "overtaken",
                "assigned_elsewhere",
                "assigned_there",
                "not_assigned",
                "payment_settled",
            }
        assert default.booked == {}
        for each, (to_fallback, _) in zip(seen, answers, strict=True):
            to = "fallback" if to_fallback.status_code == 200 else "third"
            again = await release(system, each, to)
            assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true"), again.text
            assert (await look(system, each["correlationId"]))["released"]["to"] == to
        assert await counted(system) == MANY


async def test_one_that_fails_where_it_was_released_to_goes_nowhere_else(tmp_path: Path) -> None:
    """Not to the third, which no release announced, and not back: it waits there, or is released again."""
    default, fallback, third = Scripted("silent"), Scripted("failing"), Scripted()
    async with (
        three(default, fallback, third) as processors,
        running_stack(tmp_path, PROCESSORS=processors, **BRISK) as system,
    ):
        seen = await in_doubt(system, FEW)
        ids = [each["correlationId"] for each in seen]
        for each in seen:
            assert (await release(system, each)).status_code == 200
        await until(lambda: asyncio.sleep(0, all(fallback.posts.count(each) > 1 for each in ids)), "all failed")
        calls = list(default.posts)
        (again, *others) = [await until_releasable(system, each) for each in ids]
        assert {each["from"] for each in (again, *others)} == {"fallback"}
        assert (await release(system, again, "third")).status_code == 200
        fallback.come_back()
        await system.until_settled(ids)
        await until_drained(system)
        assert list(third.booked) == ids[:1]
        assert sorted(fallback.booked) == sorted(ids[1:])
        assert (default.booked, default.posts) == ({}, calls)


async def test_releases_survive_the_death_of_every_dispatcher_and_of_nats(tmp_path: Path) -> None:
    """After a 503 it may be done or not; the same request again does it once, or returns the one that was done."""
    default, fallback = Scripted("silent"), Scripted()
    async with two(default, fallback) as processors:
        env = BRISK | {"PROCESSORS": processors, "DISPATCHERS": "2"}
        async with running_stack(tmp_path, **env) as system:
            seen = await in_doubt(system, FEW)
            default.looks_up = False  # each release waits some seconds for its answer, and is under way when they die

            releasing = [asyncio.create_task(release_until_done(system, each)) for each in seen]
            for part in ("dispatcher-1", "dispatcher-2", "nats", "dispatcher-1"):
                died = system.stack.kill(part, signal.SIGKILL)
                await asyncio.to_thread(system.stack.wait_restarted, part, died)
            tries = await asyncio.gather(*releasing)
            assert max(tries) > 1, "nothing was interrupted"
            ids = [each["correlationId"] for each in seen]
            await system.until_settled(ids)
            await until_drained(system)
            assert sorted(fallback.booked) == sorted(ids)
            assert default.booked == {}
            assert await counted(system) == FEW
            for each in seen:
                again = await release(system, each)
                assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true"), again.text
