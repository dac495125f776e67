"""docker compose on a real engine, open (as for the challenge) and closed: both settle, upgrade and stop in time.

Skipped, with the reason, where there is no engine or no base image.
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

OPEN_URL = "http://127.0.0.1:9999"
CLOSED_URL = "https://127.0.0.1:9999"
RATE = 100
SETTLED_WITHIN_S = 60.0
UPGRADED_WITHIN_S = 300.0
PAYMENTS = 20
INSTALLED = "import importlib.metadata as m; print(*{d.metadata['Name'] for d in m.distributions(path=['PATH'])})"


@pytest.fixture
def open_stack(tmp_path: Path) -> Iterator[Engine]:
    """docker-compose.yml, running."""
    with up(OPEN, tmp_path, lambda _: httpx.get(f"{OPEN_URL}/readyz", timeout=1.0, trust_env=False)) as engine:
        yield engine


@pytest.fixture
def closed_stack(tmp_path: Path) -> Iterator[Engine]:
    """docker-compose.yml with docker-compose.closed.yml, running."""
    with up(CLOSED, tmp_path, ready) as engine:
        yield engine


def client(engine: Engine, key: str = "") -> httpx.Client:
    """Return a client of the closed stack that trusts its generated authority and sends this key."""
    authority = engine.folder / "ca.pem"
    if not authority.exists():
        engine.run("cp", "nginx:/etc/tarifa/door/ca.pem", str(authority))
    context = ssl.create_default_context(cafile=authority)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=CLOSED_URL, verify=context, headers=headers, timeout=20.0, trust_env=False)


def ready(engine: Engine) -> httpx.Response:
    """Request readiness from the closed stack."""
    with client(engine) as http:
        return http.get("/readyz")


def settled(http: httpx.Client) -> int:
    """Return how many payments the summary has."""
    summary = http.get("/payments-summary").raise_for_status().json()
    return sum(int(each["totalRequests"]) for each in summary.values())


def until_settled(http: httpx.Client, count: int) -> None:
    """Wait until this many are settled; there must be no more."""
    deadline_s = time.monotonic() + SETTLED_WITHIN_S
    while settled(http) < count:
        assert time.monotonic() < deadline_s, f"{settled(http)} of {count} settled"
        time.sleep(0.1)
    assert settled(http) == count


async def pay_until(ended: asyncio.Event, http: httpx.AsyncClient) -> list[int]:
    """Send payments at a steady rate until ``ended`` is set; return the statuses."""
    paying: list[asyncio.Task[int]] = []

    async def pay() -> int:
        body = {"correlationId": str(uuid.uuid4()), "amount": 19.9}
        return (await http.post("/payments", json=body)).status_code

    while not ended.is_set():
        paying.append(asyncio.create_task(pay()))
        await asyncio.sleep(1 / RATE)
    return await asyncio.gather(*paying)


async def test_an_upgrade_under_load_costs_no_request_and_a_stop_without_nats_is_in_time(open_stack: Engine) -> None:
    """Every payment is answered 202 and counted once while the parts are replaced."""
    ended = asyncio.Event()
    async with httpx.AsyncClient(base_url=OPEN_URL, timeout=20.0, trust_env=False) as http:
        paying = asyncio.create_task(pay_until(ended, http))
        env = environment(open_stack)
        upgrading = await asyncio.create_subprocess_exec(ROOT / "deploy" / "upgrade", env=env, stdout=-1, stderr=-2)
        async with asyncio.timeout(UPGRADED_WITHIN_S):
            output, _ = await upgrading.communicate()
        ended.set()
        statuses = await paying
    assert upgrading.returncode == 0, output.decode()
    assert set(statuses) == {202}
    with httpx.Client(base_url=OPEN_URL, timeout=20.0, trust_env=False) as asking:
        until_settled(asking, len(statuses))
    assert_least_privilege(open_stack)
    assert_bill_of_materials_is_what_is_installed(open_stack)
    open_stack.stop("nats")
    open_stack.stop("ledger", "dispatcher", "ingress-1")
    assert "Traceback" not in open_stack.run("logs", "--no-color")


def test_the_closed_stack_admits_only_clients_with_a_key(closed_stack: Engine) -> None:
    """Payments are settled; without credentials the network of NATS gives no access, with an operator's it does."""
    with client(closed_stack) as nobody:
        assert nobody.post("/payments", json={}).status_code == 401
    key = closed_stack.run("run", "--rm", "--no-deps", "keys", "add", "shop", "--scope", "pay,read").strip()
    pay(closed_stack, key)
    assert_least_privilege(closed_stack)
    for service in ("ledger", "dispatcher", "ingress"):
        name = f"{service}-1" if service == "ingress" else service
        seen = set(closed_stack.run("exec", name, "ls", "/secrets").split())
        assert seen == {"ca.pem", f"{service}.nk"} | ({"api_keys.json"} if service == "ingress" else set())
    assert not re.findall(r"\S+\.nk", closed_stack.run("exec", "nats", "ls", "/etc/tarifa/secrets"))
    stranger = audited(closed_stack)
    assert stranger.returncode == 2
    assert "NATS_CREDENTIALS" in stranger.stderr or "NATS_CA" in stranger.stderr, stranger.stderr
    volume = f"{closed_stack.environment['COMPOSE_PROJECT_NAME']}_secrets:/all:ro"
    keys = ("-e", "NATS_CREDENTIALS=/all/operator.nk", "-e", "NATS_CA=/all/ca.pem")
    operator = audited(closed_stack, "-v", volume, *keys)
    assert operator.returncode == 0, operator.stdout + operator.stderr
    assert json.loads(operator.stdout.splitlines()[-1])["summary"]["asked"] == PAYMENTS
    assert_upgrades_and_stops_in_time(closed_stack, key)


