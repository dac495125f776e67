"""The balancer's guarantees, with a real nginx in front of two small instances on unix sockets."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from sandbox.stack.plan import balancer, ports
from services.bus.jetstream.lookup import LOOKUP_TIMEOUT_S
from services.ingress.adapters.payment_stream import LOOK_WITHIN_S, STORE_WITHIN_S
from services.ingress.core.preferences import WAIT_S_MAX
from tests.integration.sandbox.instances import PATIENCE_S, Instance, balanced, until

PAYMENT_READ_S = 2  # as nginx.conf says


@pytest.fixture
async def client(nginx_binary: Path, tmp_path: Path, instances: list[Instance]) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of an nginx in front of the instances."""
    async with (
        balanced(nginx_binary, tmp_path / "balancer", instances) as (_, port),
        httpx.AsyncClient(base_url=f"http://{ports.HOST}:{port}", timeout=PATIENCE_S, trust_env=False) as it,
    ):
        yield it


def test_the_configuration_is_accepted_without_a_warning(nginx_binary: Path, tmp_path: Path) -> None:
    """Nginx accepts the repository's file with the files that compose puts beside it."""
    folder = tmp_path / "balancer"
    balancer.write_conf(folder, listen="listen 9999;\n", upstreams=["127.0.0.1:8080", "127.0.0.1:8081"])
    done = subprocess.run([*balancer.command(nginx_binary, folder), "-t"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if "[" in line], done.stderr


async def test_both_instances_serve_on_connections_that_stay_open(
    client: httpx.AsyncClient, instances: list[Instance]
) -> None:
    """Requests are shared; connections to an instance are reused, and it gets the client's Host."""
    for _ in range(20):
        assert (await client.post("/payments", json={})).status_code == 202
    assert [len(instance.seen) for instance in instances] == [10, 10]
    assert [instance.connections for instance in instances] == [1, 1]
    assert "host: 127.0.0.1" in instances[0].seen[0]


async def test_while_one_instance_is_away_no_client_notices(
    client: httpx.AsyncClient, instances: list[Instance]
) -> None:
    """A refused connection moves the request to the other instance, a POST too: nothing of it was sent."""
    await instances[0].stop()
    answers = [await client.post("/payments", json={}) for _ in range(50)]
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, "two")}


async def test_an_instance_that_is_back_is_used_again(client: httpx.AsyncClient, instances: list[Instance]) -> None:
    """A failed instance is skipped only for a moment."""
    await instances[0].stop()
    for _ in range(10):
        await client.post("/payments", json={})
    instances[0].path.unlink()
    await instances[0].start()
    async with asyncio.timeout(PATIENCE_S):
        while (await client.post("/payments", json={})).text != "one":
            pass


async def test_a_payment_that_was_read_and_dropped_is_sent_to_the_other(
    client: httpx.AsyncClient, instances: list[Instance]
) -> None:
    """As when an instance is replaced: the id is one payment, whichever instance has read it."""
    instances[0].drops = True
    answers = [await client.post("/payments", json={}) for _ in range(4)]
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, "two")}
    assert len(instances[0].seen) == 1  # then it is not used for a while


async def test_a_frozen_instance_costs_a_client_a_wait_and_no_error(
    client: httpx.AsyncClient, instances: list[Instance]
) -> None:
    """One payment waits for it, and is answered by the other instance."""
    instances[0].is_frozen = True
    answers = [await client.post("/payments", json={}) for _ in range(4)]
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, "two")}
    assert len(instances[0].seen) == 1


async def test_after_both_were_away_an_instance_is_used_at_once(
    client: httpx.AsyncClient, instances: list[Instance]
) -> None:
    """Both are marked as failed, and both are tried."""
    for instance in instances:
        await instance.stop()
    assert (await client.post("/payments", json={})).status_code == 502
    instances[1].path.unlink()
    await instances[1].start()
    answer = await client.post("/payments", json={})
    assert (answer.status_code, answer.text) == (202, "two")


async def test_another_post_that_was_read_and_dropped_is_never_repeated(
    client: httpx.AsyncClient, instances: list[Instance]
) -> None:
    """Whatever happened in the first instance, no other receives it; the client gets 502 and may repeat it."""
    for instance in instances:
        instance.drops = True
    answer = await client.post("/purge-payments")
    assert sum(len(instance.seen) for instance in instances) == 1
    assert answer.status_code == 502
    assert answer.json()["error"] == "unavailable"
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Content-Type"] == "application/json"


