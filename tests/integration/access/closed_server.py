"""A nats-server with the users of the permissions' table, and a client that sends each command by hand."""

import asyncio
import json
from pathlib import Path

from services.access.bus_credentials import BusCredentials
from services.access.certificates import Certificates
from services.access.key_folder import make_keys
from services.access.users_conf import authorization
from services.bus.wire.connection import Bus
from tests.nats_server import PATIENCE_S, NatsServer


class ClosedServer:
    """Only users with a key of ``keys`` may connect."""

    def __init__(self, folder: Path, certificates: Certificates | None = None) -> None:
        self.keys = make_keys(folder / "secrets")
        public = {user: key.public for user, key in self.keys.items()}
        conf = folder / "users.conf"
        conf.write_text(authorization(public, may_purge=False))
        if certificates is not None:
            tls = {"cert_file": str(certificates.server), "key_file": str(certificates.key)}
            conf.write_text(f"tls: {json.dumps(tls)}\n{conf.read_text()}")
        self.server = NatsServer(folder / "nats", "-c", str(conf))

    async def bus(self, user: str) -> Bus:
        """Return a connection as a service has it."""
        return await Bus.connect(self.server.url, user, credentials=BusCredentials(self.keys[user]))

    async def refusals(self, user: str, *commands: bytes) -> list[str]:
        """Send these commands as that user, and return the server's errors."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            async with asyncio.timeout(PATIENCE_S):
                nonce = json.loads((await reader.readline()).removeprefix(b"INFO "))["nonce"]
                key = self.keys[user]
                shown = {"verbose": False, "nkey": key.public, "sig": key.sign(nonce).decode(), "headers": True}
                writer.write(b"CONNECT %b\r\n" % json.dumps(shown).encode())
                writer.write(b"".join(commands))
                writer.write(b"PING\r\n")
                errors = []
                while (line := await reader.readline()) != b"PONG\r\n":
                    assert line, "the server closed the connection"
                    if line.startswith(b"-ERR"):
                        errors.append(line.decode().strip())
                return errors
        finally:
            writer.close()


def pub(subject: str, data: bytes = b"", reply: str = "") -> bytes:
    """Return the command that publishes."""
    return b"PUB %b %b %d\r\n%b\r\n" % (subject.encode(), reply.encode(), len(data), data)


def sub(subject: str) -> bytes:
    """Return the command that subscribes."""
    return b"SUB %b 1\r\n" % subject.encode()
