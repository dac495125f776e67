"""Every way over TLS: clients at the door, and processors that want a certificate and a key of ours."""

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
from tests.e2e.river import PATIENCE_S, River
from tests.integration.tarifa.command_line import one_sentence, run
from tests.secure_processor import SecureProcessor, write_credentials

KEYS = {"default": "first-key-0123456789", "fallback": "other-key-0123456789"}
NEXT_KEY = "next-key-0123456789"
FEES = {"default": "0.05", "fallback": "0.15"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where certificates and credentials lie: not where the stack keeps anything."""
    return tmp_path_factory.mktemp("known")


@pytest.fixture(scope="module")
def processors(folder: Path) -> Iterator[dict[str, SecureProcessor]]:
    """Two, each with a key and a certificate of ours of its own."""
    authority = Authority(folder)
    running = {name: SecureProcessor(authority, name, key) for name, key in KEYS.items()}
    yield running
    for processor in running.values():
        processor.stop()


@pytest.fixture(scope="module")
def environment(folder: Path, processors: dict[str, SecureProcessor]) -> dict[str, str]:
    """A stack that calls them, and has a door over TLS itself."""
    seed = ",".join(f"{name}={each.url}@{FEES[name]}" for name, each in processors.items())
    credentials = write_credentials(folder / "credentials.json", *processors.values())
    more = {"PROCESSORS": seed, "PROCESSOR_CA": str(folder / "ca.pem"), "LOG_LEVEL": "DEBUG", "SETTLE_WITHIN_S": "1"}
    more |= {"TLS": "1"}
    return ENVIRONMENT | credentials | more


async def test_payments_are_settled_and_audited_over_tls_and_no_key_leaves_a_trace(
    river: River, processors: dict[str, SecureProcessor], environment: dict[str, str]
) -> None:
    """Neither in a log, at its most talkative, nor in a stream, a bucket, a metric or a finding."""
    ids = await river.pay_many(30)
    await river.until_settled(ids)
    assert set(processors["default"].book()) == set(ids)
    ended = await audit(river.stack, environment)
    assert (ended["complete"], ended["asked"], ended["differences"]) == (True, 30, 0), ended
    assert traces(river.stack, KEYS["default"], KEYS["fallback"], NEXT_KEY) == []


async def test_a_processor_whose_key_is_changed_is_done_without_until_it_is_known(
    river: River, processors: dict[str, SecureProcessor], folder: Path
) -> None:
    """It answers 401: nothing is booked there, it is failing, and the log says so. A file that is replaced is read."""
    default, fallback, said = processors["default"], processors["fallback"], len(river.stack.log_lines)
    default.stop()
    default.start(NEXT_KEY)
    processors_file = folder / "credentials.json"
    default.key = KEYS["default"]  # what we show it still
    ids = await river.pay_many(10)
    await river.until_settled(ids)
    assert set(ids) <= set(fallback.book())
    assert default.book() == {}
    line = river.stack.wait_line("dispatcher-1", "processor.misconfigured", said)
    assert '"detail":"401 ' in line
    default.key = NEXT_KEY
    processors_file.write_text("half of")
    river.stack.wait_line("dispatcher-1", "credentials.not_read", said)
    write_credentials(processors_file, default, fallback)
    river.stack.wait_line("dispatcher-1", "credentials.read", said)

    async def is_charged_at_default() -> bool:
        payment = await river.pay_many(1)
        await river.until_settled(payment)
        return set(payment) <= set(default.book())

    async with asyncio.timeout(PATIENCE_S):
        while not await is_charged_at_default():
            pass
    assert traces(river.stack, *KEYS.values(), NEXT_KEY) == []


async def test_a_command_and_a_page_come_in_by_the_doors_certificate(river: River) -> None:
    """The command line by TARIFA_CA, without which it says what it misses; the page's events flow as without TLS."""
    url, ca = river.stack.http_url, str(paths(river.stack.run_dir / "secrets/door").ca)
    paid = await asyncio.to_thread(run, "pay", "19.90", "--url", url, env={"TARIFA_CA": ca})
    assert (paid.returncode, paid.stderr) == (0, "")
    unknown = await asyncio.to_thread(run, "summary", "--url", url)
    assert unknown.returncode == 6
    sentence = f"{url} has no trusted certificate: name its authority's file in TARIFA_CA."
    assert one_sentence(unknown.stderr) == sentence
    wrong = await asyncio.to_thread(run, "summary", "--url", url, env={"TARIFA_CA": "/none"})
    assert wrong.returncode == 2
    assert one_sentence(wrong.stderr).startswith("TARIFA_CA names /none, which cannot be read")
    assert (await river.vitals())["processors"]


async def test_credentials_do_not_follow_a_processor_to_another_address(
    river: River, processors: dict[str, SecureProcessor], environment: dict[str, str]
) -> None:
    """Whoever may move it gets payments and no keys; the command and the dispatchers' log say that there are none."""
    said, url = len(river.stack.log_lines), processors["fallback"].url.replace("127.0.0.1", "localhost")
    told = await operator(river.stack, environment, "processors", "move", "fallback", "--to", url)
    assert f"has none for {url}: dispatchers send it none." in told
    line = river.stack.wait_line("dispatcher-1", "processor.without_credentials", said)
    assert url in line


async def audit(stack: Stack, environment: dict[str, str]) -> dict[str, object]:
    """Run an audit with the stack's settings; return its summary."""
    said = await operator(stack, environment, "__main__", "--json", "--rate", "1000")
    return dict(json.loads(said.splitlines()[-1])["summary"])


async def operator(stack: Stack, environment: dict[str, str], program: str, *arguments: str) -> str:
    """Run a program of services.audit with the stack's settings; return what it says."""
    env = {**os.environ, **environment, **stack.nats_env()}
    command = (sys.executable, "-m", f"services.audit.{program}", *arguments)
    process = await asyncio.create_subprocess_exec(
        *command, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0, (out, err)
    return out.decode()


def traces(stack: Stack, *keys: str) -> list[str]:
    """Return where one of the keys can be found: in the log, or in what the stack has stored."""
    found = [line for line in stack.log_lines if any(key in line for key in keys)]
    stored = [path for path in stack.run_dir.rglob("*") if path.is_file()]
    return found + [str(path) for path in stored if any(key.encode() in path.read_bytes() for key in keys)]
