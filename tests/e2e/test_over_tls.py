"""TLS everywhere: clients to the balancer, and calls to processors that ask for our certificate and key."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.stack import Stack
from services.access.certificates import paths
from tests.certificates import Authority
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.running_system import PATIENCE_S, RunningSystem
from tests.integration.tarifa.command_line import one_sentence, run
from tests.secure_processor import SecureProcessor, write_credentials

KEYS = {"default": "first-key-0123456789", "fallback": "other-key-0123456789"}
NEXT_KEY = "next-key-0123456789"
FEES = {"default": "0.05", "fallback": "0.15"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of certificates and credentials, outside the stack's own."""
    return tmp_path_factory.mktemp("known")


@pytest.fixture(scope="module")
def processors(folder: Path) -> Iterator[dict[str, SecureProcessor]]:
    """Two, each with its own key and client certificate of ours."""
    authority = Authority(folder)
    running = {name: SecureProcessor(authority, name, key) for name, key in KEYS.items()}
    yield running
    for processor in running.values():
        processor.stop()


@pytest.fixture(scope="module")
def environment(folder: Path, processors: dict[str, SecureProcessor]) -> dict[str, str]:
    """A stack that calls them, and serves TLS itself."""
    seed = ",".join(f"{name}={each.url}@{FEES[name]}" for name, each in processors.items())
    credentials = write_credentials(folder / "credentials.json", *processors.values())
    more = {"PROCESSORS": seed, "PROCESSOR_CA": str(folder / "ca.pem"), "LOG_LEVEL": "DEBUG", "SETTLE_WITHIN_S": "1"}
    more |= {"TLS": "1"}
    return ENVIRONMENT | credentials | more


async def test_payments_are_settled_and_audited_over_tls_and_no_key_leaves_a_trace(
    system: RunningSystem, processors: dict[str, SecureProcessor], environment: dict[str, str]
) -> None:
    """No key is in the log at level DEBUG, in a stream, a bucket, a metric or a finding."""
    ids = await system.pay_many(30)
    await system.until_settled(ids)
    assert set(processors["default"].book()) == set(ids)
    ended = await audit(system.stack, environment)
    assert (ended["complete"], ended["asked"], ended["differences"]) == (True, 30, 0), ended
    assert traces(system.stack, KEYS["default"], KEYS["fallback"], NEXT_KEY) == []


async def test_a_processor_with_a_new_key_is_failing_until_the_file_has_that_key(
    system: RunningSystem, processors: dict[str, SecureProcessor], folder: Path
) -> None:
    """It answers 401: nothing is booked there, it is failing, and that is logged. A replaced file is read."""
    default, fallback, since = processors["default"], processors["fallback"], len(system.stack.log_lines)
    default.stop()
    default.start(NEXT_KEY)
    processors_file = folder / "credentials.json"
    default.key = KEYS["default"]  # what we still send
    ids = await system.pay_many(10)
    await system.until_settled(ids)
    assert set(ids) <= set(fallback.book())
    assert default.book() == {}
    line = system.stack.wait_line("dispatcher-1", "processor.misconfigured", since)
    assert '"detail":"401 ' in line
    default.key = NEXT_KEY
    processors_file.write_text("half of")
    system.stack.wait_line("dispatcher-1", "credentials.not_read", since)
    write_credentials(processors_file, default, fallback)
    system.stack.wait_line("dispatcher-1", "credentials.read", since)

    async def is_charged_at_default() -> bool:
        payment = await system.pay_many(1)
        await system.until_settled(payment)
        return set(payment) <= set(default.book())

    async with asyncio.timeout(PATIENCE_S):
        while not await is_charged_at_default():
            pass
    assert traces(system.stack, *KEYS.values(), NEXT_KEY) == []


async def test_a_command_and_a_page_work_with_the_balancers_certificate(system: RunningSystem) -> None:
    """The command line by TARIFA_CA, which its error names when missing; the page's events work as without TLS."""
    url, ca = system.stack.http_url, str(paths(system.stack.run_dir / "secrets/door").ca)
    paid = await asyncio.to_thread(run, "pay", "19.90", "--url", url, env={"TARIFA_CA": ca})
    assert (paid.returncode, paid.stderr) == (0, "")
    unknown = await asyncio.to_thread(run, "summary", "--url", url)
    assert unknown.returncode == 6
    sentence = f"{url} has no trusted certificate: name its authority's file in TARIFA_CA."
    assert one_sentence(unknown.stderr) == sentence
    wrong = await asyncio.to_thread(run, "summary", "--url", url, env={"TARIFA_CA": "/none"})
    assert wrong.returncode == 2
    assert one_sentence(wrong.stderr).startswith("TARIFA_CA names /none, which cannot be read")
    assert (await system.vitals())["processors"]


async def test_credentials_do_not_follow_a_processor_to_another_address(
    system: RunningSystem, processors: dict[str, SecureProcessor], environment: dict[str, str]
) -> None:
    """Who can move a processor receives payments and no keys; the command and the dispatchers' log say so."""
    since, url = len(system.stack.log_lines), processors["fallback"].url.replace("127.0.0.1", "localhost")
    output = await operator(system.stack, environment, "processors", "move", "fallback", "--to", url)
    assert f"has none for {url}: dispatchers send it none." in output
    line = system.stack.wait_line("dispatcher-1", "processor.without_credentials", since)
    assert url in line


async def audit(stack: Stack, environment: dict[str, str]) -> dict[str, object]:
    """Run an audit with the stack's settings; return its summary."""
    output = await operator(stack, environment, "__main__", "--json", "--rate", "1000")
    return dict(json.loads(output.splitlines()[-1])["summary"])


async def operator(stack: Stack, environment: dict[str, str], program: str, *arguments: str) -> str:
    """Run a program of services.audit with the stack's settings; return its output."""
    env = {**os.environ, **environment, **stack.nats_env()}
    command = (sys.executable, "-m", f"services.audit.{program}", *arguments)
    process = await asyncio.create_subprocess_exec(
        *command, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0, (out, err)
    return out.decode()


def traces(stack: Stack, *keys: str) -> list[str]:
    """Return the log lines and stored files that contain one of the keys."""
    found = [line for line in stack.log_lines if any(key in line for key in keys)]
    stored = [path for path in stack.run_dir.rglob("*") if path.is_file()]
    return found + [str(path) for path in stored if any(key.encode() in path.read_bytes() for key in keys)]
