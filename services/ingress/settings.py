"""What operators may set for ingress; read once, checked at start."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.bus.settings import BusSettings, bus_settings
from services.contracts.setting import flag, text_as, whole
from services.ingress.core.address import Address, address_from_text

# A hundred times this in cents is still exact in a double.
AMOUNT_MAX_MOST = 10_000_000_000


@dataclass(frozen=True, slots=True)
class IngressSettings:
    """``amount_max`` is in the unit of ``amount``; ``reuse_port`` lets two instances listen on one TCP port."""

    bus: BusSettings
    listen: Address
    reuse_port: bool
    amount_max: int
    allow_purge: bool


def ingress_settings(env: Mapping[str, str]) -> IngressSettings:
    """Read them from the environment.

    Raises:
        SettingError: names the variable that is wrong, and its unit.
    """
    return IngressSettings(
        bus=bus_settings(env),
        listen=text_as(env, "INGRESS_LISTEN", "127.0.0.1:8080", address_from_text),
        reuse_port=flag(env, "INGRESS_REUSE_PORT"),
        amount_max=whole(
            env, "AMOUNT_MAX", 1_000_000_000, least=1, most=AMOUNT_MAX_MOST, unit="whole units of amount (not cents)"
        ),
        allow_purge=flag(env, "ALLOW_PURGE"),
    )
