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
    NODE = "node"  # one of three nats-servers, or all of them; where there is one, the other groups hit it


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
    POWER_CUT = "power_cut"
    NODE_KILL = "node_kill"
    NODE_FREEZE = "node_freeze"
    STEP_DOWN = "step_down"
    CUT_OFF = "cut_off"
    TWO_DOWN = "two_down"
    EMPTIED = "emptied"
    ALL_KILLED = "all_killed"


# Of one server: the other two are a majority, and go on. The rest takes the majority away, or the whole store back.
ONE_NODE = frozenset({Kind.NODE_KILL, Kind.NODE_FREEZE, Kind.STEP_DOWN, Kind.CUT_OFF, Kind.EMPTIED})
NODE_KINDS = ONE_NODE | {Kind.TWO_DOWN, Kind.ALL_KILLED}


class Store(StrEnum):
    """What becomes of the stores of the nats-servers during a run."""

    KEPT = "kept"
    BACK = "back"  # put back from copies that were taken some time before, with all services running
    CUT = "cut"  # power cuts: everything is killed, and starts again on what was on the disks


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
    store: Store = Store.KEPT
    has_nodes: bool = False  # three nats-servers, which are not among the services
    is_synced: bool = True  # nats-server syncs each message before its PubAck

    @property
    def dispatchers(self) -> list[str]:
        """Those of the services."""
        return [part for part in self.services if part.startswith("dispatcher")]