async def test_a_post_dropped_on_a_connection_used_before_is_not_repeated(
    client: httpx.AsyncClient, instances: list[Instance]
) -> None:
    """Nginx allows one more try if a kept connection fails; that must not be a POST either."""
    for _ in range(4):
        await client.post("/purge-payments")
    for instance in instances:
        instance.seen.clear()
        instance.drops = True
    assert (await client.post("/purge-payments")).status_code == 502
    assert sum(len(instance.seen) for instance in instances) == 1


async def test_a_get_that_was_dropped_is_sent_to_the_other(
    client: httpx.AsyncClient, instances: list[Instance]
) -> None:
    """A GET changes nothing and so is repeated."""
    instances[0].drops = True
    answers = [await client.get("/payments-summary") for _ in range(4)]
    assert {answer.text for answer in answers} == {"two"}


async def test_an_instances_own_answer_passes_untouched(client: httpx.AsyncClient, instances: list[Instance]) -> None:
    """A 503 of ingress is an answer: it is neither repeated nor replaced."""
    for instance in instances:
        instance.answer = 503
    answer = await client.post("/payments", json={})
    assert (answer.status_code, answer.text) == (503, "one")
    assert not instances[1].seen


async def test_ingress_itself_refuses_most_bodies_that_are_too_large(
    client: httpx.AsyncClient, instances: list[Instance]
) -> None:
    """Ingress refuses what is over 4 KiB with its own error; nginx what is over 64 KiB, in the same form."""
    assert (await client.post("/payments", content=b"x" * 60_000)).status_code == 202
    answer = await client.post("/payments", content=b"x" * 70_000)
    assert answer.status_code == 413
    assert set(answer.json()) == {"error", "detail"}


async def test_without_any_instance_the_client_gets_a_502_at_once(
    client: httpx.AsyncClient, instances: list[Instance]
) -> None:
    """Both away: 502 as JSON with Retry-After."""
    for instance in instances:
        await instance.stop()
    for _ in range(8):  # refused at first, then known to be away
        answer = await client.post("/payments", json={})
        assert (answer.status_code, answer.json()["error"]) == (502, "unavailable")
        assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize(("method", "path"), [("POST", "/payments"), ("GET", "/payments/x"), ("HEAD", "/payments/x")])
async def test_a_request_that_waits_for_a_settlement_is_not_cut_off_and_sent_once(
    client: httpx.AsyncClient, instances: list[Instance], method: str, path: str
) -> None:
    """It may wait longer than other requests, at one instance; others are answered there meanwhile."""
    for instance in instances:
        instance.late_s = PAYMENT_READ_S + 1
    waiting = asyncio.create_task(client.request(method, path, headers={"Prefer": "wait=5"}))
    await until(lambda: any(instance.seen for instance in instances))
    for instance in instances:
        instance.late_s = 0
    assert (await client.post("/payments", json={})).status_code == 202
    assert (await waiting).status_code == 202
    asked = [head for instance in instances for head in instance.seen if "prefer: wait=5\r\n" in head]
    assert len(asked) == 1


async def test_a_waiting_request_is_sent_to_the_other_instance_if_one_stops(
    client: httpx.AsyncClient, instances: list[Instance]
) -> None:
    """Like every payment; no other request that changes anything is sent twice, whatever it prefers."""
    prefers = {"Prefer": "wait=5"}
    instances[0].drops = True
    answers = [await client.post("/payments", json={}, headers=prefers) for _ in range(4)]
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, "two")}
    instances[1].drops = True
    for instance in instances:
        instance.seen.clear()
    assert (await client.post("/purge-payments", headers=prefers)).status_code == 502
    assert sum(len(instance.seen) for instance in instances) == 1


def test_nginx_waits_longer_than_ingress_does() -> None:
    """A wait, the storing before it and the reads after it; an ordinary answer may take as long."""
    conf = balancer.CONF.read_text()
    for name in ("@asks_and_waits", "@pays_and_waits"):
        body = conf.partition(f"location {name} {{")[2].partition("}")[0]
        (read_s,) = re.findall(r"proxy_read_timeout (\d+)s;", body)
        assert int(read_s) >= WAIT_S_MAX + STORE_WITHIN_S + LOOK_WITHIN_S + 3 * LOOKUP_TIMEOUT_S
