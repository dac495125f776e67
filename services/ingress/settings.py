"""The settings of ingress; read once, checked at start."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from services.ingress.core.address import Address, address_from_text
from services.ingress.core.guard import Access
from services.settings.bus import BusSettings, bus_settings
from services.settings.environment import SettingError, flag, text_as, whole
from services.settings.tcp_address import TcpAddress

# A hundred times this in cents is still exact in a double.
AMOUNT_MAX_MOST = 10_000_000_000
# An idle connection costs some 10 KiB: all of them 30 MiB. The load test has 1,100 users at one address.
CONNECTIONS_MAX = 3_072
CONNECTIONS_PER_ADDRESS_MAX = 2_048
CONNECTIONS_MAX_MOST = 50_000


@dataclass(frozen=True, slots=True)
class IngressSettings:
    """``amount_max`` is in the unit of ``amount``; ``reuse_port`` lets two instances listen on one TCP port.

    ``api_keys`` is the file of keys if ``access`` is by keys, otherwise None.
    """

    bus: BusSettings
    listen: Address
    reuse_port: bool
    amount_max: int
    allow_purge: bool
    access: Access
    api_keys: Path | None
    connections_max: int
    connections_per_address_max: int


def ingress_settings(env: Mapping[str, str]) -> IngressSettings:
    """Read them from the environment.

    Raises:
        SettingError: names the variable that is wrong, and its unit.
    """
    listen = text_as(env, "INGRESS_LISTEN", "127.0.0.1:8080", address_from_text)
    access, api_keys = _access(env, listen)
    connections_max = whole(
        env, "CONNECTIONS_MAX", CONNECTIONS_MAX, least=1, most=CONNECTIONS_MAX_MOST, unit="connections at once"
    )
    return IngressSettings(
        bus=bus_settings(env),
        listen=listen,
        reuse_port=flag(env, "INGRESS_REUSE_PORT"),
        amount_max=whole(
            env, "AMOUNT_MAX", 1_000_000_000, least=1, most=AMOUNT_MAX_MOST, unit="whole units of amount (not cents)"
        ),
        allow_purge=flag(env, "ALLOW_PURGE"),
        access=access,
        api_keys=api_keys,
        connections_max=connections_max,
        connections_per_address_max=whole(
            env,
            "CONNECTIONS_PER_ADDRESS_MAX",
            min(CONNECTIONS_PER_ADDRESS_MAX, connections_max),
            least=1,
            most=connections_max,
            unit="connections, at most CONNECTIONS_MAX",
        ),
    )


def _access(env: Mapping[str, str], listen: Address) -> tuple[Access, Path | None]:
    """Return who needs a key, and the file of keys. What other machines can reach is open only by a setting."""
    said = text_as(env, "OPEN", "0", _open_from_text)
    file = env.get("API_KEYS", "").strip()
    if file and said is not None:
        raise SettingError(
            f"OPEN is {env['OPEN'].strip()}, and API_KEYS names {file}: either keys are needed, or they are not"
        )
    if file:
        return Access.KEYS, Path(file)
    is_loopback = isinstance(listen, TcpAddress) and _is_loopback(listen.host)
    # Behind a socket there may be anything: a balancer that listens for everybody, as in docker-compose.yml.
    if said is None and not is_loopback:
        raise SettingError(
            f"API_KEYS must name a file of keys (tarifa keys add NAME --scope pay,read), because INGRESS_LISTEN is "
            f"{listen}, which other machines may reach; or OPEN=1 lets anybody who reaches it pay, read and purge, and "
            "OPEN=loopback means that what listens in front of it can be reached from this machine only"
        )
    if said is Access.LOOPBACK and isinstance(listen, TcpAddress) and not is_loopback:
        raise SettingError(f"OPEN is loopback, but INGRESS_LISTEN is {listen}, which other machines may reach")
    return said or Access.LOOPBACK, None


def _open_from_text(text: str) -> Access | None:
    try:
        return {"0": None, "1": Access.OPEN, "loopback": Access.LOOPBACK}[text]
    except KeyError:
        raise ValueError(f"must be 0, 1 or loopback, not {text!r}") from None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
