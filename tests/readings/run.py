"""Send each case through every entry at once, and afterwards compare what is stored with what was answered."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.readings.answers import Transcript, difference, talk
from tests.readings.entries import Entry
from tests.readings.requests import Case

AT_ONCE = 8
UNSETTLED_SHARE_MAX = 0.01


@dataclass(slots=True)
class Found:
    """The result of a run; ``differing`` are sentences, each with the bytes that were sent.

    ``unsettled`` are the bytes of cases for which a store was too slow, which proves nothing about readings.
    """

    cases: int = 0
    differing: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    not_as_answered: list[str] = field(default_factory=list)
    answers: dict[str, Counter[str]] = field(default_factory=dict)
    unsettled: list[bytes] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether all readings agree, none was a fault, and exactly what was answered 202 is stored."""
        wrong = self.differing or self.faults or self.not_as_answered
        return not wrong and len(self.unsettled) <= self.cases * UNSETTLED_SHARE_MAX

    def lines(self) -> list[str]:
        """Return the report, worst last."""
        report = [
            f"{name:10} {counts.total():8} answers: " + "  ".join(f"{what}: {n}" for what, n in counts.most_common(12))
            for name, counts in self.answers.items()
        ]
        report.append(
            f"{self.cases} connections; {len(self.differing)} read differently, {len(self.faults)} faults, "
            f"{len(self.not_as_answered)} not stored as answered, {len(self.unsettled)} not compared for a 503"
        )
        return [*report, *self.differing[:20], *self.faults[:20], *self.not_as_answered[:20]]


async def send_all(
    opened: Sequence[Entry], cases: Iterable[Case], progress: Callable[[int], None] | None = None
) -> Found:
    """Send every case through every entry and compare the answers."""
    found = Found(answers={entry.name: Counter() for entry in opened})
    accepted: dict[str, set[str]] = {entry.name: set() for entry in opened}
    rest = iter(cases)

    async def client() -> None:
        for case in rest:
            transcripts = await asyncio.gather(*(talk(entry.path, case.pieces) for entry in opened))
            _record(found, accepted, opened, case, transcripts)
            if progress is not None:
                progress(found.cases)

    async with asyncio.TaskGroup() as clients:
        for _ in range(AT_ONCE):
            clients.create_task(client())
    for entry in opened:
        stored = {each for each in await entry.stored() if not any(each.encode() in wire for wire in found.unsettled)}
        if stored != accepted[entry.name]:
            unsaid, missing = stored - accepted[entry.name], accepted[entry.name] - stored
            found.not_as_answered.append(
                f"{entry.name}: stored and not answered 202: {unsaid}; the other way: {missing}"
            )
    return found


def _record(
    found: Found, accepted: dict[str, set[str]], opened: Sequence[Entry], case: Case, transcripts: Sequence[Transcript]
) -> None:
    found.cases += 1
    if any(transcript.is_unsettled for transcript in transcripts):
        found.unsettled.append(case.wire)
        return
    for entry, transcript in zip(opened, transcripts, strict=True):
        accepted[entry.name].update(transcript.accepted)
        found.answers[entry.name].update(
            str(verdict.status) if verdict.status == 202 else f"{verdict.status} {verdict.what}"
            for verdict in transcript.verdicts
        )
        if transcript.faults:
            found.faults.append(f"case {case.number} {entry.name}: {transcript.faults[0]} to {case.wire!r}")
    first = transcripts[0]
    for entry, transcript in zip(opened[1:], transcripts[1:], strict=True):
        if (why := difference(first, transcript)) is not None:
            found.differing.append(f"case {case.number} {opened[0].name}, {entry.name}: {why}; sent {case.wire!r}")
