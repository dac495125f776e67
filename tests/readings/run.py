"""A run: each case through every door at once, and afterwards what is stored against what was answered."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.readings.answers import Transcript, difference, talk
from tests.readings.doors import Door
from tests.readings.requests import Case

AT_ONCE = 8
UNSETTLED_SHARE_MAX = 0.01


@dataclass(slots=True)
class Found:
    """What a run found; ``differing`` in words, each with the bytes that were sent.

    ``unsettled`` are the bytes of those that a store was too slow for, which says nothing about readings.
    """

    cases: int = 0
    differing: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    not_as_answered: list[str] = field(default_factory=list)
    answers: dict[str, Counter[str]] = field(default_factory=dict)
    unsettled: list[bytes] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether all readings agree, none was a fault, and what was answered 202 is what is stored."""
        wrong = self.differing or self.faults or self.not_as_answered
        return not wrong and len(self.unsettled) <= self.cases * UNSETTLED_SHARE_MAX

    def lines(self) -> list[str]:
        """Return what is said of it, worst last."""
        said = [
            f"{name:10} {counts.total():8} answers: " + "  ".join(f"{what}: {n}" for what, n in counts.most_common(12))
            for name, counts in self.answers.items()
        ]
        said.append(
            f"{self.cases} connections; {len(self.differing)} read differently, {len(self.faults)} faults, "
            f"{len(self.not_as_answered)} not stored as answered, {len(self.unsettled)} not compared for a 503"
        )
        return [*said, *self.differing[:20], *self.faults[:20], *self.not_as_answered[:20]]


async def send_all(
    opened: Sequence[Door], cases: Iterable[Case], progress: Callable[[int], None] | None = None
) -> Found:
    """Send every case through every door and compare."""
    found = Found(answers={door.name: Counter() for door in opened})
    accepted: dict[str, set[str]] = {door.name: set() for door in opened}
    rest = iter(cases)

    async def client() -> None:
        for case in rest:
            said = await asyncio.gather(*(talk(door.path, case.pieces) for door in opened))
            _note(found, accepted, opened, case, said)
            if progress is not None:
                progress(found.cases)

    async with asyncio.TaskGroup() as clients:
        for _ in range(AT_ONCE):
            clients.create_task(client())
    for door in opened:
        stored = {each for each in await door.stored() if not any(each.encode() in wire for wire in found.unsettled)}
        if stored != accepted[door.name]:
            unsaid, missing = stored - accepted[door.name], accepted[door.name] - stored
            found.not_as_answered.append(
                f"{door.name}: stored and not answered 202: {unsaid}; the other way: {missing}"
            )
    return found


def _note(
    found: Found, accepted: dict[str, set[str]], opened: Sequence[Door], case: Case, said: Sequence[Transcript]
) -> None:
    found.cases += 1
    if any(transcript.is_unsettled for transcript in said):
        found.unsettled.append(case.wire)
        return
    for door, transcript in zip(opened, said, strict=True):
        accepted[door.name].update(transcript.accepted)
        found.answers[door.name].update(
            str(verdict.status) if verdict.status == 202 else f"{verdict.status} {verdict.what}"
            for verdict in transcript.verdicts
        )
        if transcript.faults:
            found.faults.append(f"case {case.number} {door.name}: {transcript.faults[0]} to {case.wire!r}")
    first = said[0]
    for door, transcript in zip(opened[1:], said[1:], strict=True):
        if (why := difference(first, transcript)) is not None:
            found.differing.append(f"case {case.number} {opened[0].name}, {door.name}: {why}; sent {case.wire!r}")
