"""What clients record: for every payment what was sent and answered. Pure; each answer is checked as it comes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

# Answers after which a client does not know the outcome, and may repeat the request.
PERHAPS = frozenset({408, 502, 503, 504})
OK, ACCEPTED, NOT_FOUND, CONFLICT = 200, 202, 404, 409


class Asked(Enum):
    """The intent of a request, which decides which answers are right."""

    OFFER = auto()
    REPLAY = auto()  # of an accepted one, with the same amount
    OTHER_AMOUNT = auto()  # the id of an accepted one
    BAD = auto()  # to be rejected


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; status 0: there was none, and ``detail`` says why."""

    at_s: float
    status: int
    detail: str
    replayed: bool = False


@dataclass(slots=True)
class Offer:
    """One payment as its client knows it.

    ``bad``: it can only be rejected, and must never be charged. ``apart_s``: how far ahead the accepting clock is.
    """

    id: str
    cents: int
    bad: bool = False
    apart_s: float = 0.0
    sent: int = 0
    accepted_s: float | None = None
    given_up: bool = False  # it is not sent again, whatever was answered
    story: list[tuple[float, str]] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)  # every distinct settlement that it was shown
    wrongs: list[str] = field(default_factory=list)

    @property
    def amounts(self) -> tuple[int, ...]:
        """The cents that may be charged: if the store has lost it, also the other amount that a client then offers."""
        return (self.cents, self.cents + 1) if self.given_up else (self.cents,)

    def sends(self, at_s: float, what: str) -> None:
        """Record that a request is sent."""
        self.sent += 1
        self.story.append((at_s, what))

    def is_answered(self, asked: Asked, reply: Reply) -> bool:
        """Record an answer to a POST, and return whether it is final."""
        self.story.append((reply.at_s, f"{reply.status or 'no answer'} {reply.detail}".rstrip()))
        if reply.status in PERHAPS or not reply.status:
            return False
        right = {
            Asked.OFFER: reply.status == ACCEPTED,
            Asked.REPLAY: reply.status == ACCEPTED and reply.replayed,
            Asked.OTHER_AMOUNT: reply.status == CONFLICT,
            Asked.BAD: 400 <= reply.status < 500,  # noqa: PLR2004
        }[asked]
        # To a store that went back, a repeat that was under way is a new payment.
        if not right and not (self.given_up and reply.status == ACCEPTED):
            self.wrongs.append(f"{asked.name} was answered {reply.status}, replayed: {reply.replayed}, {reply.detail}")
        if asked is Asked.OFFER and reply.status == ACCEPTED and self.accepted_s is None:
            self.accepted_s = reply.at_s
        return True

    def is_shown(self, at_s: float, status: int, document: Mapping[str, Any] | None, sent_s: float) -> None:
        """Record the answer to a GET."""
        if status in PERHAPS or not status:
            return
        if status == NOT_FOUND:
            if self.accepted_s is not None and self.accepted_s < sent_s:
                self._wrong(at_s, "GET: 404 for an accepted payment")
        elif status != OK or document is None or document.get("correlationId") != self.id:
            self._wrong(at_s, f"GET: {status} {document}")
        elif round(document["amount"] * 100) not in self.amounts:
            self._wrong(at_s, f"GET: another amount, {document}")
        elif document["status"] == "settled":
            fact = {name: document[name] for name in ("processor", "requestedAt")}
            if fact not in self.seen:
                self.seen.append(fact)
                self.story.append((at_s, f"GET: settled {fact}"))
        elif document["status"] != "accepted":
            self._wrong(at_s, f"GET: {document}")

    def _wrong(self, at_s: float, what: str) -> None:
        self.story.append((at_s, what))
        self.wrongs.append(what)
