"""METRICS_LISTEN, NATS_REPLICAS and NATS_URL as all services read them."""

import pytest

from services.settings.bus import bus_settings
from services.settings.environment import SettingError
from services.settings.tcp_address import TcpAddress


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
def test_an_invalid_address_names_the_variable(text: str) -> None:
    """With the form that it must have."""
    with pytest.raises(SettingError, match=r"^METRICS_LISTEN must be host:port with a port of 1 to 65535, or empty"):
        bus_settings({"METRICS_LISTEN": text})


@pytest.mark.parametrize(("text", "replicas"), [("", 1), (" 1 ", 1), ("3", 3)])
def test_streams_have_one_replica_or_three(text: str, replicas: int) -> None:
    """Unset and 1 are the same."""
    assert bus_settings({"NATS_REPLICAS": text}).limits.replicas == replicas
    assert bus_settings({}).limits.replicas == 1


@pytest.mark.parametrize("text", ["0", "2", "5", "three", "1.0"])
def test_other_numbers_of_replicas_are_refused_by_name(text: str) -> None:
    """Two have no majority when one fails; five would only cost more."""
    with pytest.raises(SettingError, match=r"^NATS_REPLICAS must be 1 or 3, not '.*'$"):
        bus_settings({"NATS_REPLICAS": text})


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", "nats://127.0.0.1:4222"),
        ("nats://a", "nats://a"),
        ("nats://a:4222,nats://b:4222", "nats://a:4222,nats://b:4222"),
        (" nats://a:4222, b:4222 ,[::1]:4222", "nats://a:4222,nats://b:4222,nats://[::1]:4222"),
        ("tls://a:4222,b", "tls://a:4222,tls://b"),
    ],
)
def test_nats_may_be_several_servers(text: str, url: str) -> None:
    """Those after the first may leave their scheme out."""
    assert bus_settings({"NATS_URL": text}).nats_url == url


@pytest.mark.parametrize(
    "text",
    ["a:4222", "http://a:4222", "nats://", "nats://a:0", "nats://a:x", "nats://a:4222,", "nats://a,,b", "nats://a/b"],
)
def test_an_invalid_server_names_the_variable(text: str) -> None:
    """With the form that it must have, and all that was given."""
    with pytest.raises(SettingError, match=r"^NATS_URL must be nats://host:port, or several .*, not '.*'$"):
        bus_settings({"NATS_URL": text})


@pytest.mark.parametrize(
    ("text", "why"), [("nats://a:1,tls://b:1", "must have one scheme"), ("nats://a:1,a:1", "names a server twice")]
)
def test_servers_of_two_kinds_or_one_twice_are_refused(text: str, why: str) -> None:
    """A cluster has one scheme; a name given twice hides the one that was meant."""
    with pytest.raises(SettingError, match=f"^NATS_URL {why}"):
        bus_settings({"NATS_URL": text})
