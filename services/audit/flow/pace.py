"""How fast processors are asked: as fast as they can answer, by measurement, and never beyond a bound.

Additive increase while answers come in their usual time, multiplicative decrease where there is none (429 and 5xx
count as none) or where answers take much longer than usual: processors serve payments first.
"""

from collections.abc import Awaitable, Callable

START_PER_S = 100.0
LEAST_PER_S = 1.0
MORE_PER_S = 100.0  # faster by this after each good second
GROWTH_MAX = 0.25  # by one answer: at a low rate a single answer says little
CUT_UNANSWERED = 0.5
CUT_SLOW = 0.75
CUT_EVERY_S = 1.0  # what was sent before a cut says nothing about the rate after it
SLOW_TIMES = 3.0
SLOW_MORE_S = 0.02  # below this it is jitter of the network and the event loop
_NEWEST = 1 / 16  # the weight of one answer in the average
_FORGET = 1 / 32_768  # half a minute at a thousand a second: the usual time slowly follows a lasting change

Sleep = Callable[[float], Awaitable[None]]


class EvenPace:
    """Evenly spaced turns; unused ones are not saved up. ``per_s`` is the rate now, at most ``per_s_max``."""

    def __init__(self, per_s_max: float, *, now_s: Callable[[], float], sleep: Sleep) -> None:
        self.now_s = now_s
        self.per_s_max = per_s_max
        self.per_s = min(START_PER_S, per_s_max)
        self._sleep = sleep
        self._next_s = 0.0
        self._cut_s = -CUT_EVERY_S
        self._average_s: dict[str, float] = {}
        self._usual_s: dict[str, float] = {}

    async def turn(self) -> None:
        """Wait for the next turn."""
        now_s = self.now_s()
        at_s = max(now_s, self._next_s)
        self._next_s = at_s + 1 / self.per_s
        if at_s > now_s:
            await self._sleep(at_s - now_s)

    def note(self, processor: str, took_s: float, *, is_answered: bool) -> None:
        """Record the result of a turn, and adapt the rate."""
        if not is_answered:
            self._cut(CUT_UNANSWERED)
        elif self._is_slow(processor, took_s):
            self._cut(CUT_SLOW)
        else:
            more = min(MORE_PER_S / self.per_s, self.per_s * GROWTH_MAX)
            self.per_s = min(self.per_s_max, self.per_s + more)

    def _is_slow(self, processor: str, took_s: float) -> bool:
        average_s = self._average_s.get(processor, took_s)
        average_s += (took_s - average_s) * _NEWEST
        usual_s = self._usual_s.get(processor, average_s)
        usual_s = average_s if average_s < usual_s else usual_s + (average_s - usual_s) * _FORGET
        self._average_s[processor], self._usual_s[processor] = average_s, usual_s
        return average_s > usual_s * SLOW_TIMES + SLOW_MORE_S

    def _cut(self, share: float) -> None:
        now_s = self.now_s()
        if now_s - self._cut_s >= CUT_EVERY_S:
            self._cut_s = now_s
            self.per_s = min(self.per_s_max, max(LEAST_PER_S, self.per_s * share))
