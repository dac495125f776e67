"""The condition of a processor now, from evidence ordered by when it was sent.

| newest evidence, by send time | condition |
|---|---|
| none | unknown: serving, with a small in-flight limit |
| Booked | serving; its latency counts |
| Refused | as before: other payments show whether it serves |
| one or two failures in a row | as before |
| three failures in a row (5xx, 429, not sent, Unknown), or one answer of a misconfigured processor | failing |
| health says failing | failing |
| health says well, while failing | still failing, but a canary is sent at once |
| health says well, and the last failure is older than 12 s: no canary was needed since | serving |
| a health reply older than 12 s | ignored |
| a call under way, sent after all that have ended | latency is at least its age |

A slow answer to an old call says nothing about now: a call counts by when it was sent, not by when it ended.
"""

from dataclasses import dataclass
from typing import Literal

FAILURES_TO_CLOSE = 3
HEALTH_COUNTS_FOR_MS = 12_000
LEAST_LATENCY_KEPT_S = 6  # longer than a health poll's interval
SLOWER_FACTOR, SLOWER_MS = 3, 200  # more than our own queueing adds to a latency, on a machine of 300 calls a second
CANARY_EVERY_MS = 200
CANARIES_MAX = 16


@dataclass(frozen=True, slots=True)
class Condition:
    """``latency_ms`` is the newest evidence's, ``base_latency_ms`` the least recent one; None: nothing is known."""

    state: Literal["serving", "failing"]
    latency_ms: float | None
    base_latency_ms: float | None
    since_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Health:
    """A health endpoint's reply, and when it was asked (on the clock of the calls)."""

    sent_ms: float
    failing: bool
    min_response_ms: int


