"""Three entries to the same service, each with its own store: the plain path, Sanic alone, and nginx in front."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.stack.plan import balancer
from services.bus.jetstream.api import call
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.stamp import EPOCH
from services.keys.key import RATE_MOST, Key, encode, hash_of
from tests.integration.ingress.ingress_process import IngressProcess
from tests.nats_server import PATIENCE_S, NatsServer
from tests.readings import vocabulary

# A key that may pay, and one that may only read.
PAYER = Key("payer", hash_of(vocabulary.PAYS.encode()), ("pay", "read"), RATE_MOST, RATE_MOST, EPOCH)
READER = Key("reader", hash_of(vocabulary.READS.encode()), ("read",), RATE_MOST, RATE_MOST, EPOCH)
FRAMEWORK_ONLY = "tests.readings.framework_only"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; ``path`` is the unix socket that clients connect to."""

    name: str
    path: str
    nats_url: str
    ingress: IngressProcess

    async def stored(self) -> set[str]:
        """Return the ids of all payments stored through this entry."""
        bus = await Bus.connect(self.nats_url, "readings")
        try:
            return await _ids(bus)
        finally:
            await bus.close()


async def _ids(bus: Bus) -> set[str]:
    ids: set[str] = set()
    while True:  # the server returns a limited number at a time
        request = {"subjects_filter": ">", "offset": len(ids)}
        state = (await call(bus, f"STREAM.INFO.{subjects.PAYMENTS}", request, PATIENCE_S))["state"]
        ids |= {subject.rpartition(".")[2] for subject in state.get("subjects", {})}
        if len(ids) >= state.get("num_subjects", 0):
            return ids


@contextmanager
def entries(folder: Path) -> Iterator[tuple[Entry, ...]]:
    """Run all three; nginx must be installed."""
    nginx = balancer.find_nginx()
    assert nginx is not None, "nginx is not installed (apt-get install nginx-light)"
    with ExitStack() as opened:
        plain = _ingress(opened, folder, "plain", "services.ingress")
        framework = _ingress(opened, folder, "framework", FRAMEWORK_ONLY)
        behind = _ingress(opened, folder, "behind", "services.ingress")
        path = folder / "nginx.sock"
        balancer.write_conf(folder / "nginx", listen=f"listen unix:{path};\n", upstreams=[f"unix:{behind.path}"])
        command = balancer.command(nginx, folder / "nginx")
        opened.enter_context(_running(command, path, folder / "nginx.log"))
        yield plain, framework, Entry("nginx", str(path), behind.nats_url, behind.ingress)


def _ingress(opened: ExitStack, folder: Path, name: str, program: str) -> Entry:
    server = NatsServer(folder / f"{name}-nats").start()
    opened.callback(server.stop)
    path = folder / f"{name}.sock"
    keys = folder / "keys.json"
    keys.touch(mode=0o600)
    keys.write_text(encode((PAYER, READER)))
    process = IngressProcess(
        folder / f"{name}.log", server.url, INGRESS_LISTEN=f"unix:{path}", API_KEYS=str(keys), ALLOW_PURGE="1"
    )
    process.program = program
    opened.callback(process.stop)
    return Entry(name, str(path), server.url, process.start())


@contextmanager
def _running(command: tuple[str, ...], path: Path, log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not path.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.01)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
