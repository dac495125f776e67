"""CPU of one charge at a processor: through our transport, over TLS as well, and as stock httpx makes the same call.

``anew``: over TLS on a connection of its own, handshake and all, as after each pause of more than IDLE_S.

User and system time of this whole process; the processor runs in another one. Each
figure is the lesser of two measurements, so that a disturbance on the machine does not count.
"""
# a console program speaks to its console

import asyncio
import resource
import ssl
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import uvloop

from sandbox.stack.plan.ports import HOST
from services.access.certificates import make_certificates
from services.access.processor_access import ProcessorCredentials, verifying
from services.contracts.processor_entry import ProcessorGeneration
from services.contracts.stamp import stamp_from_ms, text_of
from services.dispatcher.adapters.processor_api import ProcessorApi
from services.dispatcher.adapters.transport import ProcessorTransport
from services.dispatcher.core.outcome import Booked

IN_FLIGHT = (8, 64)
ROUNDS = 2
MEASURED_S = 1.5
WARM_UP_S = 0.2
TIMEOUT_S = 10.0
AMOUNT_CENTS = 1990

Call = Callable[[], Awaitable[None]]


def run() -> None:
    """Print microseconds of CPU per call, and the ratios to the first."""
    with tempfile.TemporaryDirectory() as folder:
        files = make_certificates(Path(folder), [HOST], of="benchmark")
        own = ("--certificate", str(files.server), "--key", str(files.key))
        with _processor() as url, _processor(*own) as tls_url:
            uvloop.run(_compare(url, tls_url, verifying(files.ca)))


async def _compare(url: str, tls_url: str, tls: ssl.SSLContext) -> None:
    limits = httpx.Limits(max_connections=max(IN_FLIGHT), max_keepalive_connections=max(IN_FLIGHT))
    async with (
        aclosing(ProcessorTransport(idle_max=max(IN_FLIGHT))) as transport,
        aclosing(ProcessorTransport(idle_max=0)) as forgetful,
        httpx.AsyncClient(trust_env=False, limits=limits, timeout=TIMEOUT_S) as client,
    ):
        calls = {
            "http": _our_call(_api(url, transport)),
            "https": _our_call(_api(tls_url, transport, tls)),
            "anew": _our_call(_api(tls_url, forgetful, tls)),
            "stock": _stock_call(client, f"{url}/payments"),
        }
        print(f"{'in flight':>9} " + " ".join(f"{name:>20}" for name in calls))
        for in_flight in IN_FLIGHT:
            rounds = [[await _cpu_us(call, in_flight) for call in calls.values()] for _ in range(ROUNDS)]
            least = [min(figures) for figures in zip(*rounds, strict=True)]
            figures = [f"{us:>8.0f} us ({us / least[0]:>6.3f})" for us in least]
            print(f"{in_flight:>9} " + " ".join(figures), flush=True)


def _api(url: str, transport: ProcessorTransport, tls: ssl.SSLContext | None = None) -> ProcessorApi:
    credentials = ProcessorCredentials(tls=tls)
    registered = ProcessorGeneration("default/1", "default", url, Decimal("0.05"), "open")
    return ProcessorApi(
        registered, transport, call_timeout_s=TIMEOUT_S, health_timeout_s=TIMEOUT_S, credentials=credentials
    )


def _our_call(api: ProcessorApi) -> Call:
    async def call() -> None:
        outcome = await api.charge(str(uuid.uuid4()), AMOUNT_CENTS, _now())
        if not isinstance(outcome, Booked):
            raise TypeError(f"{outcome} is not what is measured here")

    return call


def _stock_call(client: httpx.AsyncClient, url: str) -> Call:
    async def call() -> None:
        body = {"correlationId": str(uuid.uuid4()), "amount": AMOUNT_CENTS / 100, "requestedAt": text_of(_now())}
        response = await client.post(url, json=body)
        response.raise_for_status()

    return call


async def _cpu_us(call: Call, in_flight: int) -> float:
    await _keep_calling(call, in_flight, WARM_UP_S)
    before_s = _cpu_s()
    count = await _keep_calling(call, in_flight, MEASURED_S)
    return (_cpu_s() - before_s) / count * 1e6


async def _keep_calling(call: Call, in_flight: int, for_s: float) -> int:
    end_s = time.monotonic() + for_s

    async def one_after_another() -> int:
        count = 0
        while time.monotonic() < end_s:
            await call()
            count += 1
        return count

    return sum(await asyncio.gather(*[one_after_another() for _ in range(in_flight)]))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _now() -> datetime:
    return stamp_from_ms(int(datetime.now(UTC).timestamp() * 1000))


@contextmanager
def _processor(*flags: str) -> Iterator[str]:
    """Run the sandbox's processor on a free port."""
    command = [sys.executable, "-m", "sandbox.processor", "--port", "0", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = process.stdout.readline() if process.stdout else ""
            if not said.startswith("listening on "):
                raise RuntimeError(f"the processor did not start; it said {said!r}")
            yield said.removeprefix("listening on ").strip()
        finally:
            process.terminate()
