"""What the ledger is told by its environment: only what all services are told."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.bus.settings import BusSettings, bus_settings


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """``processors``: the names that a summary has even where nothing was settled there."""

    bus: BusSettings
    processors: tuple[str, ...]


def ledger_settings(env: Mapping[str, str]) -> LedgerSettings:
    """Read them from the environment.

    Raises:
        SettingError: names the variable that is wrong, and its unit.
    """
    bus = bus_settings(env)
    return LedgerSettings(bus, tuple(processor.name for processor in bus.processors))
