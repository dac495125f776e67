"""HTTPS for clients: a real nginx with a certificate, configured by its files alone."""

import asyncio
import signal
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from sandbox.stack.plan.ports import HOST
from services.access.certificates import Certificates, make_certificates
from tests.integration.sandbox.instances import PATIENCE_S, Instance, balanced, until

NAMED = ["localhost", HOST]
YEAR = "max-age=31536000"


@dataclass
class TlsBalancer:
    """An nginx with TLS, and its certificates."""

    nginx: asyncio.subprocess.Process
    port: int
    files: Certificates

    def context(self) -> ssl.SSLContext:
        """Return a context with which a client verifies its certificate."""
        return ssl.create_default_context(cafile=self.files.ca)

    def client(self, host: str = HOST) -> httpx.AsyncClient:
        """Return a client that calls it by this name."""
        url = f"https://{host}:{self.port}"
        return httpx.AsyncClient(base_url=url, verify=self.context(), timeout=PATIENCE_S, trust_env=False)

    def shown(self, context: ssl.SSLContext) -> tuple[int, str | None, str | None]:
        """Connect; return the certificate's serial number, the TLS version and the negotiated protocol."""
        with (
            socket.create_connection((HOST, self.port), PATIENCE_S) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as tls,
        ):
            number = int(str((tls.getpeercert() or {})["serialNumber"]), 16)
            return number, tls.version(), tls.selected_alpn_protocol()


@pytest.fixture
async def balancer(nginx_binary: Path, tmp_path: Path, instances: list[Instance]) -> AsyncIterator[TlsBalancer]:
    """An nginx with TLS in front of two instances."""
    files = make_certificates(tmp_path / "door", NAMED)
    async with balanced(nginx_binary, tmp_path / "balancer", instances, files) as (nginx, port):
        yield TlsBalancer(nginx, port, files)


async def test_requests_are_passed_on_as_https(balancer: TlsBalancer, instances: list[Instance]) -> None:
    """What a client itself claims about the protocol is not passed on."""
    async with balancer.client() as http:
        answer = await http.post("/payments", json={}, headers={"X-Forwarded-Proto": "gopher"})
    assert answer.status_code == 202
    (head,) = [head for instance in instances for head in instance.seen]
    assert head.count("x-forwarded-proto:") == 1
    assert "x-forwarded-proto: https\r\n" in head


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
async def test_http2_works_with_both_versions_of_tls(balancer: TlsBalancer, version: str) -> None:
    """Clients that do not offer it get HTTP/1.1."""
    context = balancer.context()
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    context.set_alpn_protocols(["h2", "http/1.1"])
    assert balancer.shown(context)[1:] == (version.replace("_", "."), "h2")
    context.set_alpn_protocols(["http/1.1"])
    assert balancer.shown(context)[2] == "http/1.1"


async def test_older_versions_and_ciphers_without_forward_secrecy_are_refused(balancer: TlsBalancer) -> None:
    """The server refuses them; the client would accept them."""
    weak = balancer.context()
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("AES128-SHA:AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        balancer.shown(weak)


async def test_every_answer_makes_browsers_use_tls_only(balancer: TlsBalancer, instances: list[Instance]) -> None:
    """Also nginx's own errors; but not for this machine's own name, where it would apply to all ports."""
    async with balancer.client() as http, balancer.client("localhost") as local:
        for status in (202, 404):
            instances[0].answer = instances[1].answer = status
            answer = await http.get("/")
            assert (answer.status_code, answer.headers["Strict-Transport-Security"]) == (status, YEAR)
        assert "Strict-Transport-Security" not in (await local.get("/")).headers
        for instance in instances:
            await instance.stop()
        answer = await http.get("/")
        assert (answer.status_code, answer.headers["Strict-Transport-Security"]) == (502, YEAR)
        assert answer.headers["Retry-After"] == "1"


async def test_a_certificate_and_a_key_that_do_not_match_change_nothing(balancer: TlsBalancer, tmp_path: Path) -> None:
    """As when only one of the files was replaced: the old certificate is used until a SIGHUP after both were."""
    before, key = balancer.shown(balancer.context())[0], balancer.files.key.read_bytes()
    balancer.files.key.write_bytes(make_certificates(tmp_path / "other", NAMED).key.read_bytes())
    balancer.nginx.send_signal(signal.SIGHUP)
    async with balancer.client() as http:
        for _ in range(20):
            assert (await http.post("/payments", json={})).status_code == 202
            assert balancer.shown(balancer.context())[0] == before
            await asyncio.sleep(0.01)
    assert balancer.nginx.returncode is None
    balancer.files.key.write_bytes(key)


async def test_plain_http_is_refused_in_the_form_of_all_errors(
    balancer: TlsBalancer, instances: list[Instance]
) -> None:
    """No instance receives it."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        answer = await http.post(f"http://{HOST}:{balancer.port}/payments", json={})
    assert (answer.status_code, answer.json()["error"]) == (400, "https_required")
    assert answer.headers["Content-Type"] == "application/json"
    assert [head for instance in instances for head in instance.seen] == []


async def test_new_certificates_are_loaded_without_a_failed_request(balancer: TlsBalancer) -> None:
    """After a SIGHUP; clients that connect meanwhile, in eight concurrent sequences, are all answered."""
    before, known = balancer.shown(balancer.context())[0], balancer.context()
    is_over, counts = asyncio.Event(), [0] * 8

    async def comes(number: int) -> None:
        while not is_over.is_set():
            async with httpx.AsyncClient(verify=known, timeout=PATIENCE_S, trust_env=False) as http:
                answer = await http.post(f"https://{HOST}:{balancer.port}/payments", json={})
            assert answer.status_code == 202
            counts[number] += 1

    async with asyncio.TaskGroup() as clients:
        for number in range(len(counts)):
            clients.create_task(comes(number))
        await until(lambda: min(counts) > 1)
        for path in (balancer.files.ca, balancer.files.server, balancer.files.key):
            path.unlink()
        make_certificates(balancer.files.ca.parent, NAMED)
        known.load_verify_locations(balancer.files.ca)
        balancer.nginx.send_signal(signal.SIGHUP)
        await until(lambda: balancer.shown(known)[0] != before)
        seen = list(counts)
        await until(lambda: all(now > then + 1 for now, then in zip(counts, seen, strict=True)))
        is_over.set()