def assert_bill_of_materials_is_what_is_installed(open_stack: Engine) -> None:
    """Assert that the bill names each package of the image and no other."""
    bill = open_stack.folder / "bill.json"
    subprocess.run([sys.executable, "-m", "deploy.sbom", bill], check=True, cwd=ROOT, capture_output=True)
    named = {one["name"] for one in json.loads(bill.read_text())["components"] if one["type"] == "library"}
    (path,) = open_stack.run("exec", "ledger", "sh", "-c", "echo /packages/lib/python3*/site-packages").split()
    installed = open_stack.run("exec", "ledger", "python", "-c", INSTALLED.replace("PATH", path)).split()
    assert {re.sub(r"[._-]+", "-", name).lower() for name in installed} == named


def assert_upgrades_and_stops_in_time(closed_stack: Engine, key: str) -> None:
    """Assert that its keys stay, and that what was settled before the upgrade is counted after it."""
    before = closed_stack.run("exec", "ledger", "cat", "/secrets/ledger.nk")
    upgrade = subprocess.run(
        [ROOT / "deploy/upgrade"], env=environment(closed_stack), capture_output=True, text=True, check=False
    )
    assert upgrade.returncode == 0, upgrade.stdout + upgrade.stderr
    assert closed_stack.run("exec", "ledger", "cat", "/secrets/ledger.nk") == before
    reloaded = "Reloaded server configuration"
    assert reloaded in closed_stack.run("logs", "--no-color", "nats"), "its users are those of the version before"
    with client(closed_stack, key) as http:
        until_settled(http, PAYMENTS)
    closed_stack.stop("nginx", "ingress-1", "ingress-2", "dispatcher", "ledger", "nats")
    assert "Traceback" not in closed_stack.run("logs", "--no-color")


def pay(engine: Engine, key: str) -> None:
    """Send payments as soon as every instance knows the key, and wait until they are settled."""
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
    """Run the audit in a separate container, on the dispatcher's networks and without its key."""
    unset = ("-e", "NATS_CREDENTIALS=", "-e", "NATS_CA=")
    command = ("python", "-m", "services.audit", "--last", "1h", "--json")
    return engine.try_run("run", "--rm", "--no-deps", *unset, *options, "dispatcher", *command)


def assert_least_privilege(engine: Engine) -> None:
    """Assert it of each container's first process, by the kernel; and that its health check passes as its user."""
    services = engine.services()
    assert {"nats", "ledger", "dispatcher", "ingress-1", "ingress-2", "nginx"} == set(services)
    for service in services:
        status = dict(
            re.findall(r"^(\w+):\s+(.*)$", engine.run("exec", service, "cat", "/proc/1/status"), re.MULTILINE)
        )
        assert "0" not in status["Uid"].split()
        assert {int(status[each], 16) for each in ("CapEff", "CapPrm", "CapBnd", "CapInh")} == {0}
        assert status["NoNewPrivs"] == "1"
        container = engine.inspect(service)
        assert container["HostConfig"]["ReadonlyRootfs"] is True
        assert 0 < container["HostConfig"]["PidsLimit"] <= 128
        engine.run("exec", service, *container["Config"]["Healthcheck"]["Test"][1:])
