"""How many calls at once to one processor, how many a second to all, and the time until the next attempt."""

import math

IN_FLIGHT_FIRST = 16  # before anything is known of a processor
IN_FLIGHT_LEAST = 48  # carries 500 a second where a call takes 100 ms longer than known so far
HEADROOM = 1.25  # above what Little's law requires
RESEND_FIRST_MS = 200.0
RESEND_MAX_MS = 5_000.0


def in_flight_limit(latency_ms: float | None, *, calls_per_s_max: int, in_flight_max: int) -> int:
    """Return how many calls may be under way at once at a processor of that latency.

    By Little's law ``rate x latency`` calls carry the highest rate; more would only queue, here or there.
    """
    if latency_ms is None:
        return min(IN_FLIGHT_FIRST, in_flight_max)
    needed = math.ceil(calls_per_s_max * latency_ms / 1000 * HEADROOM)
    return min(IN_FLIGHT_LEAST + needed, in_flight_max)


def backoff_ms(attempts: int, jitter: float) -> float:
    """Return the wait before the next attempt: full jitter (0 to 1) over a doubling bound."""
    return jitter * min(RESEND_MAX_MS, RESEND_FIRST_MS * (1 << min(attempts, 10)))


class Pace:
    """A token bucket: a maximum rate of calls over all processors, with a short burst."""

    def __init__(self, calls_per_s_max: int) -> None:
        self._per_ms = calls_per_s_max / 1000
        self._burst = max(1.0, calls_per_s_max * 0.032)
        self._tokens = self._burst
        self._at_ms = 0.0

    def wait_ms(self, now_ms: float) -> float:
        """Return how long until a call may start; 0 if now."""
        self._tokens = min(self._burst, self._tokens + (now_ms - self._at_ms) * self._per_ms)
        self._at_ms = now_ms
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) / self._per_ms

    def take(self) -> None:
        """Take one token; call it for each call that starts, after ``wait_ms`` has returned 0."""
        self._tokens -= 1
