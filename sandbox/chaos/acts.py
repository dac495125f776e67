"""What can be done to the system: groups that FAULTS selects, kinds of faults, and one of them as it is planned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Group(StrEnum):
    """What can be switched off by itself."""

    PROCESSOR = "processor"  # single calls go wrong, each in one of the processor's own ways
    PROFILE = "profile"  # a processor is slow, or fails, as in the official profiles
    KILL = "kill"
    FREEZE = "freeze"
    RESTART = "restart"
    NETWORK = "network"  # between dispatcher and processor
    FULL = "full"  # a stream takes no more
    CLIENT = "client"  # clients hang up early; the load does that by itself
    OUTAGE = "outage"  # a processor is away for long, and something is killed in the middle of it
    SLOWER = "slower"  # a processor books and answers, but later than dispatchers wait for it
    REFUSAL = "refusal"  # a processor answers 400 to everything
    RELEASE = "release"  # an operator takes payments in doubt from a processor that never books them
    CLOCKS = "clocks"  # payments are stored by an ingress whose clock is wrong
    RECONFIGURE = "reconfigure"  # a dispatcher runs for a while with the fees the other way round
    MOVE = "move"  # a processor gets another address, or another one takes its name


# Long, and each with a question of its own; see `trials` and `changes`.
NEW = frozenset({Group.OUTAGE, Group.SLOWER, Group.REFUSAL, Group.RELEASE, Group.CLOCKS, Group.RECONFIGURE, Group.MOVE})


class Kind(StrEnum):
    """One fault."""

    MOOD = "mood"
    PROFILE = "profile"
    KILL = "kill"
    FREEZE = "freeze"
    RESTART = "restart"
    REFUSE = "refuse"
    STALL = "stall"
    RESET = "reset"
    HOLD_BACK = "hold_back"
    PAYMENTS_FULL = "payments_full"
    SETTLEMENTS_FULL = "settlements_full"
    OUTAGE = "outage"
    SLOWER = "slower"
    REFUSAL = "refusal"
    RELEASE = "release"
    CLOCKS = "clocks"
    RECONFIGURE = "reconfigure"
    MOVE = "move"
    REPLACE = "replace"
    STORE_BACK = "store_back"


REPLACED_MAX = 3  # in one run; each one that was replaced goes on running, for what it may still have to answer


@dataclass(frozen=True, slots=True)
class Act:
    """A fault to be done: when, counted from the start of the load, to which part, and for how long."""

    at_s: float
    kind: Kind
    target: str
    lasts_s: float = 0.0
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Setting:
    """What there is to break."""

    length_s: float
    services: Sequence[str]  # the stack's parts
    processors: Sequence[str]
    ack_wait_s: float
    call_timeout_s: float
    store_goes_back: bool = False

    @property
    def dispatchers(self) -> list[str]:
        """Those of the services."""
        return [part for part in self.services if part.startswith("dispatcher")]
