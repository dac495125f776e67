"""docker compose as it is handed in, and closed, on a real engine: both come up, settle, are upgraded and stop in time.

Skipped, with the reason, where there is no engine or no base image can be had.
"""

import asyncio
import json
import re
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.engine import CLOSED, OPEN, ROOT, Engine, environment, up

DOOR = "http://127.0.0.1:9999"
CLOSED_DOOR = "https://127.0.0.1:9999"
RATE = 50
SETTLED_WITHIN_S = 60.0
UPGRADED_WITHIN_S = 300.0
PAYMENTS = 20
INSTALLED = "import importlib.metadata as m; print(*{d.metadata['Name'] for d in m.distributions(path=['PATH'])})"


@pytest.fixture
def as_handed_in(tmp_path: Path) -> Iterator[Engine]:
    """docker-compose.yml, up."""
    with up(OPEN, tmp_path, lambda _: httpx.get(f"{DOOR}/readyz", timeout=1.0, trust_env=False)) as engine:
        yield engine


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Engine]:
    """docker-compose.closed.yml after it, up."""
    with up(CLOSED, tmp_path, ready) as engine:
        yield engine


def client(engine: Engine, key: str = "") -> httpx.Client:
    """Return a client that knows the closed door by the authority that its one-shot has made, and shows this key."""
    authority = engine.folder / "ca.pem"
    if not authority.exists():
        engine.run("cp", "nginx:/etc/tarifa/door/ca.pem", str(authority))
    context = ssl.create_default_context(cafile=authority)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=CLOSED_DOOR, verify=context, headers=headers, timeout=20.0, trust_env=False)


def ready(engine: Engine) -> httpx.Response:
    """Ask the closed door."""
    with client(engine) as http:
        return http.get("/readyz")


def settled(http: httpx.Client) -> int:
    """Return how many payments the summary has."""
    summary = http.get("/payments-summary").raise_for_status().json()
    return sum(int(each["totalRequests"]) for each in summary.values())


def until_settled(http: httpx.Client, count: int) -> None:
    """Wait until so many are; there must be no more."""
    deadline_s = time.monotonic() + SETTLED_WITHIN_S
    while settled(http) < count:
        assert time.monotonic() < deadline_s, f"{settled(http)} of {count} settled"
        time.sleep(0.1)
    assert settled(http) == count


async def pay_until(ended: asyncio.Event, http: httpx.AsyncClient) -> list[int]:
    """Pay at even distances until told to stop; return the statuses."""
    paying: list[asyncio.Task[int]] = []

    async def pay() -> int:
        body = {"correlationId": str(uuid.uuid4()), "amount": 19.9}
        return (await http.post("/payments", json=body)).status_code

    while not ended.is_set():
        paying.append(asyncio.create_task(pay()))
        await asyncio.sleep(1 / RATE)
    return await asyncio.gather(*paying)


async def test_an_upgrade_under_load_costs_no_request_and_a_stop_without_nats_is_in_time(as_handed_in: Engine) -> None:
    """Every payment is answered 202 and counted once, whatever is replaced meanwhile."""
    ended = asyncio.Event()
    async with httpx.AsyncClient(base_url=DOOR, timeout=20.0, trust_env=False) as http:
        paying = asyncio.create_task(pay_until(ended, http))
        env = environment(as_handed_in)
        upgrading = await asyncio.create_subprocess_exec(ROOT / "deploy" / "upgrade", env=env, stdout=-1, stderr=-2)
        async with asyncio.timeout(UPGRADED_WITHIN_S):
            said, _ = await upgrading.communicate()
        ended.set()
        statuses = await paying
    assert upgrading.returncode == 0, said.decode()
    assert set(statuses) == {202}
    with httpx.Client(base_url=DOOR, timeout=20.0, trust_env=False) as asking:
        until_settled(asking, len(statuses))
    nobody_may_do_more_than_it_needs(as_handed_in)
    the_bill_of_materials_is_what_is_installed(as_handed_in)
    as_handed_in.stop("nats")
    as_handed_in.stop("ledger", "dispatcher", "ingress-1")
    assert "Traceback" not in as_handed_in.run("logs", "--no-color")


