"""Asking processors: at a pace, again where there was no answer, and not forever. The clock is a number."""

import pytest

from services.audit.core.answer import Answer, NotCharged, Unanswered, Unreadable
from services.audit.core.comparing import Finding
from services.audit.core.records import Records
from services.audit.core.resuming import Cursor
from services.audit.flow.asking import SILENT_IDS_MAX, TRIES_MAX, Asking
from services.audit.flow.auditing import Auditing
from services.audit.flow.pace import EvenPace
from services.contracts.period import Period
from tests.unit.audit.paid import ID, charged, settled

AWAY = Unanswered("ConnectError")


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def now_s(self) -> float:
        """Return it."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.now += seconds


class Scripted:
    """A processor that gives these answers, repeating the last one; records when it was asked."""

    def __init__(self, clock: Clock, *answers: Answer) -> None:
        self._clock = clock
        self._answers = list(answers)
        self.asked_s: list[float] = []

    async def ask(self, payment_id: str) -> Answer:
        """Answer."""
        self.asked_s.append(self._clock.now)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def asking(clock: Clock, per_s: float = 1000, **processors: Scripted) -> Asking:
    """Asks these processors."""
    return Asking(processors, EvenPace(per_s, now_s=clock.now_s, sleep=clock.sleep), clock.sleep)


async def test_the_pace_is_that_of_all_processors_together() -> None:
    """Four calls to two processors at ten a second are a tenth of a second apart."""
    clock = Clock()
    default, fallback = Scripted(clock, NotCharged()), Scripted(clock, NotCharged())
    both = asking(clock, 10, default=default, fallback=fallback)
    await both.ask("a")
    await both.ask("b")
    assert sorted(default.asked_s + fallback.asked_s) == pytest.approx([0, 0.1, 0.2, 0.3])
    assert both.calls == 4


async def test_unused_turns_are_not_saved_up() -> None:
    """No burst follows a pause."""
    clock = Clock()
    default = Scripted(clock, NotCharged())
    one = asking(clock, 10, default=default)
    await one.ask("a")
    clock.now = 60.0
    await one.ask("b")
    await one.ask("c")
    assert default.asked_s == pytest.approx([0, 60, 60.1])


@pytest.mark.parametrize("answer", [NotCharged(), charged(), Unreadable("x")])
async def test_no_answer_is_asked_for_again(answer: Answer) -> None:
    """The last try decides."""
    clock = Clock()
    default = Scripted(clock, *[AWAY] * (TRIES_MAX - 1), answer)
    assert await asking(clock, default=default).ask(ID) == {"default": answer}
    assert len(default.asked_s) == TRIES_MAX


async def test_a_few_tries_and_no_more() -> None:
    """Then it is unanswered, while the other processor is still asked."""
    clock = Clock()
    default, fallback = Scripted(clock, AWAY), Scripted(clock, charged())
    assert await asking(clock, default=default, fallback=fallback).ask(ID) == {"default": AWAY, "fallback": charged()}
    assert (len(default.asked_s), len(fallback.asked_s)) == (TRIES_MAX, 1)


async def test_a_processor_that_is_away_is_not_asked_any_more() -> None:
    """An hour's payments must not wait for each of its timeouts; every id is reported as unanswered."""
    clock = Clock()
    default = Scripted(clock, AWAY)
    one = asking(clock, default=default)
    answers = [await one.ask(str(number)) for number in range(SILENT_IDS_MAX + 5)]
    assert len(default.asked_s) == SILENT_IDS_MAX * TRIES_MAX
    assert all(isinstance(answer["default"], Unanswered) for answer in answers)


async def test_a_single_answer_means_that_the_processor_is_not_away() -> None:
    """Only ids in a row count."""
    clock = Clock()
    default = Scripted(clock, *[AWAY] * (SILENT_IDS_MAX - 1) * TRIES_MAX, NotCharged(), AWAY)
    one = asking(clock, default=default)
    for number in range(2 * SILENT_IDS_MAX - 1):
        await one.ask(str(number))
    assert len(default.asked_s) == (SILENT_IDS_MAX - 1) * TRIES_MAX * 2 + 1


class Unseen:
    """Counts its calls, and shows nothing."""

    def __init__(self) -> None:
        self.done: list[int] = []

    def begin(self, what: str, total: int) -> None:
        """Record it."""

    def at(self, done: int) -> None:
        """Record it."""
        self.done.append(done)

    def say(self, text: str) -> None:
        """Record it."""


class OneThousand:
    """Streams that have a thousand settlements."""

    async def read_into(self, records: Records) -> None:
        """Pass them on."""
        for number in range(1000):
            records.take_settlement(settled("default", payment_id=f"{number:08x}-0000-4000-8000-000000000000"), 1)


async def test_every_id_is_asked_once() -> None:
    """However many workers share them."""
    clock, progress = Clock(), Unseen()
    shown = list[Finding]()
    default = Scripted(clock, NotCharged())
    audit = Auditing(
        streams=OneThousand(),
        asking=asking(clock, default=default),
        show=shown.append,
        progress=progress,
        cursor=Cursor(0),
        plan=str,
    )
    report = await audit.run(Records(Period()))
    assert (report.ids, report.asked, report.calls, report.differences) == (1000, 1000, 1000, 1000)
    assert len({finding.record.payment_id for finding in shown}) == 1000
    assert progress.done == list(range(1, 1001))
