"""The simulated processors of a run: started and restarted by the harness, each behind a network of its own."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import orjson

from sandbox.chaos.fault_mix import CHARGE_FAULTS, USUAL_SHARE
from sandbox.chaos.proxy import FaultProxy, Mode
from sandbox.charges import Charge, read_charges
from sandbox.stack.console import Console
from sandbox.stack.plan.parts_to_run import Part
from sandbox.stack.processes.part_runner import PartRunner

HOST = "127.0.0.1"
TOKEN = {"X-Rinha-Token": "123"}
CHECK_EVERY_S = 0.25
ADMIN_TIMEOUT_S = 1.0
BOOKS_TIMEOUT_S = 60.0
NO_FAULTS: dict[str, Any] = {"rates": {}}
HEALTHY = {"delay_ms": 0, "is_failing": False}
# A processor that is slower, or has more faults than usual, is not expected to settle enough.
DELAY_MS_MAX = 1_000


class SimulatedProcessor:
    """One processor: its faults survive its restarts, and so do the counts of those that happened.

    ``number`` distinguishes those of one name: the first, and those that took the name later. ``seed_url`` is its URL
    in the settings, wherever it has moved since.
    """

    def __init__(
        self,
        name: str,
        *,
        port: int,
        fee: str,
        folder: Path,
        console: Console,
        http: httpx.AsyncClient,
        number: int = 1,
    ) -> None:
        self.name = name
        self.part = f"processor-{name}" if number == 1 else f"processor-{name}-{number}"
        self.fee = fee
        self.proxy = FaultProxy(port)
        self.seed_url = self.proxy.url
        self._port = port
        self._other_proxies: list[FaultProxy] = []
        self.held = 0
        self._url = f"http://{HOST}:{port}/admin"
        self._http = http
        self._fault_mix = NO_FAULTS
        self._profile = HEALTHY
        self._override: tuple[dict[str, Any], dict[str, Any]] | None = None
        self._configured_pid = 0  # the process that has the configuration
        self._down_until_s = 0.0
        self._is_frozen = False
        self._fault_counts_by_pid: dict[int, dict[str, int]] = {}
        journal = folder / f"{self.part}.journal"
        self._initial_fault_mix = folder / f"{self.part}.faults"
        command = (sys.executable, "-m", "sandbox.processor", "--name", name, "--port", str(port), "--fee", fee)
        kept = ("--journal", str(journal), "--faults", str(self._initial_fault_mix))
        part = Part(self.part, (*command, *kept), ready="listening on")
        self._runner = PartRunner(part, folder, console)
        self._pid_file = folder / f"{self.part}.pid"

    @property
    def serves(self) -> bool:
        """Whether it runs and has logged that it serves."""
        return self._runner.runs and self._runner.serves

    @property
    def is_configured(self) -> bool:
        """Whether it runs, and its process has the configuration."""
        return self.serves and self._configured_pid == self._pid

    @property
    def takes_payments(self) -> bool:
        """Whether it is configured to book and to answer most payments, and the network allows it."""
        fault_mix, profile = self._configuration
        return (
            self.is_configured
            and not self._is_frozen
            and not profile["is_failing"]
            and profile["delay_ms"] <= DELAY_MS_MAX
            and sum(rate for fault, rate in fault_mix["rates"].items() if fault in CHARGE_FAULTS) <= USUAL_SHARE[1]
            and self.proxy.mode is Mode.PASS_THROUGH
        )

    @property
    def network(self) -> Counter[str]:
        """The counts of all its proxies."""
        total: Counter[str] = Counter()
        for proxy in (self.proxy, *self._other_proxies):
            total.update({name: getattr(proxy.counts, name) for name in proxy.counts.__slots__})
        return total

    @property
    def fault_counts(self) -> Counter[str]:
        """How often each fault happened, over all its restarts."""
        total: Counter[str] = Counter()
        for counts in self._fault_counts_by_pid.values():
            total.update(counts)
        return total

    @property
    def _pid(self) -> int:
        return int(self._pid_file.read_text())

    def start(self) -> None:
        """Start the process."""
        self._write_initial_fault_mix()
        self._runner.start()

    def signal(self, number: signal.Signals, down_s: float) -> None:
        """Send a signal; if it dies of it, it stays down so long. Raises ProcessLookupError if it does not run."""
        if not self._runner.runs:
            raise ProcessLookupError(self.part)
        self._down_until_s = time.monotonic() + down_s
        self._is_frozen = number is signal.SIGSTOP
        os.kill(self._pid, number)

    def configure(self, *, fault_mix: dict[str, Any] | None = None, profile: dict[str, Any] | None = None) -> None:
        """Set how it behaves from now on."""
        self._fault_mix = fault_mix if fault_mix is not None else self._fault_mix
        self._profile = profile if profile is not None else self._profile
        self._configuration_changed()

    def override(self, *, fault_mix: dict[str, Any] | None, profile: dict[str, Any] | None) -> None:
        """Set how it behaves, whatever `configure` sets, until `end_override`."""
        self._override = (fault_mix or NO_FAULTS, profile or HEALTHY)
        self._configuration_changed()

    def end_override(self) -> None:
        """Let it behave as configured again."""
        self._override = None
        self._configuration_changed()

    @property
    def _configuration(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._override or (self._fault_mix, self._profile)

    def _configuration_changed(self) -> None:
        self._write_initial_fault_mix()
        self._configured_pid = 0

    def _write_initial_fault_mix(self) -> None:
        """Write the faults with which it starts: otherwise it would have none until the first admin call."""
        unfinished = self._initial_fault_mix.with_suffix(".new")
        unfinished.write_bytes(orjson.dumps(self._configuration[0]))
        unfinished.replace(self._initial_fault_mix)

    async def add_address(self) -> FaultProxy:
        """Give it one more address, without faults; return the proxy there."""
        proxy = FaultProxy(self._port)
        self._other_proxies.append(proxy)
        await proxy.start()
        return proxy

    async def move_to(self, proxy: FaultProxy) -> None:
        """Answer at that other address only; faults of the network happen there from now on."""
        before, self.proxy = self.proxy, proxy
        self._other_proxies = [before, *(each for each in self._other_proxies if each is not proxy)]
        await before.refuse()
        await before.reset()

    async def close(self) -> None:
        """End the process, and close all its proxies."""
        self._runner.kill()
        for proxy in (self.proxy, *self._other_proxies):
            await proxy.close()

    async def keep_running(self) -> None:
        """Keep it running and configured, and read its counts, until cancelled."""
        while True:
            if self._runner.runs or time.monotonic() >= self._down_until_s:
                self._runner.tick(time.monotonic())
            if self.serves:
                with contextlib.suppress(httpx.HTTPError, OSError):  # frozen, or dying: again in a moment
                    await self._configure_and_read_counts()
            await asyncio.sleep(CHECK_EVERY_S)

    async def _configure_and_read_counts(self) -> None:
        pid, (fault_mix, profile) = self._pid, self._configuration
        if self._configured_pid != pid:
            await self._put("configurations/delay", {"delay": profile["delay_ms"]})
            await self._put("configurations/failure", {"failure": profile["is_failing"]})
            await self._put("faults", fault_mix)
            if (fault_mix, profile) == self._configuration:  # and nothing was changed meanwhile
                self._configured_pid = pid
        answer = await self._http.get(f"{self._url}/faults", headers=TOKEN, timeout=ADMIN_TIMEOUT_S)
        report = answer.raise_for_status().json()
        self._fault_counts_by_pid[pid] = report["done"]
        self.held = report["held"]

    async def _put(self, path: str, document: dict[str, Any]) -> None:
        answer = await self._http.put(f"{self._url}/{path}", json=document, headers=TOKEN, timeout=ADMIN_TIMEOUT_S)
        answer.raise_for_status()

    async def totals(self, **period: str) -> tuple[int, int]:
        """Return count and cents of what it has booked; raises httpx.HTTPError while it is away."""
        url = f"{self._url}/payments-summary"
        answer = await self._http.get(url, params=period, headers=TOKEN, timeout=ADMIN_TIMEOUT_S)
        summary = answer.raise_for_status().json()
        return int(summary["totalRequests"]), round(summary["totalAmount"] * 100)

    async def charges(self) -> list[Charge]:
        """Return everything that it has booked."""
        answer = await self._http.get(f"{self._url}/payments", headers=TOKEN, timeout=BOOKS_TIMEOUT_S)
        return read_charges(self.name, answer.raise_for_status().content)
