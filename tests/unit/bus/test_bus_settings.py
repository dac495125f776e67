"""METRICS_LISTEN and NATS_REPLICAS as all services read them."""

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


def test_streams_have_one_replica() -> None:
    """Unset and 1 are the same."""
    assert bus_settings({}).limits.replicas == 1
    assert bus_settings({"NATS_REPLICAS": " 1 "}).limits.replicas == 1


@pytest.mark.parametrize("text", ["0", "2", "3", "three", "1.0"])
def test_other_numbers_of_replicas_are_refused_by_name(text: str) -> None:
    """Three will be the way into a cluster, and are not supported yet."""
    with pytest.raises(SettingError, match=r"^NATS_REPLICAS must be 1, not '.*': .* not supported yet$"):
        bus_settings({"NATS_REPLICAS": text})
