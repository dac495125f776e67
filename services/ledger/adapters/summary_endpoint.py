"""The micro service ``ledger``: answers from memory immediately, or immediately says why it cannot."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

import orjson

from services.bus.micro.service import About, Answer, CannotAnswerError, schema_of, serve
from services.bus.wire.connection import Bus
from services.contracts import subjects, summary
from services.contracts.durations import Durations, quantile_ms
from services.contracts.events import NotAnEventError
from services.contracts.stamp import micros_of
from services.ledger.adapters.history_endpoint import BAD_REQUEST, NOT_NOW, HistoryEndpoint

LEDGER_STATE = f"{subjects.LEDGER}.state"
DESCRIPTION = "Counts each settlement once: what was charged where, to the cent"
SUMMARY_IS = "Count and cents per processor in a period, as of now; {} is all time"
STATE_IS = "How far it has read SETTLEMENTS, its entries, and damage found"


class Answering(Protocol):
    """What the endpoint needs from the ledger."""

    counted_after: Durations

    def totals(self, from_us: int | None, to_us: int | None) -> dict[str, summary.Totals] | None:
        """Return the totals of a period of everything known, or None while that is not whole."""

    async def summary(
        self, from_us: int | None, to_us: int | None, at: datetime | None
    ) -> dict[str, summary.Totals] | None:
        """Return the totals of a period as of a moment, or None while they would not be whole."""

    @property
    def damage(self) -> str:
        """What is wrong with SETTLEMENTS, in words; "" if nothing is."""

    def why_not(self) -> str:
        """Return why there are no totals now."""

    def state(self) -> dict[str, int | bool]:
        """Return what an operator needs first."""


class SummaryEndpoint:
    """``ledger.summary`` and ``ledger.state``: bytes in, bytes out."""

    def __init__(self, ledger: Answering) -> None:
        self._ledger = ledger

    async def serve(self, bus: Bus, instance: str, history: HistoryEndpoint) -> None:
        """Answer on the bus from now on, also requests for history; STATS has the state too."""
        answers: dict[str, Answer] = {
            subjects.LEDGER_SUMMARY: self.summary,
            subjects.LEDGER_HISTORY: history.history,
            LEDGER_STATE: self.state,
        }
        asked, answered = schema_of(summary.SummaryAsked), schema_of(summary.SummaryAnswered)
        about = {
            subjects.LEDGER_SUMMARY: About(SUMMARY_IS, asked, answered, self._coverage),
            subjects.LEDGER_HISTORY: history.about,
            LEDGER_STATE: About(STATE_IS, figures=self._state),
        }
        await serve(bus, subjects.LEDGER, DESCRIPTION, answers, about, instance=instance)

    async def summary(self, data: bytes) -> bytes:
        """Answer a SummaryAsked with a SummaryAnswered.

        Raises:
            CannotAnswerError: the request is wrong, or the book is not whole now.
        """
        from_us, to_us, at = _period(data)
        totals = await self._ledger.summary(from_us, to_us, at)
        if totals is None:
            raise CannotAnswerError(NOT_NOW, self._ledger.why_not())
        return summary.encode(summary.SummaryAnswered(totals))

    async def state(self, _data: bytes) -> bytes:
        """Answer with the state, whatever the request is."""
        return orjson.dumps(self._state())

    def _state(self) -> Mapping[str, object]:
        """Return the state, and how long a booking took to be counted (ms; null: none yet)."""
        took = self._ledger.counted_after.counts
        p50, p99 = quantile_ms(took, 0.5), quantile_ms(took, 0.99)
        counted = None if p50 is None or p99 is None else {"p50": round(p50, 1), "p99": round(p99, 1)}
        return {**self._ledger.state(), "bookedToCountedMs": counted}

    def _coverage(self) -> Mapping[str, object]:
        """Return what a summary answered now would cover."""
        state = self._ledger.state()
        return {name: state[name] for name in ("appliedSeq", "caughtUp")}


def _period(data: bytes) -> tuple[int | None, int | None, datetime | None]:
    try:
        asked = summary.decode_asked(data)
    except NotAnEventError as error:
        raise CannotAnswerError(BAD_REQUEST, f"not a SummaryAsked: {error}") from error
    from_us, to_us = _micros(asked.from_), _micros(asked.to)
    if from_us is not None and to_us is not None and from_us > to_us:
        raise CannotAnswerError(BAD_REQUEST, "from is later than to")
    return from_us, to_us, asked.at


def _micros(end: datetime | None) -> int | None:
    if end is None:
        return None
    return micros_of(end.replace(tzinfo=UTC) if end.tzinfo is None else end)  # without a zone it is UTC
