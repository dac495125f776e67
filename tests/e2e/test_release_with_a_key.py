"""An operator with a key of his own releases a payment to a processor that is paused."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from services.keys.key import Key, Scope, hash_of
from services.keys.key_file import write_keys
from tests.e2e.doubtful import Doubtful
from tests.e2e.fake_processor import two
from tests.e2e.released import BRISK, WHY, in_doubt, look, release
from tests.e2e.replay import running_stack
from tests.e2e.running_system import PATIENCE_S, RunningSystem, new_id, until
from tests.e2e.scripted import Scripted


def key(name: str, *scopes: Scope) -> Key:
    """Return a key whose secret is its name."""
    return Key(name, hash_of(name.encode()), scopes, 1e6, 1_000_000, datetime.now(UTC))


async def operators_log(system: RunningSystem) -> list[dict[str, str]]:
    """Return the operators' log, as the command prints it for programs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.audit.log", "operators", "--json"),
        env={**os.environ, **system.stack.nats_env()},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return [json.loads(line) for line in out.decode().splitlines()]


async def test_released_with_a_key_to_a_paused_processor_where_it_waits(tmp_path: Path) -> None:
    """The answer warns of the pause; the log has the key's name; a key that may only read may not even look."""
    default, fallback = Doubtful(books=False), Scripted()
    keys = (key("desk", "pay", "read", "operate"), key("reader", "read"))
    write_keys(tmp_path / "keys.json", keys)
    async with two(default, fallback) as processors:
        env = BRISK | {"PROCESSORS": processors, "API_KEYS": str(tmp_path / "keys.json")}
        async with running_stack(tmp_path / "run", **env) as system:
            system.http.headers["Authorization"] = "Bearer desk"
            (seen,) = await in_doubt(system, 1)
            payment_id = seen["correlationId"]
            reader = {"Authorization": "Bearer reader"}
            for method in ("GET", "POST"):
                denied = await system.http.request(method, f"/payments/{payment_id}/release", headers=reader)
                assert (denied.status_code, denied.json()["error"]) == (403, "scope_missing")
            pause = await system.http.post("/processors/fallback/pause", json={"reason": "their maintenance"})
            assert pause.status_code == 200
            (warning,) = (await look(system, payment_id))["warnings"]
            done = await release(system, seen)
            assert (done.status_code, done.json()["warnings"]) == (200, [warning])
            assert "by desk (their maintenance): a payment released to it waits there until it is resumed." in warning

            async def waits_there() -> bool:
                waiting = (await system.payment(payment_id))["waitingFor"]
                return waiting is not None and (waiting["processor"], waiting["released"]) == ("fallback", True)

            await until(waits_there, "it waits for the paused one")
            posts = default.posts
            await system.pay_until_accepted(other := new_id())
            await until(lambda: asyncio.sleep(0, default.posts > posts), "another payment is sent where none is paused")
            assert fallback.posts == []
            assert (await system.http.post("/processors/fallback/resume")).status_code == 200
            await system.until_settled([payment_id])
            assert fallback.posts == [payment_id]
            assert (await system.payment(other))["status"] == "accepted"
            events = [event for event in await operators_log(system) if event["kind"] == "release"]
            assert [(each["step"], each["user"], each["who"]) for each in events] == [
                ("asked", "ingress", "desk"),
                ("done", "ingress", "desk"),
            ]
            assert (events[0]["target"], events[0]["detail"], events[0]["reason"]) == (
                payment_id,
                "from default to fallback",
                WHY,
            )
