"""The ledger's environment: the variables of all services, those of snapshots and those of reading again."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.settings.bus import BusSettings, bus_settings
from services.settings.environment import whole

# 10,000 settlements are read in a third of a second, and their rows are 8 messages: seldom enough to cost almost
# nothing, often enough that reading the tail takes no noticeable time.
SNAPSHOT_EVERY_DEFAULT = 10_000
# A hundredth of a core or two. A store of as many settlements as are read per minute is known to be right or not after
# a minute; a longer one only in its newest part.
REREAD_PER_S_DEFAULT = 1_000
# nats-server reads from the disk what it has not read for 10 s; what is read more often comes from its memory.
REREAD_EVERY_S_DEFAULT = 25
REREAD_EVERY_S_LEAST = 12
REREAD_EVERY_S_MOST = 86_400


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """``processors``: the names that a summary has even if nothing was settled there.

    ``missing``: how many sequences of SETTLEMENTS are known to have no message, which is not damage.
    """

    bus: BusSettings
    processors: tuple[str, ...]
    snapshot_every: int
    reread_per_s: int
    reread_every_s: int
    missing: int


def ledger_settings(env: Mapping[str, str]) -> LedgerSettings:
    """Read them from the environment.

    Raises:
        SettingError: names the variable that is wrong, and its unit.
    """
    bus = bus_settings(env)
    every = whole(env, "LEDGER_SNAPSHOT_EVERY", SNAPSHOT_EVERY_DEFAULT, least=1, most=1_000_000_000, unit="settlements")
    most = REREAD_EVERY_S_MOST
    return LedgerSettings(
        bus,
        tuple(processor.name for processor in bus.processors),
        every,
        reread_per_s=whole(env, "LEDGER_REREAD_PER_S", REREAD_PER_S_DEFAULT, least=0, most=100_000, unit="settlements"),
        reread_every_s=whole(
            env, "LEDGER_REREAD_EVERY_S", REREAD_EVERY_S_DEFAULT, least=REREAD_EVERY_S_LEAST, most=most, unit="seconds"
        ),
        missing=missing_from(env),
    )


def missing_from(env: Mapping[str, str]) -> int:
    """Read how many sequences of SETTLEMENTS an operator has declared missing.

    Raises:
        SettingError: names the variable.
    """
    return whole(env, "SETTLEMENTS_MISSING", 0, least=0, most=2**63 - 1, unit="messages")