class Evidence:
    """The evidence about one processor, folded as it arrives."""

    def __init__(self) -> None:
        self._under_way: dict[int, float] = {}  # token -> sent; in order of sending
        self._token = 0
        self._answered_ms = -1.0  # send time of the newest call that the processor booked
        self._failed_ms = -1.0  # send time of the newest call that failed
        self._ended_ms = -1.0  # send time of the newest call that ended, however
        self._failures = 0
        self._failing_since_ms: float | None = None
        self._least_ms: dict[int, float] = {}  # second of sending -> least latency of its calls
        self._newest_latency: tuple[float, float] | None = None
        self._health: Health | None = None
        self._canary_at_ms = 0.0
        self._sent_ms = -1.0  # send time of the newest call
        self._news_ms = -1.0  # when it last began to serve, or health reported a much lower latency

    @property
    def in_flight(self) -> int:
        """How many calls are under way."""
        return len(self._under_way)

    @property
    def called_ms(self) -> float | None:
        """The duration of the newest call that was booked, None if there was none."""
        return None if self._newest_latency is None else self._newest_latency[1]

    def sent(self, now_ms: float) -> int:
        """Record that a call starts; return the token to end it with."""
        self._token += 1
        self._under_way[self._token] = now_ms
        self._sent_ms = now_ms
        self._canary_at_ms = now_ms + CANARY_EVERY_MS
        return self._token

    def answered(self, token: int, now_ms: float) -> None:
        """Record that the processor booked what a call sent."""
        if self._closed_since_ms(now_ms) is not None:
            self._news_ms = now_ms
        sent_ms = self._end(token)
        latency_ms = now_ms - sent_ms
        self._note_least(sent_ms, latency_ms)
        if self._newest_latency is None or sent_ms >= self._newest_latency[0]:
            self._newest_latency = (sent_ms, latency_ms)
        self._answered_ms = max(self._answered_ms, sent_ms)
        if sent_ms > self._failed_ms:
            self._failures = 0
            self._failing_since_ms = None

    def failed(self, token: int, now_ms: float, *, at_once: bool = False) -> None:
        """Record that a call failed; ``at_once`` closes the processor without waiting for more failures."""
        sent_ms = self._end(token)
        if sent_ms < self._answered_ms:
            return
        self._failed_ms = max(self._failed_ms, sent_ms)
        self._failures += 1
        if (at_once or self._failures >= FAILURES_TO_CLOSE) and self._failing_since_ms is None:
            self._failing_since_ms = now_ms

    def broken(self, now_ms: float) -> None:
        """Record that the processor refuses everything: no payment will succeed there."""
        self._failed_ms = max(self._failed_ms, now_ms)
        if self._failing_since_ms is None:
            self._failing_since_ms = now_ms

    def withdrawn(self, token: int) -> None:
        """Record that a call was not made, or that nothing follows from it."""
        self._under_way.pop(token, None)

    def add_health(self, health: Health) -> None:
        """Add a health reply; one older than the known one is ignored."""
        if self._health is not None and health.sent_ms < self._health.sent_ms:
            return
        self._health = health
        if not health.failing and health.sent_ms > self._failed_ms:
            self._canary_at_ms = 0.0
            latency_ms = self._latency_ms(None, health.sent_ms)
            if latency_ms is not None and health.min_response_ms * 2 < latency_ms:
                self._news_ms = health.sent_ms

    def canary_due(self, now_ms: float, *, serving: bool) -> bool:
        """Return whether one more real payment may test if a processor that is closed, or slow, serves well again.

        A slow one books its canaries late, so that summaries could differ for a while: it gets one when there is reason
        to expect an improvement, or, without health replies, one at a time.
        """
        if serving:
            return self._news_ms > self._sent_ms or (not self._under_way and self._fresh_health(now_ms) is None)
        return now_ms >= self._canary_at_ms and len(self._under_way) < CANARIES_MAX

    def condition(self, now_ms: float) -> Condition:
        """Return the condition now."""
        health = self._fresh_health(now_ms)
        latency_ms, base_ms = self._latency_ms(health, now_ms), self._base_latency_ms(health)
        since_ms = self._closed_since_ms(now_ms)
        if since_ms is not None:
            return Condition("failing", latency_ms, base_ms, since_ms)
        return Condition("serving", latency_ms, base_ms)

    def _fresh_health(self, now_ms: float) -> Health | None:
        health = self._health
        return None if health is None or now_ms - health.sent_ms > HEALTH_COUNTS_FOR_MS else health

    def _closed_since_ms(self, now_ms: float) -> float | None:
        health = self._fresh_health(now_ms)
        if self._failing_since_ms is not None:
            well_again = health is not None and not health.failing and now_ms - self._failed_ms > HEALTH_COUNTS_FOR_MS
            return None if well_again else self._failing_since_ms
        if health is not None and health.failing and health.sent_ms > self._answered_ms:
            return health.sent_ms
        return None

    def _end(self, token: int) -> float:
        sent_ms = self._under_way.pop(token)
        self._ended_ms = max(self._ended_ms, sent_ms)
        return sent_ms

    def _latency_ms(self, health: Health | None, now_ms: float) -> float | None:
        newest = self._newest_latency
        known = None if newest is None else newest[1]
        if health is not None and (newest is None or health.sent_ms > newest[0]):
            known = float(health.min_response_ms)
        # In order of sending, so the first one sent after all that have ended is the oldest of them.
        waiting = next((sent for sent in self._under_way.values() if sent > self._ended_ms), None)
        if waiting is None:
            return known
        return max(known or 0.0, now_ms - waiting)

    def _note_least(self, sent_ms: float, latency_ms: float) -> None:
        second = int(sent_ms // 1000)
        if second not in self._least_ms:
            oldest = max([second, *self._least_ms]) - LEAST_LATENCY_KEPT_S
            self._least_ms = {at: least for at, least in self._least_ms.items() if at >= oldest}
        self._least_ms[second] = min(latency_ms, self._least_ms.get(second, latency_ms))

    def _base_latency_ms(self, health: Health | None) -> float | None:
        """Return the latency without our own queueing, which grows with what is in flight and would reinforce itself.

        It is the least of some seconds, unless all calls of the newest second took longer than queueing explains.
        """
        reported_ms = None if health is None else float(health.min_response_ms)
        if not self._least_ms:
            return reported_ms
        newest = max(self._least_ms)
        newest_ms = self._least_ms[newest]
        base_ms = min(self._least_ms.values())
        if reported_ms is not None:
            base_ms = min(base_ms, reported_ms)
        return newest_ms if newest_ms > base_ms * SLOWER_FACTOR + SLOWER_MS else base_ms
