"""Settings of ingress: the defaults of the design, and a sentence for each wrong one."""

import os
from pathlib import Path

import pytest

from services.contracts.pulse import instance_from_text
from services.ingress.core.address import UnixAddress, address_from_text
from services.ingress.core.guard import Access
from services.ingress.settings import ingress_settings
from services.settings.environment import SettingError
from services.settings.tcp_address import TcpAddress


def test_defaults_are_those_of_the_design() -> None:
    """An empty environment is a working one."""
    settings = ingress_settings({})
    assert settings.bus.nats_url == "nats://127.0.0.1:4222"
    assert [processor.name for processor in settings.bus.processors] == ["default", "fallback"]
    assert (settings.bus.limits.backlog_max, settings.bus.limits.idempotency_window_s) == (1_000_000, 600)
    assert settings.listen == TcpAddress("127.0.0.1", 8080)
    assert (settings.amount_max, settings.allow_purge, settings.reuse_port) == (1_000_000_000, False, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NATS_URL", "localhost:4222"),
        ("NATS_URL", "nats://localhost:port"),
        ("NATS_URL", "http://localhost:4222"),
        ("PROCESSORS", "default=http://127.0.0.1:8001"),
        ("PROCESSORS", "default=http://127.0.0.1:99999@0.05"),
        ("IDEMPOTENCY_WINDOW_S", "0"),
        ("BACKLOG_MAX", "-1"),
        ("SETTLEMENTS_BYTES_MAX", "1"),
        ("AMOUNT_MAX", "0"),
        ("AMOUNT_MAX", "10000000001"),
        ("ALLOW_PURGE", "yes"),
        ("INSTANCE", "ingress.1"),
        ("INGRESS_LISTEN", "nowhere"),
        ("OPEN", "yes"),
        ("CONNECTIONS_MAX", "0"),
        ("CONNECTIONS_PER_ADDRESS_MAX", "4000"),
    ],
)
def test_wrong_setting_is_named(name: str, value: str) -> None:
    """The sentence begins with the variable."""
    with pytest.raises(SettingError, match=f"^{name} "):
        ingress_settings({name: value})


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", TcpAddress("127.0.0.1", 8080)),
        ("localhost:1", TcpAddress("localhost", 1)),
        ("[::1]:65535", TcpAddress("::1", 65535)),
        ("unix:/run/in.sock", UnixAddress("/run/in.sock")),
    ],
)
def test_address_is_read_and_written_alike(text: str, address: object) -> None:
    """What is logged is what was set."""
    assert address_from_text(text) == address
    assert str(address) == text


@pytest.mark.parametrize("text", ["", ":8080", "host", "host:", "host:0", "host:65536", "host:8x", "unix:", "unix:a"])
def test_text_that_is_not_an_address_is_refused(text: str) -> None:
    """The port must be valid, and a socket's path absolute."""
    with pytest.raises(ValueError, match="host:port"):
        address_from_text(text)


def test_an_instance_without_a_name_is_named_after_host_and_process() -> None:
    """Two of them never share a name, whatever the host's name is."""
    name = ingress_settings({}).bus.instance
    assert instance_from_text(name) == name
    assert name.endswith(f"-{os.getpid()}")
    assert ingress_settings({"INSTANCE": "ingress-1"}).bus.instance == "ingress-1"


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "10.0.0.7:80", "[::]:80", "shop.example:80", "unix:/run/in.sock"])
def test_what_others_may_reach_is_closed_unless_the_settings_say_otherwise(listen: str) -> None:
    """A socket too: what listens before it is not known here."""
    with pytest.raises(SettingError, match=r"^API_KEYS must name a file of keys"):
        ingress_settings({"INGRESS_LISTEN": listen})
    assert ingress_settings({"INGRESS_LISTEN": listen, "OPEN": "1"}).access is Access.OPEN
    closed = ingress_settings({"INGRESS_LISTEN": listen, "API_KEYS": "/keys.json", "OPEN": "0"})
    assert (closed.access, closed.api_keys) == (Access.KEYS, Path("/keys.json"))


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "127.9.9.9:80", "[::1]:80", "localhost:80"])
def test_on_loopback_nobody_needs_a_key_unless_the_settings_say_otherwise(listen: str) -> None:
    """Only this machine reaches it."""
    assert ingress_settings({"INGRESS_LISTEN": listen}).access is Access.LOOPBACK
    assert ingress_settings({"INGRESS_LISTEN": listen, "API_KEYS": "/keys.json"}).access is Access.KEYS


def test_loopback_can_be_set_for_a_socket_and_must_be_true_for_an_address() -> None:
    """As make up sets it, whose balancer listens on 127.0.0.1."""
    assert ingress_settings({"INGRESS_LISTEN": "unix:/s", "OPEN": "loopback"}).access is Access.LOOPBACK
    with pytest.raises(SettingError, match=r"^OPEN is loopback, but INGRESS_LISTEN is 0\.0\.0\.0:80"):
        ingress_settings({"INGRESS_LISTEN": "0.0.0.0:80", "OPEN": "loopback"})


def test_open_with_keys_is_a_contradiction() -> None:
    """The operator must decide which of them is meant."""
    with pytest.raises(SettingError, match=r"^OPEN is 1, and API_KEYS names /keys"):
        ingress_settings({"API_KEYS": "/keys", "OPEN": "1"})
