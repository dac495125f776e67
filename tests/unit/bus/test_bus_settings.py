"""METRICS_LISTEN as all services read it."""

import pytest

from services.bus.settings import bus_settings
from services.contracts.setting import SettingError
from services.contracts.tcp_address import TcpAddress


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", None),
        ("  ", None),
        ("127.0.0.1:9101", TcpAddress("127.0.0.1", 9101)),
        ("[::1]:9101", TcpAddress("::1", 9101)),
    ],
)
def test_metrics_are_off_unless_an_address_is_given(text: str, address: TcpAddress | None) -> None:
    """Empty is off."""
    assert bus_settings({"METRICS_LISTEN": text}).metrics_listen == address
    assert bus_settings({}).metrics_listen is None


@pytest.mark.parametrize(
    "text", ["9100", ":9100", "localhost:", "localhost:0", "localhost:70000", "unix:/x.sock", "off"]
)
def test_what_is_no_address_names_the_variable(text: str) -> None:
    """With the form that it must have."""
    with pytest.raises(SettingError, match=r"^METRICS_LISTEN must be host:port with a port of 1 to 65535, or empty"):
        bus_settings({"METRICS_LISTEN": text})
