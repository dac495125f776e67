"""What an operator should know first, one sentence each: what is wrong, since when, and what it means."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.ingress.core.life import Life

_MEANS = {
    "ingress": "it takes no payments that are known of",
    "dispatcher": "payments are accepted and wait",
    "ledger": "totals are those of then",
    "nats": "nothing is accepted, and what is shown is of then",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One instance, heard of ``seen_s`` ago; None: never."""

    service: str
    instance: str
    is_up: bool
    seen_s: float | None
    life: Life[Any] | None = None


def troubles(
    seen: Sequence[Seen],
    *,
    failing: Sequence[str],
    serving: bool,
    book_is_whole: bool,
    conflicts: int,
    unreadable: int,
) -> list[str]:
    """Return the sentences, the gravest first. Without NATS nobody can be heard of: that is then the only one."""
    away = [one for one in seen if not one.is_up]
    if nats := [one for one in away if one.service == "nats"]:
        return [_silent(nats[0], others_go_on=False)]
    up = {one.service for one in seen if one.is_up}
    said = [_silent(one, others_go_on=one.service in up) for one in away]
    if not book_is_whole:
        said.append("the ledger is reading what was settled: totals are those of before")
    if failing:
        names = " and ".join(failing)
        verb = "is" if len(failing) == 1 else "are"
        said.append(f"{names} {verb} failing: " + ("others settle what is due" if serving else "payments wait"))
    if conflicts:
        said.append(f"settlements that contradict others: {conflicts}; run the audit")
    if unreadable:
        said.append(f"messages in SETTLEMENTS that cannot be read: {unreadable}; see the ledger's log")
    return said


def _silent(one: Seen, *, others_go_on: bool) -> str:
    who = "NATS" if one.service == "nats" else f"the {one.service}" if one.instance == one.service else one.instance
    since = "has not been heard of" if one.seen_s is None else f"has not been heard of for {one.seen_s:.0f} s"
    return f"{who} {since}: {'the others go on' if others_go_on else _MEANS[one.service]}"
