"""A payment as its client records it: what was sent and answered. Pure; each answer is checked as it comes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

# After these a client does not know the outcome, and may repeat the request.
UNCERTAIN_STATUSES = frozenset({408, 502, 503, 504})
OK, ACCEPTED, NOT_FOUND, CONFLICT = 200, 202, 404, 409


class Intent(Enum):
    """The intent of a request, which decides which answers are right."""

    OFFER = auto()
    REPLAY = auto()  # of an accepted one, with the same amount
    OTHER_AMOUNT = auto()  # the id of an accepted one
    INVALID = auto()  # to be rejected


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """One answer; status 0: there was none, and ``detail`` says why."""

    at_s: float
    status: int
    detail: str
    replayed: bool = False


@dataclass(slots=True)
class OfferedPayment:
    """One payment as its client knows it.

    ``is_invalid``: it can only be rejected, and must never be charged. ``clock_skew_s``: how far the accepting clock is
    ahead.
    """

    id: str
    cents: int
    is_invalid: bool = False
    clock_skew_s: float = 0.0
    sent: int = 0
    accepted_s: float | None = None
    is_given_up: bool = False  # it is not sent again, whatever was answered
    history: list[tuple[float, str]] = field(default_factory=list)
    settlements_shown: list[dict[str, Any]] = field(default_factory=list)  # every distinct settlement that it was shown
    wrong_answers: list[str] = field(default_factory=list)

    @property
    def amounts(self) -> tuple[int, ...]:
        """The cents that may be charged: if the store has lost it, also the other amount that a client then offers."""
        return (self.cents, self.cents + 1) if self.is_given_up else (self.cents,)

    def record_request(self, at_s: float, what: str) -> None:
        """Record that a request is sent."""
        self.sent += 1
        self.history.append((at_s, what))

    def record_answer(self, intent: Intent, answer: RecordedAnswer) -> bool:
        """Record an answer to a POST, and return whether it is final."""
        self.history.append((answer.at_s, f"{answer.status or 'no answer'} {answer.detail}".rstrip()))
        if answer.status in UNCERTAIN_STATUSES or not answer.status:
            return False
        right = {
            Intent.OFFER: answer.status == ACCEPTED,
            Intent.REPLAY: answer.status == ACCEPTED and answer.replayed,
            Intent.OTHER_AMOUNT: answer.status == CONFLICT,
            Intent.INVALID: 400 <= answer.status < 500,  # noqa: PLR2004
        }[intent]
        # To a store that went back, a repeat that was under way is a new payment.
        if not right and not (self.is_given_up and answer.status == ACCEPTED):
            self.wrong_answers.append(
                f"{intent.name} was answered {answer.status}, replayed: {answer.replayed}, {answer.detail}"
            )
        if intent is Intent.OFFER and answer.status == ACCEPTED and self.accepted_s is None:
            self.accepted_s = answer.at_s
        return True

    def record_status(self, at_s: float, status: int, document: Mapping[str, Any] | None, sent_s: float) -> None:
        """Record the answer to a GET."""
        if status in UNCERTAIN_STATUSES or not status:
            return
        if status == NOT_FOUND:
            if self.accepted_s is not None and self.accepted_s < sent_s:
                self._record_wrong(at_s, "GET: 404 for an accepted payment")
        elif status != OK or document is None or document.get("correlationId") != self.id:
            self._record_wrong(at_s, f"GET: {status} {document}")
        elif round(document["amount"] * 100) not in self.amounts:
            self._record_wrong(at_s, f"GET: another amount, {document}")
        elif document["status"] == "settled":
            fact = {name: document[name] for name in ("processor", "requestedAt")}
            if fact not in self.settlements_shown:
                self.settlements_shown.append(fact)
                self.history.append((at_s, f"GET: settled {fact}"))
        elif document["status"] != "accepted":
            self._record_wrong(at_s, f"GET: {document}")

    def _record_wrong(self, at_s: float, what: str) -> None:
        self.history.append((at_s, what))
        self.wrong_answers.append(what)
