"""The dispatcher's settings, from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.access.processor_access import ProcessorAccess, processor_access
from services.dispatcher.core.route import Rules
from services.settings.bus import BusSettings, bus_settings
from services.settings.environment import SettingError, seconds, whole


@dataclass(frozen=True, slots=True)
class Settings:
    """``rules`` are the router's; ``ack_wait_s`` is how long a delivery may be without progress.

    ``access``: the credentials for processors.
    ``is_synced``: nats-server syncs each message before its PubAck; ``books_within_s``: how long a POST may take.
    """

    bus: BusSettings
    access: ProcessorAccess
    rules: Rules
    call_timeout_s: float
    ack_wait_s: int
    is_synced: bool
    books_within_s: float


def settings(env: Mapping[str, str]) -> Settings:
    """Read and check them.

    Raises:
        SettingError: names the variable that is wrong.
    """
    call_timeout_s = seconds(env, "CALL_TIMEOUT_S", 10, least=0.05, most=600)
    bus = bus_settings(env)
    return Settings(
        bus=bus,
        access=processor_access(env, bus.processors),
        rules=Rules(
            settle_within_ms=seconds(env, "SETTLE_WITHIN_S", 10, least=0, most=86_400) * 1000,
            spill_after_ms=seconds(env, "SPILL_AFTER_S", 1, least=0, most=86_400) * 1000,
            slow_call_ms=whole(env, "SLOW_CALL_MS", 1400, least=1, most=600_000, unit="milliseconds"),
            calls_per_s_max=whole(env, "CALLS_PER_S_MAX", 1000, least=1, most=100_000, unit="calls a second"),
            in_flight_max=whole(env, "IN_FLIGHT_MAX", 256, least=1, most=10_000, unit="calls"),
        ),
        call_timeout_s=call_timeout_s,
        ack_wait_s=_ack_wait_s(env),
        # If unset, it may lose what it acknowledged: then more is asked than needed, and nothing is charged twice.
        is_synced=env.get("SYNC", "").strip() == "always",
        books_within_s=seconds(env, "BOOKS_WITHIN_S", 60, least=call_timeout_s, most=86_400),
    )


def _ack_wait_s(env: Mapping[str, str]) -> int:
    value = seconds(env, "ACK_WAIT_S", 30, least=1, most=3_600)
    if value != int(value):
        raise SettingError(f"ACK_WAIT_S must be whole seconds, not {value:g}")
    return int(value)
