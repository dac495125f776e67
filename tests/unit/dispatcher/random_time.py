"""The time of the random test's world: a clock that the test advances, and a loop that uses it."""

import asyncio
import contextvars
from datetime import datetime, timedelta

from tests.unit.dispatcher.fakes import NOON

here: contextvars.ContextVar["set[asyncio.Task[object]]"] = contextvars.ContextVar("here")


class Clock:
    """Stands still until the test lets time pass; only then does what sleeps continue."""

    def __init__(self) -> None:
        self.ms = 1_000_000.0
        self._sleeping: list[tuple[float, asyncio.Future[None]]] = []

    def now_ms(self) -> float:
        """Return the time of the calls."""
        return self.ms

    def stamp(self) -> datetime:
        """Return UTC, in step with the time of the calls."""
        return NOON + timedelta(milliseconds=self.ms - 1_000_000)

    def jitter(self) -> float:
        """Return the same in every run."""
        return 0.5

    def span_id(self) -> str:
        """Return a span; none is requested, as no payment here belongs to a trace."""
        return "1" * 16

    async def sleep_ms(self, ms: float) -> None:
        """Wait until that much time has passed."""
        waking = asyncio.get_running_loop().create_future()
        self._sleeping.append((self.ms + ms, waking))
        await waking

    def let_pass(self, ms: float) -> None:
        """Let time pass."""
        self.ms += ms
        due = [waking for at, waking in self._sleeping if at <= self.ms and not waking.done()]
        self._sleeping = [(at, waking) for at, waking in self._sleeping if at > self.ms and not waking.done()]
        for waking in due:
            waking.set_result(None)


class Loop(asyncio.SelectorEventLoop):
    """A loop whose timers use that clock, and whose tasks are known to the process in which they began."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.set_task_factory(_task)  # type: ignore[arg-type]

    def time(self) -> float:
        """Return the time, in seconds."""
        return self._clock.ms / 1000


def _task(loop: asyncio.AbstractEventLoop, work, **how):  # noqa: ANN001, ANN003, ANN202
    """Make a task that is known to the dispatcher in which it began, so that it ends with it."""
    task = asyncio.Task(work, loop=loop, **how)
    tasks = here.get(None)
    if tasks is not None:
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    return task
