"""What the ledger is told by its environment: what all services are told, and how often it stores a snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.bus.settings import BusSettings, bus_settings
from services.contracts.setting import whole

# 10,000 settlements are read in a third of a second, and their rows are 8 messages: seldom enough to cost next to
# nothing, often enough that nobody waits for the tail.
SNAPSHOT_EVERY_DEFAULT = 10_000


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """``processors``: the names that a summary has even where nothing was settled there."""

    bus: BusSettings
    processors: tuple[str, ...]
    snapshot_every: int


def ledger_settings(env: Mapping[str, str]) -> LedgerSettings:
    """Read them from the environment.

    Raises:
        SettingError: names the variable that is wrong, and its unit.
    """
    bus = bus_settings(env)
    every = whole(env, "LEDGER_SNAPSHOT_EVERY", SNAPSHOT_EVERY_DEFAULT, least=1, most=1_000_000_000, unit="settlements")
    return LedgerSettings(bus, tuple(processor.name for processor in bus.processors), every)
