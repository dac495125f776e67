"""The two limits in front of a processor's handlers, as rules over values: who enters, who waits, who is refused.

Callers are opaque here: what is given to `arrive` is returned when it is to be served.
"""

from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Generic, TypeVar

Caller = TypeVar("Caller")


class Admission(Enum):
    """What happens to a caller on arrival."""

    ENTERED = auto()
    WAITING = auto()
    REFUSED = auto()


class Limiter(Generic[Caller]):
    """At most `running_max` run, `waiting_max` more wait, the oldest first; all others are refused."""

    def __init__(self, running_max: int, waiting_max: int) -> None:
        self._running_max = running_max
        self._waiting_max = waiting_max
        self._running = 0
        self._waiting: deque[Caller] = deque()

    def arrive(self, caller: Caller) -> Admission:
        """Start the caller, queue it, or refuse it."""
        if self._running < self._running_max:
            self._running += 1
            return Admission.ENTERED
        if len(self._waiting) < self._waiting_max:
            self._waiting.append(caller)
            return Admission.WAITING
        return Admission.REFUSED

    def leave(self) -> Caller | None:
        """One caller is done; the returned one, if any, has its place and must be started."""
        if self._waiting:
            return self._waiting.popleft()
        self._running -= 1
        return None


class HealthWindow(Generic[Caller]):
    """One call in each fixed window for all callers together; `held_max` more wait for their own window.

    Windows follow each other without gaps from the first call on, whether used or not.
    """

    def __init__(self, window_ms: int, held_max: int) -> None:
        self._window_ms = window_ms
        self._held_max = held_max
        self._held: deque[Caller] = deque()
        self._began_ms: int | None = None
        self._used = -1  # the number of the last window that served a call

    @property
    def has_held(self) -> bool:
        """Whether a caller waits for a window."""
        return bool(self._held)

    def arrive(self, now_ms: int, caller: Caller) -> Admission:
        """Serve the caller now, hold it until a window is free for it, or refuse it."""
        if self._began_ms is None:
            self._began_ms = now_ms
        if not self._held and self._number(now_ms) > self._used:
            self._used = self._number(now_ms)
            return Admission.ENTERED
        if len(self._held) < self._held_max:
            self._held.append(caller)
            return Admission.WAITING
        return Admission.REFUSED

    def release(self, now_ms: int) -> Caller | None:
        """Return the oldest held caller, if this window has not served a call yet."""
        if not self._held or self._number(now_ms) <= self._used:
            return None
        self._used = self._number(now_ms)
        return self._held.popleft()

    def opens_in_ms(self, now_ms: int) -> int:
        """Return how long until the next window begins."""
        return self._window_ms - (now_ms - (self._began_ms or 0)) % self._window_ms

    def forget(self, is_gone: Callable[[Caller], bool]) -> None:
        """Remove those that have left, so that no window is spent on them."""
        self._held = deque(caller for caller in self._held if not is_gone(caller))

    def _number(self, now_ms: int) -> int:
        return (now_ms - (self._began_ms or 0)) // self._window_ms
