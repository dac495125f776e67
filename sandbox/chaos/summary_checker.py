"""Asks for summaries continuously: each must be well-formed, and none may exceed what the processors have booked."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from random import Random

import httpx

from sandbox.chaos.audit import SummaryPeriod, Verdict, Violation, read_summary
from sandbox.chaos.fault_mix import happens
from sandbox.chaos.http_client import OK, HttpClient, NoAnswerError
from sandbox.chaos.offered_payment import UNCERTAIN_STATUSES
from services.contracts.stamp import micros_of

EVERY_S = 0.5
TIMEOUT_S = 4.0
WITHOUT_PERIOD = 0.5  # this share; the rest asks for ten to two seconds ago
_PATH = "/payments-summary"


class SummaryChecker:
    """Compares each summary with the processors' totals after it: what it counts must have been booked before."""

    def __init__(
        self, http: HttpClient, names: tuple[str, ...], totals: Callable[..., Awaitable[tuple[int, int]]], dice: Random
    ) -> None:
        self._http = http
        self._names = names
        self._totals = totals
        self._dice = dice
        self.counts: Counter[str] = Counter()
        self.violations: list[Violation] = []

    async def run(self) -> None:
        """Ask for a summary every EVERY_S, and check it, until cancelled."""
        while True:
            now_us = micros_of(datetime.now(UTC) - timedelta(seconds=2))
            period = (
                SummaryPeriod() if happens(self._dice, WITHOUT_PERIOD) else SummaryPeriod(now_us - 8_000_000, now_us)
            )
            summary = await self.ask(period)
            for name, (count, cents) in (summary or {}).items():
                booked = await self._booked(name, period)
                if count > booked[0] or cents > booked[1]:
                    why = f"the summary of {period.query} had {(count, cents)} at {name}, which had booked {booked}"
                    self.violations.append(Violation(Verdict.DIFFERING, "", why))
            await asyncio.sleep(EVERY_S)

    async def ask(self, period: SummaryPeriod) -> dict[str, tuple[int, int]] | None:
        """Return count and cents by processor; None if there is no answer now. A malformed one is a violation."""
        try:
            answer = await self._http.get(_PATH, period.query, timeout_s=TIMEOUT_S)
        except NoAnswerError:
            self.counts["unanswered"] += 1
            return None
        self.counts[str(answer.status)] += 1
        if answer.status in UNCERTAIN_STATUSES:
            return None
        summary = None
        if answer.status == OK:
            summary = read_summary(answer.document, self._names)
        if summary is None:
            why = f"a summary was answered {answer.status} {answer.body[:200]!r}"
            self.violations.append(Violation(Verdict.DIFFERING, "", why))
        return summary

    async def _booked(self, name: str, period: SummaryPeriod) -> tuple[int, int]:
        while True:
            try:
                return await self._totals(name, **period.query)
            except httpx.HTTPError:  # killed or frozen: later it has booked at least as much
                await asyncio.sleep(EVERY_S)
