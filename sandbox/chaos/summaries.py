"""Asks for summaries all the time: each must be well-formed, and none may exceed what the processors have booked."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from random import Random

import httpx

from sandbox.chaos.audit import Finding, Verdict, Window, read_summary
from sandbox.chaos.client import OK, Client, NoAnswerError
from sandbox.chaos.moods import happens
from sandbox.chaos.offers import PERHAPS
from services.contracts.stamp import micros_of

EVERY_S = 0.5
TIMEOUT_S = 4.0
WHOLE = 0.5  # the share without a period; the rest asks for ten to two seconds ago
_PATH = "/payments-summary"


class Summaries:
    """Compares each summary with the processors' totals after it: what it counts must have been booked before."""

    def __init__(
        self, http: Client, names: tuple[str, ...], totals: Callable[..., Awaitable[tuple[int, int]]], dice: Random
    ) -> None:
        self._http = http
        self._names = names
        self._totals = totals
        self._dice = dice
        self.counts: Counter[str] = Counter()
        self.findings: list[Finding] = []

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            now_us = micros_of(datetime.now(UTC) - timedelta(seconds=2))
            window = Window() if happens(self._dice, WHOLE) else Window(now_us - 8_000_000, now_us)
            summary = await self.ask(window)
            for name, (count, cents) in (summary or {}).items():
                booked = await self._booked(name, window)
                if count > booked[0] or cents > booked[1]:
                    why = f"the summary of {window.query} had {(count, cents)} at {name}, which had booked {booked}"
                    self.findings.append(Finding(Verdict.DIFFERING, "", why))
            await asyncio.sleep(EVERY_S)

    async def ask(self, window: Window) -> dict[str, tuple[int, int]] | None:
        """Return count and cents by processor; None if there is no answer now. A malformed one is a finding."""
        try:
            answer = await self._http.get(_PATH, window.query, timeout_s=TIMEOUT_S)
        except NoAnswerError:
            self.counts["unanswered"] += 1
            return None
        self.counts[str(answer.status)] += 1
        if answer.status in PERHAPS:
            return None
        summary = None
        if answer.status == OK:
            summary = read_summary(answer.document, self._names)
        if summary is None:
            why = f"a summary was answered {answer.status} {answer.body[:200]!r}"
            self.findings.append(Finding(Verdict.DIFFERING, "", why))
        return summary

    async def _booked(self, name: str, window: Window) -> tuple[int, int]:
        while True:
            try:
                return await self._totals(name, **window.query)
            except httpx.HTTPError:  # killed or frozen: later it has booked at least as much
                await asyncio.sleep(EVERY_S)
