"""Which payments a list includes, and the answers of several dispatchers combined into one. Pure.

A page ends with where the next one begins: a sequence of the stream that the list reads. It stays the same while
payments come and go, so that none is shown twice and none of those that stay is skipped.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.contracts.assignments import instance_of
from services.contracts.holding import LIMIT_MAX, Holding, HoldingsAnswered
from services.contracts.length import length_from_text
from services.contracts.period import Period
from services.ingress.core.admission import BAD_REQUEST, Rejected, parameters_refused
from services.ingress.core.answers import Standing, WaitingFor
from services.ingress.core.period import read_period

LIMIT_DEFAULT = 100
TEXT_CHARS_MAX = 100
_OF_BOTH = ("status", "processor", "limit", "cursor")
_ITS_OWN = {"accepted": ("inDoubt", "olderThan"), "settled": ("from", "to")}
_CURSOR = re.compile(r"(accepted|settled)-(\d{1,18})", re.ASCII)
_LIMIT = re.compile(r"\d{1,4}", re.ASCII)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)

Query = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class AcceptedAsked:
    """Those that wait, after sequence ``after`` of PAYMENTS; None: no such condition.

    Args:
        limit: how many at most.
        after: a sequence of PAYMENTS.
        processor: the only one that they may be sent to.
        in_doubt: only those that are, or only those that are not.
        older_than: accepted at least that long ago.
    """

    limit: int
    after: int
    processor: str | None = None
    in_doubt: bool | None = None
    older_than: timedelta | None = None


@dataclass(frozen=True, slots=True)
class SettledAsked:
    """Those settled within a period by the stamp that the processor recorded, after ``after`` of SETTLEMENTS."""

    limit: int
    after: int
    period: Period
    processor: str | None = None


@dataclass(frozen=True, slots=True)
class ListRow:
    """A payment of a list; ``is_counted`` for a settled one: the book counts it."""

    payment: Standing
    is_counted: bool | None = None


@dataclass(frozen=True, slots=True)
class ListPage:
    """Part of a list.

    Args:
        rows: by their sequences in the stream; may be fewer than requested, or none, with more to come.
        next_cursor: where the next page begins; None: there is none.
        answered: instances of dispatchers that answered; None: none had to be asked.
        silent: those with a recent pulse that did not answer. What they have in hand is known by the log alone.
    """

    rows: tuple[ListRow, ...]
    next_cursor: str | None
    answered: tuple[str, ...] | None = None
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WaitingPayment:
    """A payment that waits in PAYMENTS, at a sequence."""

    payment: Standing
    seq: int


@dataclass(frozen=True, slots=True)
class SettledStretch:
    """Settlements among some messages of SETTLEMENTS, each with its sequence; ``next_seq``: None at the end."""

    rows: tuple[tuple[int, ListRow], ...]
    next_seq: int | None


@dataclass(frozen=True, slots=True)
class KnownHoldings:
    """What dispatchers know: by sequence, and the sequence up to which this is all; None: it is all."""

    holdings: tuple[Holding, ...]
    looked_to: int | None
    answered: tuple[str, ...]
    silent: tuple[str, ...]


def read_listing(query: Query) -> AcceptedAsked | SettledAsked | Rejected:
    """Read the query of ``GET /payments``."""
    status = _one(query, "status")
    if isinstance(status, Rejected):
        return status
    if status is None:
        status = "accepted"
    own = _ITS_OWN.get(status)
    if own is None:
        return _bad("bad_parameter", f"status: must be accepted or settled, not {_shown(status)}")
    allowed = (*_OF_BOTH, *own)
    refused = parameters_refused(query, allowed)
    if refused is not None:
        return refused
    given = {name: _one(query, name) for name in allowed}
    for text in given.values():
        if isinstance(text, Rejected):
            return text
    texts = {name: text for name, text in given.items() if isinstance(text, str)}
    try:
        limit, after = _limit(texts.get("limit")), _after(texts.get("cursor"), status)
        processor = _name(texts.get("processor"))
        if status == "accepted":
            in_doubt, older_than = _flag(texts.get("inDoubt")), _older_than(texts.get("olderThan"))
            return AcceptedAsked(limit, after, processor, in_doubt, older_than)
    except ValueError as error:
        return _bad("bad_parameter", str(error))
    period = read_period(query.get("from", ()), query.get("to", ()))
    return period if isinstance(period, Rejected) else SettledAsked(limit, after, period, processor)


def cursor_of(status: str, seq: int) -> str:
    """Return the text with which a list continues after a sequence."""
    return f"{status}-{seq}"


def known_by(answers: Iterable[HoldingsAnswered], limit: int) -> KnownHoldings:
    """Combine several dispatchers' answers: for each payment the answer of the one that has it in hand."""
    answers = tuple(answers)
    ends = [answer.looked_to for answer in answers if answer.looked_to is not None]
    looked_to = min(ends, default=None)
    best: dict[str, Holding] = {}
    for each in sorted((each for answer in answers for each in answer.holdings), key=lambda each: not each.in_hand):
        best.setdefault(each.id, each)
    found = sorted(
        (each for each in best.values() if looked_to is None or each.seq <= looked_to), key=lambda each: each.seq
    )
    if len(found) > limit:
        looked_to = found[limit - 1].seq
        found = found[:limit]
    owners = {answer.owner for answer in answers}
    names = {instance_of(owner) for owner in owners}
    # A restarted one has answered by its new process.
    expected = {instance_of(other) for answer in answers for other in answer.others if other not in owners}
    return KnownHoldings(tuple(found), looked_to, tuple(sorted(names)), tuple(sorted(expected - names)))


def waiting_for(known: Holding) -> WaitingFor:
    """Return what a payment waits for, according to a dispatcher."""
    return WaitingFor(
        known.processor or None,
        known.since,
        known.attempts,
        in_doubt=known.in_doubt,
        dispatcher=instance_of(known.owner) or None,
        released=known.released,
        last=known.last,
    )


def _one(query: Query, name: str) -> str | Rejected | None:
    texts = query.get(name, ())
    if len(texts) > 1:
        return _bad("bad_parameter", f"{name}: is given {len(texts)} times")
    return texts[0] if texts else None


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT_DEFAULT
    limit = int(text) if _LIMIT.fullmatch(text) else 0
    if not 1 <= limit <= LIMIT_MAX:
        raise ValueError(f"limit: must be 1 to {LIMIT_MAX}, not {_shown(text)}")
    return limit


def _after(text: str | None, status: str) -> int:
    if text is None:
        return 0
    found = _CURSOR.fullmatch(text)
    if found is None or found[1] != status:
        raise ValueError(f"cursor: must be the next of a page of {status} payments, not {_shown(text)}")
    return int(found[2])


def _name(text: str | None) -> str | None:
    if text is not None and _NAME.fullmatch(text) is None:
        raise ValueError(f"processor: must be a processor's name, not {_shown(text)}")
    return text


def _flag(text: str | None) -> bool | None:
    if text not in {None, "true", "false"}:
        raise ValueError(f"inDoubt: must be true or false, not {_shown(text or '')}")
    return None if text is None else text == "true"


def _older_than(text: str | None) -> timedelta | None:
    if text is None:
        return None
    try:
        return length_from_text(text)
    except ValueError:
        raise ValueError(f"olderThan: must be a length of time as 90s, 15m, 1h or 7d, not {_shown(text)}") from None


def _bad(slug: str, detail: str) -> Rejected:
    return Rejected(BAD_REQUEST, slug, detail)


def _shown(text: str) -> str:
    return repr(text[:TEXT_CHARS_MAX])
