"""What was asked of the harness: flags, or the same from the environment, as in `make chaos SEED=7 MINUTES=10`."""

import argparse
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.chaos.planned_fault import LONG_GROUPS, FaultGroup, StoreMode
from sandbox.stack.plan.command_line import nats_nodes_from_text, sync_from_text
from sandbox.stack.plan.options import SYNC_ALWAYS
from services.settings.environment import SettingError, text_as, whole

# So what it bounds (payments in memory, books read at the end) stays small, and a forgotten run ends within hours.
MINUTES_MAX = 240
RATE_MAX = 500
DISPATCHERS_MAX = 4
_SEED_MAX = 2**63 - 1
_FLAGS = ("seed", "minutes", "rate", "faults", "dispatchers", "in_flight_max", "store", "nats_nodes", "sync")
_NEW = "new"
_EXAMPLES = """Examples:
  tarifa chaos
  tarifa chaos --seed 21 --minutes 10 --dispatchers 2   (repeats a run)
  tarifa chaos --faults none --rate 200

Exit codes: 0 no payment lost, charged twice or different, 1 some was,
2 it could not run."""


@dataclass(frozen=True, slots=True)
class ChaosOptions:
    """What the command line and the environment ask for.

    ``folder`` None: a temporary one, removed at the end unless it is to be kept or there are violations.
    """

    seed: int
    minutes: float
    rate: int
    groups: frozenset[FaultGroup]
    dispatchers: int
    in_flight_max: str
    store: StoreMode
    nats_nodes: int
    sync: str  # as SYNC
    keep: bool
    folder: Path | None

    @property
    def is_synced(self) -> bool:
        """Whether nats-server syncs each message before its PubAck."""
        return self.sync == SYNC_ALWAYS

    @property
    def repeat(self) -> str:
        """The settings that repeat the same faults at the same times."""
        groups = "" if self.groups == frozenset(FaultGroup) else f" FAULTS={','.join(sorted(self.groups)) or 'none'}"
        store = "" if self.store is StoreMode.KEPT else f" STORE={self.store}"
        sync = "" if self.is_synced else f" SYNC={self.sync}"
        nodes = "" if self.nats_nodes == 1 else f" NATS_NODES={self.nats_nodes}"
        in_flight = f" IN_FLIGHT_MAX={self.in_flight_max}" if self.in_flight_max else ""
        return (
            f"SEED={self.seed} MINUTES={self.minutes:g} RATE={self.rate} "
            f"DISPATCHERS={self.dispatchers}{nodes}{in_flight}{sync}{store}{groups}"
        )


def read(arguments: Sequence[str], env: Mapping[str, str]) -> ChaosOptions:
    """Read flags, and the environment where a flag is missing.

    Raises:
        SettingError: a value cannot be used; the text names the variable.
    """
    flags = _parser().parse_args(arguments)
    words = {**env, **{name.upper(): text for name in _FLAGS if (text := vars(flags)[name])}}
    in_flight_max = words.get("IN_FLIGHT_MAX", "").strip()
    if in_flight_max:
        whole(words, "IN_FLIGHT_MAX", 0, least=1, most=10_000, unit="calls")
    nats_nodes = text_as(words, "NATS_NODES", "1", nats_nodes_from_text)
    if nats_nodes == 1 and words.get("FAULTS", "").strip() == FaultGroup.NODE:
        raise SettingError(f"FAULTS={FaultGroup.NODE} needs NATS_NODES=3")
    return ChaosOptions(
        seed=whole(words, "SEED", secrets.randbelow(1_000_000), least=0, most=_SEED_MAX, unit="any kind"),
        minutes=text_as(words, "MINUTES", "2", _minutes),
        rate=whole(words, "RATE", 50, least=1, most=RATE_MAX, unit="payments a second"),
        groups=text_as(words, "FAULTS", ",".join(FaultGroup), groups_from_text),
        dispatchers=whole(words, "DISPATCHERS", 1, least=1, most=DISPATCHERS_MAX, unit="processes"),
        in_flight_max=in_flight_max,
        store=text_as(words, "STORE", StoreMode.KEPT, _store),
        nats_nodes=nats_nodes,
        sync=text_as(words, "SYNC", SYNC_ALWAYS, sync_from_text),
        keep=flags.keep,
        folder=flags.folder,
    )


def groups_from_text(text: str) -> frozenset[FaultGroup]:
    """Read a comma list of groups of faults; `none` is a run without any, `new` the long ones, with kills.

    Raises:
        ValueError: with a sentence that lists the groups.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == ["none"]:
        return frozenset()
    unknown = [name for name in names if name not in {*FaultGroup, _NEW}]
    if unknown or not names:
        raise ValueError(f"has {', '.join(unknown) or 'nothing'}; groups are {', '.join(FaultGroup)}, new, or none")
    single = frozenset(FaultGroup(name) for name in names if name != _NEW)
    # Most of the long faults test what happens to a payment when a part is killed meanwhile.
    return single | LONG_GROUPS | {FaultGroup.KILL} if _NEW in names else single


def _store(text: str) -> StoreMode:
    if text not in set(StoreMode):
        raise ValueError(f"must be {' or '.join(StoreMode)}, not {text!r}")
    return StoreMode(text)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0
    if not 0 < minutes <= MINUTES_MAX:
        raise ValueError(f"must be a number of minutes, above 0 and at most {MINUTES_MAX}, not {text!r}")
    return minutes


def _folder(text: str) -> Path:
    return Path(text).resolve()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tarifa chaos",
        description="Injects faults under load, then audits every payment. Each option overrides\n"
        "the environment variable in parentheses.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", metavar="N", help="repeats the faults of an earlier run (SEED; random)")
    parser.add_argument("--minutes", metavar="N", help="duration of load and faults (MINUTES; 2)")
    parser.add_argument("--rate", metavar="N", help="payments sent a second (RATE; 50)")
    faults = f"comma-separated: {', '.join(FaultGroup)}, new, or none (FAULTS; all)"
    parser.add_argument("--faults", metavar="GROUPS", help=faults)
    parser.add_argument("--store", metavar="HOW", help="back: restored from copies; cut: power cuts (STORE; kept)")
    parser.add_argument("--nats-nodes", metavar="N", help="1, or 3 with faults in one or more (NATS_NODES; 1)")
    parser.add_argument("--sync", metavar="HOW", help="how often nats-server syncs (SYNC; always)")
    parser.add_argument("--dispatchers", metavar="N", help="dispatchers of the stack (DISPATCHERS; 1)")
    parser.add_argument("--in-flight-max", metavar="N", help="calls at once to one processor (IN_FLIGHT_MAX)")
    parser.add_argument("--keep", action="store_true", help="keep the run's folder; it is kept anyway if it fails")
    folder = "where logs, journals and result.json are written and kept"
    parser.add_argument("--folder", type=_folder, metavar="FOLDER", help=folder)
    return parser
