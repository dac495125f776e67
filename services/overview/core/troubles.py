"""The current problems, for the page and `tarifa watch`: one sentence each, with its duration and consequence."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from services.overview.core.instance_life import InstanceLife
from services.overview.core.recent_events import Happening

_MEANS = {
    "ingress": "no payment is accepted, as far as is known",
    "dispatcher": "payments are accepted and wait",
    "ledger": "totals are no longer updated",
    "nats": "no payment is accepted, and figures are no longer updated",
}


@dataclass(frozen=True, slots=True)
class InstanceSeen:
    """One instance, whose last pulse came ``seen_s`` ago; None: there was none."""

    service: str
    instance: str
    is_up: bool
    seen_s: float | None
    life: InstanceLife[Any] | None = None


@dataclass(frozen=True, slots=True)
class ProcessorState:
    """A processor: its condition, and who paused it, which is separate; None: it is not paused."""

    name: str
    condition: str
    paused: Mapping[str, Any] | None


def troubles(
    seen: Sequence[InstanceSeen],
    *,
    processors: Sequence[ProcessorState],
    book_is_whole: bool,
    conflicts: int,
    unreadable: int,
    damage: str,
    recent: AbstractSet[Happening],
    left_behind: Mapping[str, int],
    of_instances: Mapping[str, str],
) -> list[str]:
    """Return the sentences, the gravest first. Without NATS no pulses come: that is then the only sentence.

    ``of_instances``: each instance's own sentence, by its name.
    """
    away = [one for one in seen if not one.is_up]
    up = {one.service for one in seen if one.is_up}
    nats = [one for one in away if one.service == "nats"]
    if nats and "nats" not in up:
        return [_silent(nats[0], others_continue=False)]
    said = [_silent(one, others_continue=one.service in up) for one in away]
    if damage:
        whole = "totals are correct, as counted before the damage" if book_is_whole else "there are no totals"
        said.append(f"SETTLEMENTS is damaged: {damage}; {whole}. See docs/guarantees.md")
    elif not book_is_whole:
        said.append("the ledger is still reading SETTLEMENTS: totals are from before")
    said += _of_processors(processors)
    if conflicts:
        said.append(f"settlements that contradict others: {conflicts}; run the audit")
    if unreadable:
        said.append(f"messages in SETTLEMENTS that cannot be read: {unreadable}; see the ledger's log")
    said += [f"{instance}: {trouble}" for instance, trouble in sorted(of_instances.items())]
    return said + _for_a_person(recent, left_behind)


def _of_processors(processors: Sequence[ProcessorState]) -> list[str]:
    """Return who fails and who is paused; a paused processor settles nothing that is due, even if it serves."""
    serving = any(one.condition == "serving" and one.paused is None for one in processors)
    failing = [one.name for one in processors if one.condition == "failing"]
    paused = [one for one in processors if one.paused is not None]
    said = []
    if failing:
        said.append(f"{_names(failing)} failing: " + ("payments are settled at others" if serving else "payments wait"))
    if paused and len(paused) == sum(one.condition != "unknown" for one in processors):
        said.append(
            f"{_names([one.name for one in paused])} paused, and no other processor is left: "
            "payments are accepted and wait"
        )
    said += [
        f"{one.name} is paused by {one.paused['by']} ({one.paused['reason']}): no new payments are sent there; "
        "payments assigned there are still settled there"
        for one in paused
        if one.paused is not None
    ]
    return said


def _names(names: Sequence[str]) -> str:
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'}"


def _for_a_person(recent: AbstractSet[Happening], left_behind: Mapping[str, int]) -> list[str]:
    """Return what lasts until a person acts; most of it ends by itself if a processor comes back."""
    said = [
        f"payments assigned to {generation}, whose URL was changed or removed: {count}; they are "
        "settled if it answers; if it never answers again, audit and release them"
        for generation, count in sorted(left_behind.items())
    ]
    if "unreadable" in recent:
        said.append(
            "PAYMENTS has messages that cannot be read; they are not charged, and their ids are answered 503: the "
            "dispatcher's log has their sequences (payment.unreadable); look at each (nats stream get PAYMENTS SEQ), "
            "and remove what is not a payment (nats stream rmm PAYMENTS SEQ)"
        )
    if "assigned_elsewhere" in recent:
        said.append(
            "payments are assigned to a processor whose URL is no longer known, and wait: the dispatcher's log "
            "names them (payment.assigned_elsewhere); audit and release them"
        )
    if "refused_in_doubt" in recent:
        said.append(
            "payments in doubt are refused by the processor that may have charged them, and keep waiting: the "
            "dispatcher's log names them (payment.refused_in_doubt); audit them, and release those not charged there"
        )
    return said


def _silent(one: InstanceSeen, *, others_continue: bool) -> str:
    who = "NATS" if one.instance == "nats" else f"the {one.service}" if one.instance == one.service else one.instance
    since = "has not reported" if one.seen_s is None else f"has not reported for {one.seen_s:.0f} s"
    return f"{who} {since}: {'the others continue' if others_continue else _MEANS[one.service]}"
