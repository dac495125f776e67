"""Which users may connect: a refusal is one sentence at the start, and later an error in the log."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from services.access.bus_credentials import BusCredentials
from services.access.nkey import NKey
from services.access.secret_file import write_secret
from services.bus.wire.connection import Bus, NotAdmittedError
from services.contracts.permissions import USERS
from tests.integration.access.closed_server import ClosedServer
from tests.nats_server import PATIENCE_S, NatsServer, until

SENTENCE = "does not know this user: see NATS_CREDENTIALS, and the users in the server's configuration"


@pytest.mark.parametrize("key", [None, NKey.new()], ids=["nobody", "a stranger"])
async def test_an_unknown_user_is_not_admitted(closed: ClosedServer, key: NKey | None) -> None:
    """And does not retry forever."""
    with pytest.raises(NotAdmittedError, match=f"^NATS at {closed.server.url} {SENTENCE}$"):
        await asyncio.wait_for(Bus.connect(closed.server.url, "test", credentials=BusCredentials(key)), PATIENCE_S)


@pytest.mark.parametrize("program", ["services.ingress", "services.dispatcher", "services.ledger", "services.audit"])
async def test_a_program_that_is_not_admitted_does_not_start(
    closed: ClosedServer, program: str, tmp_path: Path
) -> None:
    """One line for the person who starts it, and the exit status of a wrong setting."""
    write_secret(tmp_path / "stranger.nk", NKey.new().seed)
    env = {"NATS_URL": closed.server.url, "NATS_CREDENTIALS": str(tmp_path / "stranger.nk")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", program), env=os.environ | env, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 2
    last = said.decode().splitlines()[-1]
    assert last == f"NATS at {closed.server.url} {SENTENCE}"


async def test_a_later_refusal_is_logged_and_retried(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It may just not have its new users yet; while it refuses, that is an error in the log, once."""
    closed = ClosedServer(tmp_path)
    closed.server.start()
    conf = tmp_path / "users.conf"
    text = conf.read_text()
    bus = await closed.bus("ingress")
    try:
        closed.server.kill()
        conf.write_text(text.replace(closed.keys["ingress"].public, NKey.new().public))
        closed.server.start()
        await until(lambda: SENTENCE in " ".join(str(vars(record)) for record in caplog.records), "the sentence")
        closed.server.kill()
        conf.write_text(text)
        closed.server.start()
        await until(lambda: bus.is_connected, "the reconnect")
    finally:
        await bus.close()
        closed.server.stop()
    said = [record for record in caplog.records if getattr(record, "error", "") == SENTENCE]
    assert [record.levelname for record in said] == ["ERROR"]


async def test_an_open_server_admits_everybody(nats_server: NatsServer, closed: ClosedServer) -> None:
    """Also with a key, which it does not ask for."""
    known = await Bus.connect(nats_server.url, "test", credentials=BusCredentials(closed.keys["ledger"]))
    await known.round_trip(PATIENCE_S)
    await known.close()


def test_keys_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    """A later start finds them; a damaged one is not replaced, since servers know its public half."""
    first = ClosedServer(tmp_path).keys
    assert ClosedServer(tmp_path).keys == first
    assert set(first) == set(USERS)
    folder = tmp_path / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    (folder / "ledger.nk").write_text("SU")
    with pytest.raises(ValueError, match="has no user's NKey seed"):
        ClosedServer(tmp_path)