def test_the_closed_form_lets_in_who_has_a_key_and_nobody_else(closed: Engine) -> None:
    """Payments are settled, a stranger on the network of NATS and its own services learn nothing, an operator does."""
    with client(closed) as nobody:
        assert nobody.post("/payments", json={}).status_code == 401
    key = closed.run("run", "--rm", "--no-deps", "keys", "add", "shop", "--scope", "pay,read").strip()
    pay(closed, key)
    nobody_may_do_more_than_it_needs(closed)
    for service in ("ledger", "dispatcher", "ingress"):
        name = f"{service}-1" if service == "ingress" else service
        seen = set(closed.run("exec", name, "ls", "/secrets").split())
        assert seen == {"ca.pem", f"{service}.nk"} | ({"api_keys.json"} if service == "ingress" else set())
    assert not re.findall(r"\S+\.nk", closed.run("exec", "nats", "ls", "/etc/tarifa/secrets"))
    stranger = audited(closed)
    assert stranger.returncode == 2
    assert "NATS_CREDENTIALS" in stranger.stderr or "NATS_CA" in stranger.stderr, stranger.stderr
    volume = f"{closed.environment['COMPOSE_PROJECT_NAME']}_secrets:/all:ro"
    keys = ("-e", "NATS_CREDENTIALS=/all/operator.nk", "-e", "NATS_CA=/all/ca.pem")
    operator = audited(closed, "-v", volume, *keys)
    assert operator.returncode == 0, operator.stdout + operator.stderr
    assert json.loads(operator.stdout.splitlines()[-1])["summary"]["asked"] == PAYMENTS
    is_upgraded_and_stops_in_time(closed, key)


def the_bill_of_materials_is_what_is_installed(as_handed_in: Engine) -> None:
    """Each package of the image, and no other beside."""
    bill = as_handed_in.folder / "bill.json"
    subprocess.run([sys.executable, "-m", "deploy.sbom", bill], check=True, cwd=ROOT, capture_output=True)
    named = {one["name"] for one in json.loads(bill.read_text())["components"] if one["type"] == "library"}
    (path,) = as_handed_in.run("exec", "ledger", "sh", "-c", "echo /packages/lib/python3*/site-packages").split()
    installed = as_handed_in.run("exec", "ledger", "python", "-c", INSTALLED.replace("PATH", path)).split()
    assert {re.sub(r"[._-]+", "-", name).lower() for name in installed} == named


def is_upgraded_and_stops_in_time(closed: Engine, key: str) -> None:
    """Its keys stay, and what was settled before is counted after it."""
    before = closed.run("exec", "ledger", "cat", "/secrets/ledger.nk")
    upgrade = subprocess.run(
        [ROOT / "deploy/upgrade"], env=environment(closed), capture_output=True, text=True, check=False
    )
    assert upgrade.returncode == 0, upgrade.stdout + upgrade.stderr
    assert closed.run("exec", "ledger", "cat", "/secrets/ledger.nk") == before
    reloaded = "Reloaded server configuration"
    assert reloaded in closed.run("logs", "--no-color", "nats"), "its users are those of the version before"
    with client(closed, key) as http:
        until_settled(http, PAYMENTS)
    closed.stop("nginx", "ingress-1", "ingress-2", "dispatcher", "ledger", "nats")
    assert "Traceback" not in closed.run("logs", "--no-color")


def pay(engine: Engine, key: str) -> None:
    """Pay some by the closed door as soon as it knows the key, and wait until they are settled."""
    with client(engine, key) as http:
        for _ in range(PAYMENTS):
            body = {"correlationId": str(uuid.uuid4()), "amount": 19.9}
            deadline_s = time.monotonic() + SETTLED_WITHIN_S
            while (answer := http.post("/payments", json=body)).status_code == 401:
                assert time.monotonic() < deadline_s, "an instance does not know the key"
                time.sleep(0.1)
            assert answer.status_code == 202
        until_settled(http, PAYMENTS)


def audited(engine: Engine, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the audit in a container of its own, on the networks of the dispatcher and without its key."""
    unset = ("-e", "NATS_CREDENTIALS=", "-e", "NATS_CA=")
    command = ("python", "-m", "services.audit", "--last", "1h", "--json")
    return engine.tried("run", "--rm", "--no-deps", *unset, *options, "dispatcher", *command)


def nobody_may_do_more_than_it_needs(engine: Engine) -> None:
    """As the kernel says of each first process; what the health check of each asks for holds, as its user."""
    services = engine.services()
    assert {"nats", "ledger", "dispatcher", "ingress-1", "ingress-2", "nginx"} == set(services)
    for service in services:
        status = dict(
            re.findall(r"^(\w+):\s+(.*)$", engine.run("exec", service, "cat", "/proc/1/status"), re.MULTILINE)
        )
        assert "0" not in status["Uid"].split()
        assert {int(status[each], 16) for each in ("CapEff", "CapPrm", "CapBnd", "CapInh")} == {0}
        assert status["NoNewPrivs"] == "1"
        told = engine.inspected(service)
        assert told["HostConfig"]["ReadonlyRootfs"] is True
        assert 0 < told["HostConfig"]["PidsLimit"] <= 128
        engine.run("exec", service, *told["Config"]["Healthcheck"]["Test"][1:])
