"""A planned fault, the kinds and groups of faults (FAULTS selects groups), and what a plan is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class FaultGroup(StrEnum):
    """A group of faults, which can be switched off by itself."""

    PROCESSOR = "processor"  # single calls go wrong, each in one of the processor's own ways
    PROFILE = "profile"  # a processor is slow, or fails, as in the official profiles
    KILL = "kill"
    FREEZE = "freeze"
    RESTART = "restart"
    NETWORK = "network"  # between dispatcher and processor
    FULL = "full"  # a stream accepts no more
    CLIENT = "client"  # clients hang up early; the load does that by itself
    OUTAGE = "outage"  # a processor is away for long, and a part is killed during that
    SLOWER = "slower"  # a processor books and answers, but later than dispatchers wait for it
    REFUSAL = "refusal"  # a processor answers 400 to everything
    RELEASE = "release"  # an operator releases payments in doubt from a processor that never books them
    PAUSE = "pause"  # an operator pauses a processor where payments are in doubt, and later resumes it
    CLOCKS = "clocks"  # payments are stored by an ingress whose clock is wrong
    RECONFIGURE = "reconfigure"  # a dispatcher runs for a while with the fees swapped
    MOVE = "move"  # a processor gets another address, or another one takes its name
    NODE = "node"  # one of three nats-servers, or all of them; where there is one, the other groups hit it


# The long ones, each of which tests one question; see `long_fault_plan` and `change_plan`.
LONG_GROUPS = frozenset(
    {
        *(FaultGroup.OUTAGE, FaultGroup.SLOWER, FaultGroup.REFUSAL, FaultGroup.RELEASE, FaultGroup.PAUSE),
        *(FaultGroup.CLOCKS, FaultGroup.RECONFIGURE, FaultGroup.MOVE),
    }
)


class FaultKind(StrEnum):
    """One kind of fault. The values are keys in result.json."""

    FAULT_MIX = "mood"  # several of a processor's own faults, each with a rate
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
    PAUSE = "pause"
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


# Of one server: the other two are a majority, and continue. The others remove the majority.
ONE_NODE = frozenset(
    {FaultKind.NODE_KILL, FaultKind.NODE_FREEZE, FaultKind.STEP_DOWN, FaultKind.CUT_OFF, FaultKind.EMPTIED}
)
NODE_KINDS = ONE_NODE | {FaultKind.TWO_DOWN, FaultKind.ALL_KILLED}


class StoreMode(StrEnum):
    """What happens to the stores of the nats-servers during a run."""

    KEPT = "kept"
    BACK = "back"  # restored from copies that were taken some time before, with all services running
    CUT = "cut"  # power cuts: everything is killed, and restarts on what was on disk


REPLACED_MAX = 3  # in one run; a replaced one keeps running, since it may still have to answer


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault of a part or stream: when, from the start of the load, for how long; ``detail`` is by kind."""

    at_s: float
    kind: FaultKind
    target: str
    lasts_s: float = 0.0
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """What a plan depends on besides the seed: what there is to break, and the settings of the run."""

    length_s: float
    services: Sequence[str]  # the stack's parts
    processors: Sequence[str]
    ack_wait_s: float
    call_timeout_s: float
    store: StoreMode = StoreMode.KEPT
    has_nodes: bool = False  # three nats-servers, which are not among the services
    is_synced: bool = True  # nats-server syncs each message before its PubAck

    @property
    def dispatchers(self) -> list[str]:
        """The dispatchers among the services."""
        return [part for part in self.services if part.startswith("dispatcher")]
