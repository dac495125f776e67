"""The figures of a run: as a table for people, as JSON for programs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from sandbox.chaos.audit import Verdict, Violation
from sandbox.chaos.pauses import PauseCounts
from sandbox.chaos.restored_store import MissingFromCopy
from sandbox.chaos.unavailability import Unavailability

EXAMPLES_MAX = 10
MISSING_MAX = 3


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What was done in a run, and its results; the names are keys in result.json."""

    repeat: str
    load_s: float
    offered: int
    accepted: int
    in_doubt: int  # offered, never accepted, and perhaps stored
    charged_in_doubt: int
    client_counts: Mapping[str, int]
    processor_faults: Mapping[str, int]
    network: Mapping[str, int]
    acts: Mapping[str, int]
    skipped: Mapping[str, int]
    parts: Mapping[str, str]
    unknown: int
    unknown_payments: int
    unknown_ends: Mapping[str, int]
    moves: int
    take_overs: int
    slowest_s: float
    charged: Mapping[str, int]
    released: int
    charged_as_announced: int  # a second time, after a release that explained this risk
    pauses: PauseCounts
    lacked_lost: int  # accepted after a copy that was restored, and at no processor
    lacked_charged: int  # booked after it, and in no stream
    unavailable: Sequence[Unavailability]  # of faults of nats-servers
    alarms: Mapping[str, int]
    longest_standstill_s: float
    standstill_s: int  # how much longer than allowed the longest one was
    queue_length: int | None
    verdicts: Mapping[str, int]

    @property
    def has_passed(self) -> bool:
        """Whether nothing was lost, doubled or differing, the queue is empty, and settling never stood still."""
        return self.queue_length == 0 and not any(self.verdicts.values()) and not self.standstill_s


def verdicts(violations: Iterable[Violation]) -> dict[str, int]:
    """Return how many payments have which verdict; a violation that is not about a single payment counts as one."""
    of = {verdict.value: 0 for verdict in Verdict}
    seen: set[tuple[str, str]] = set()
    for violation in violations:
        key = (violation.verdict.value, violation.id or violation.why)
        of[violation.verdict.value] += key not in seen
        seen.add(key)
    return of


def show(figures: RunFigures, violations: list[Violation]) -> None:
    """Print the table, and the violations."""
    table = Table(title=figures.repeat, title_justify="left", show_header=False)
    for name, value in rows(figures):
        table.add_row(name, value)
    console = Console(width=140)
    console.print(table)
    show_unavailable(figures.unavailable)
    for violation in violations[:EXAMPLES_MAX]:
        console.print(
            f"{violation.verdict}: {violation.id} {violation.why}", style="red", markup=False, highlight=False
        )
    if len(violations) > EXAMPLES_MAX:
        console.print(f"... and {len(violations) - EXAMPLES_MAX} more; all are in result.json", style="red")
    console.print("passed" if figures.has_passed else "FAILED", style="green" if figures.has_passed else "red")


def show_unavailable(unavailable: Sequence[Unavailability]) -> None:
    """Print for how long no POST was accepted, by the fault of the nats-servers."""
    if not unavailable:
        return
    table = Table(title="From a fault of a nats-server until a POST was accepted again", title_justify="left")
    for name in ("fault", "of the leader of", "times", "longest", "median"):
        table.add_column(name)
    for row in unavailable:
        table.add_row(row.kind, row.of, str(row.count), f"{row.longest_s:.1f} s", f"{row.median_s:.1f} s")
    Console(width=140).print(table)


def show_missing(missing: MissingFromCopy) -> None:
    """Print what the restored copies did not have, with the first ids."""
    for what, ids in (("lost", missing.lost), ("charged and not counted", missing.charged)):
        if ids:
            examples = ", ".join(ids[:MISSING_MAX])
            print(f"Not in the copy, {what}: {len(ids):,}: {examples}{', ...' if len(ids) > MISSING_MAX else ''}")


def rows(figures: RunFigures) -> Iterator[tuple[str, str]]:
    """Yield the rows of the table."""
    yield "payments offered / accepted", f"{figures.offered:,} / {figures.accepted:,} in {figures.load_s:.0f} s"
    yield "in doubt / charged of these", f"{figures.in_doubt:,} / {figures.charged_in_doubt:,}"
    yield "answers to clients", _listed(figures.client_counts)
    yield "processor faults", f"{sum(figures.processor_faults.values()):,}: {_listed(figures.processor_faults)}"
    yield "network", _listed(figures.network)
    yield "faults", _listed(figures.acts)
    yield "faults not possible", _listed(figures.skipped)
    yield "killed/restarted/frozen", ", ".join(f"{part} {text}" for part, text in figures.parts.items())
    yield "unknown outcomes", f"{figures.unknown:,} of {figures.unknown_payments:,} payments"
    yield "how these ended", _listed(figures.unknown_ends)
    yield "moves / take-overs", f"{figures.moves:,} / {figures.take_overs:,}"
    yield "longest time to settle", f"{figures.slowest_s:.1f} s"
    yield "longest standstill", f"{figures.longest_standstill_s:.1f} s"
    longest_s = [row.longest_s for row in figures.unavailable if row.is_of_one]
    faults = sum(row.count for row in figures.unavailable)
    yield "faults of nats-servers / unavailable", f"{faults:,} / at most {max(longest_s, default=0.0):.1f} s for one"
    yield "charged", _listed(figures.charged)
    yield "released / charged again by it", f"{figures.released:,} / {figures.charged_as_announced:,}"
    pauses = figures.pauses
    yield "pauses / offered meanwhile", f"{pauses.pauses:,} / {pauses.offered:,}"
    yield "in doubt at a paused one / settled there", f"{pauses.held:,} / {pauses.settled_there:,}"
    yield "not in the copy: lost / charged", f"{figures.lacked_lost:,} / {figures.lacked_charged:,}"
    yield "errors in the logs", _listed(figures.alarms)
    yield "left in PAYMENTS", "not known" if figures.queue_length is None else f"{figures.queue_length:,}"
    verdicts = [f"{count:,}" for count in figures.verdicts.values()]
    yield "lost, doubled, differing, standstill", ", ".join([*verdicts, f"{figures.standstill_s:,} s"])


def _listed(counts: Mapping[str, int]) -> str:
    found = Counter({name: count for name, count in counts.items() if count})
    return ", ".join(f"{name} {count:,}" for name, count in found.most_common()) or "none"
