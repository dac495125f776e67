"""Who may call a real ingress that needs keys, on both paths of a payment; and what happens to a key."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from services.access.secret_file import write_secret
from services.bus.jetstream.state import stream_state
from services.bus.wire.connection import Bus
from services.bus.wire.message import Message
from services.contracts import subjects
from services.contracts.pulse import IngressPulse, decode
from services.keys.key_file import write_keys
from tests.integration.ingress.ingress_process import IngressProcess, free_port, new_id
from tests.integration.ingress.keys_in_use import KEYS, SIGNED_IN, WAYS, bearer, key, pay, slug
from tests.nats_server import PATIENCE_S, NatsServer, until

every_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of keys."""
    path = tmp_path / "api_keys.json"
    write_keys(path, KEYS)
    return path


@pytest.fixture
def ingress(tmp_path: Path, nats_server: NatsServer, file: Path) -> Iterator[IngressProcess]:
    """An ingress that needs them, reachable from other machines."""
    process = IngressProcess(tmp_path / "log", nats_server.url, ALLOW_PURGE="1", API_KEYS=str(file), INSTANCE="closed")
    process.listen_everywhere()
    try:
        yield process.start()
    finally:
        process.stop()


@pytest_asyncio.fixture
async def http(ingress: IngressProcess) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a Connection header of its own."""
    async with httpx.AsyncClient(base_url=ingress.url, timeout=PATIENCE_S, trust_env=False) as client:
        del client.headers["connection"]
        yield client


@every_way
async def test_a_payment_needs_a_key_that_may_pay(http: httpx.AsyncClient, bus: Bus, way: str) -> None:
    """Without a key, with a wrong one or another one it is refused, and nothing is stored."""
    with_way = WAYS[way]
    nobody = await pay(http, with_way)
    assert slug(nobody) == (401, "key_missing")
    assert nobody.headers["www-authenticate"] == "Bearer"
    unknown = await pay(http, with_way | bearer("nobody"))
    assert slug(unknown) == (401, "key_unknown")
    assert unknown.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    for name in ("reader", "operator"):
        denied = await pay(http, with_way | bearer(name))
        assert slug(denied) == (403, "scope_missing")
        assert denied.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="pay"'
    assert (await stream_state(bus, subjects.PAYMENTS)).messages == 0
    assert (await pay(http, with_way | bearer("payer"))).status_code == 202
    assert (await stream_state(bus, subjects.PAYMENTS)).messages == 1


@every_way
async def test_a_used_up_limit_is_429_with_retry_after(http: httpx.AsyncClient, way: str) -> None:
    """It is one limit on both paths; a key within its limit is not affected by one beyond it."""
    assert (await pay(http, bearer("slow"))).status_code == 202
    assert (await pay(http, bearer("slow") | WAYS["of the framework"])).status_code == 202
    refused = await pay(http, bearer("slow") | WAYS[way])
    assert slug(refused) == (429, "too_many_requests")
    assert 900 < int(refused.headers["retry-after"]) <= 1000
    assert (await pay(http, bearer("payer") | WAYS[way])).status_code == 202


async def test_each_route_needs_its_scope(http: httpx.AsyncClient) -> None:
    """And those that anybody may call reveal nothing about payments."""
    scopes: dict[tuple[str, str], str] = {
        ("GET", "/payments-summary"): "reader",
        ("GET", f"/payments/{new_id()}"): "reader",
        ("GET", "/"): "reader",
        ("HEAD", "/"): "reader",
        ("GET", "/processors"): "reader",
        ("POST", "/processors/default/pause"): "operator",
        ("POST", "/processors/default/resume"): "operator",
        ("POST", "/purge-payments"): "operator",
    }
    for (method, path), name in scopes.items():
        assert (await http.request(method, path)).status_code == 401, path
        others = {"payer", "reader", "operator"} - {name}
        assert {(await http.request(method, path, headers=bearer(other))).status_code for other in others} == {403}
        assert (await http.request(method, path, headers=bearer(name))).status_code not in {401, 403}, path
    pages = ("/docs", "/docs.js", "/page.css", "/page.js", "/page.svg", "/favicon.ico", "/sign-in")
    for path in ("/healthz", "/openapi.json", *pages):
        assert (await http.get(path)).status_code == 200, path


async def test_why_it_is_not_ready_is_answered_to_keys_that_may_read(http: httpx.AsyncClient) -> None:
    """There is no ledger here. A balancer needs the status alone."""
    stranger, reader = await http.get("/readyz"), await http.get("/readyz", headers=bearer("reader"))
    assert (stranger.status_code, reader.status_code) == (503, 503)
    assert "ledger" not in stranger.text
    assert "ledger" in reader.json()["detail"]


async def test_a_revoked_key_is_refused_and_what_it_watches_ends(http: httpx.AsyncClient, file: Path) -> None:
    """On the same connection, within about a second; an open page gets nothing more."""
    async with http.stream("GET", "/events", headers=SIGNED_IN) as page:
        lines = page.aiter_lines()
        caller = 'data: {"keyName":"both","mayOperate":false}'
        assert [await anext(lines) for _ in range(4)][2:] == ["event: caller", caller]
        assert (await pay(http, bearer("both"))).status_code == 202
        write_keys(file, tuple(one for one in KEYS if one.name != "both"))

        async def is_refused() -> bool:
            return slug(await pay(http, bearer("both"))) == (401, "key_unknown")

        await until(is_refused, "the end of the key")
        async with asyncio.timeout(PATIENCE_S):
            async for _ in lines:
                pass
    assert (await pay(http, bearer("payer"))).status_code == 202
    assert slug(await http.get("/payments-summary", headers=SIGNED_IN)) == (401, "key_unknown")


async def test_a_file_that_cannot_be_used_leaves_the_previous_keys_and_is_logged(
    http: httpx.AsyncClient, ingress: IngressProcess, bus: Bus, file: Path
) -> None:
    """Broken, readable by others, or gone: logged once each, and in the pulse, until it is fixed."""
    pulses: list[IngressPulse] = []

    def received(message: Message) -> None:
        pulse = decode(message.data)
        assert isinstance(pulse, IngressPulse)
        pulses.append(pulse)

    async def until_trouble(text: str) -> None:
        pulses.clear()
        await until(lambda: any(text in pulse.trouble for pulse in pulses), text)
        assert (await pay(http, bearer("payer"))).status_code == 202

    await bus.subscribe(subjects.pulse("ingress", "closed"), received)
    write_secret(file, '{"keys": [')
    await until_trouble("is not a file of keys")
    await asyncio.to_thread(file.chmod, 0o644)
    await until_trouble("others may read")
    await asyncio.to_thread(file.unlink)
    await until_trouble("cannot be read")
    write_keys(file, (*KEYS, key("another", "pay")))
    pulses.clear()
    await until(lambda: any(not pulse.trouble for pulse in pulses), "the end of the trouble")
    assert (await pay(http, bearer("another"))).status_code == 202
    assert ingress.events().count("keys.unusable") == 3


async def test_what_was_denied_is_counted(tmp_path: Path, nats_server: NatsServer, file: Path) -> None:
    """By the slug, to detect a client that tries keys."""
    where = f"127.0.0.1:{free_port()}"
    process = IngressProcess(tmp_path / "m.log", nats_server.url, API_KEYS=str(file), METRICS_LISTEN=where)
    try:
        async with httpx.AsyncClient(base_url=process.start().url, timeout=PATIENCE_S, trust_env=False) as http:
            await pay(http, bearer("nobody"))
            await http.get("/payments-summary")
            text = (await http.get(f"http://{where}/metrics")).text
    finally:
        process.stop()
    assert 'tarifa_requests_denied_total{reason="key_unknown"} 1.0' in text
    assert 'tarifa_requests_denied_total{reason="key_missing"} 1.0' in text


@pytest.mark.parametrize("text", [None, "", '{"keys": {}}', '{"keys": [{"name": "shop"}]}'])
def test_without_a_file_that_can_be_used_it_does_not_start(tmp_path: Path, text: str | None) -> None:
    """With 2, and the name of the setting; it does not even connect to NATS."""
    path = tmp_path / "api_keys.json"
    if text is not None:
        write_secret(path, text)
    process = IngressProcess(tmp_path / "log", "nats://127.0.0.1:1", API_KEYS=str(path)).spawn()
    assert process.wait() == 2
    assert process.log.read_text().startswith(f"API_KEYS names {path}, which ")


def test_beyond_loopback_it_does_not_start_open_unless_set_to(tmp_path: Path) -> None:
    """The sentence has both ways to fix it."""
    process = IngressProcess(tmp_path / "log", "nats://127.0.0.1:1", OPEN="0")
    process.listen_everywhere()
    assert process.spawn().wait() == 2
    said = process.log.read_text()
    assert said.startswith("API_KEYS must name a file of keys (tarifa keys add")
    assert "OPEN=1" in said


@pytest.mark.parametrize("proto", [None, "https"])
async def test_signing_in_stores_the_key_where_no_script_and_no_other_page_can_use_it(
    http: httpx.AsyncClient, proto: str | None
) -> None:
    """For TLS only if the browser came by TLS; signing out removes it."""
    own = {"Origin": str(http.base_url).rstrip("/"), **({"X-Forwarded-Proto": proto} if proto else {})}
    done = await http.post("/sign-in", data={"key": " both "}, headers=own)
    assert (done.status_code, done.headers["location"]) == (303, "./")
    wanted = "tarifa_key=both; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"
    assert done.headers["set-cookie"] == wanted + ("; Secure" if proto else "")
    out = await http.post("/sign-out", headers=own)
    assert out.headers["set-cookie"].startswith("tarifa_key=; Path=/; Max-Age=0;")


async def test_a_wrong_key_or_another_sites_page_signs_nobody_in(http: httpx.AsyncClient) -> None:
    """Another site's page could sign its visitor in with another key, or sign it out."""
    own = {"Origin": str(http.base_url).rstrip("/")}
    for body in (b"", b"key=nobody", b"key=payer", b"key=" + b"x" * 60_000, b"\xff=\xff&key", b"other=both"):
        wrong = await http.post("/sign-in", content=body, headers=own)
        assert (wrong.status_code, "set-cookie" in wrong.headers) == (401, False)
        assert 'role="alert">This key' in wrong.text
    for elsewhere in ({"Origin": "http://evil.test"}, {"Sec-Fetch-Site": "same-site"}, {}):
        for path in ("/sign-in", "/sign-out"):
            denied = await http.post(path, data={"key": "both"}, headers=elsewhere)
            assert slug(denied) == (403, "cross_site")


async def test_a_browser_without_a_key_is_sent_to_sign_in(http: httpx.AsyncClient) -> None:
    """A program gets what is missing."""
    sent = await http.get("/", headers={"Accept": "text/html,*/*"})
    assert (sent.status_code, sent.headers["location"]) == (303, "sign-in")
    assert slug(await http.get("/")) == (401, "key_missing")
    assert (await http.get("/", headers=SIGNED_IN | {"Accept": "text/html"})).status_code == 200


async def test_no_page_of_ours_has_anything_inline_or_in_a_frame(http: httpx.AsyncClient) -> None:
    """By the headers of each document."""
    for path in ("/", "/docs", "/sign-in"):
        headers = (await http.get(path, headers=bearer("reader"))).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
