"""What was asked of the stack: the defaults of `make up`; wrong values are rejected by name."""

from pathlib import Path

import pytest

from sandbox.checkout import TOP
from sandbox.stack.plan import command_line
from services.settings.environment import SettingError


def test_defaults_are_the_documented_ones() -> None:
    """Without flags and variables the ports, fees and processors are the documented ones."""
    wanted = command_line.read([], {})
    assert wanted.http_url == "http://127.0.0.1:9999"
    assert wanted.nats_url == "nats://127.0.0.1:4222"
    assert wanted.processors == "default=http://127.0.0.1:8001@0.05,fallback=http://127.0.0.1:8002@0.15"
    assert (wanted.monitor_port, wanted.dispatchers, wanted.keep) == (8222, 1, False)
    assert wanted.sync == "always"
    assert wanted.run_dir.name == ".run"
    assert wanted.run_dir.is_absolute()


def test_fees_and_ports_reach_the_services_through_processors() -> None:
    """SANDBOX_FEES and the ports' flags show in the text that the services read."""
    wanted = command_line.read(["--default", "7001", "--fallback", "7002"], {"SANDBOX_FEES": "0.07, 0.10"})
    assert wanted.processors == "default=http://127.0.0.1:7001@0.07,fallback=http://127.0.0.1:7002@0.10"


def test_given_processors_and_nats_are_passed_on() -> None:
    """Services get PROCESSORS and NATS_URL as given."""
    given = {"PROCESSORS": "bank=http://10.0.0.1:80@0.01", "NATS_URL": "nats://127.0.0.1:5000"}
    wanted = command_line.read([], given)
    assert wanted.processors == given["PROCESSORS"]
    assert wanted.nats_url == given["NATS_URL"]


def test_three_nats_servers_are_a_cluster_at_ports_in_a_row() -> None:
    """NATS_NODES=3: each has a name, a port for clients, one for monitoring and one for the others."""
    wanted = command_line.read(["--nats", "5222", "--monitor", "5322", "--route", "5422"], {"NATS_NODES": "3"})
    assert wanted.nats_url == "nats://127.0.0.1:5222,nats://127.0.0.1:5223,nats://127.0.0.1:5224"
    assert [node.name for node in wanted.nodes] == ["nats-1", "nats-2", "nats-3"]
    assert [(node.monitor_port, node.route_port) for node in wanted.nodes] == [(5322, 5422), (5323, 5423), (5324, 5424)]
    assert [node.name for node in command_line.read([], {}).nodes] == ["nats"]


def test_clients_use_tls_where_that_is_set() -> None:
    """Not by default, and not under the limits of docker-compose.yml, which has no certificate."""
    assert command_line.read([], {"TLS": "1"}).http_url == "https://127.0.0.1:9999"
    with pytest.raises(SettingError, match="TLS must be 0 under the limits"):
        command_line.read([], {"TLS": "1", "LIMITS": "compose"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TLS", "yes"),
        ("NATS_NODES", "0"),
        ("NATS_NODES", "2"),
        ("NATS_NODES", "three"),
        ("DISPATCHERS", "0"),
        ("DISPATCHERS", "two"),
        ("INGRESSES", "0"),
        ("KEEP", "yes"),
        ("PROCESSORS", "default"),
        ("SANDBOX_FEES", "0.05"),
        ("SANDBOX_FEES", "0.05,1"),
        ("SANDBOX_FEES", "0.05,cheap"),
        ("SYNC", "never"),
        ("SYNC", "Always"),
        ("SYNC", "5"),
        ("SYNC", "0s"),
        ("SYNC", "-2m"),
        ("SYNC", "1m30s"),
        ("SYNC", "61m"),
        ("SYNC", "2h"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    """What cannot be used stops the start with a sentence that begins with the variable's name."""
    with pytest.raises(SettingError, match=f"^{name} "):
        command_line.read([], {name: value})


def test_the_limits_are_those_of_two_ingress_instances() -> None:
    """A third would have no limits of its own in docker-compose.yml."""
    with pytest.raises(SettingError, match=r"^INGRESSES "):
        command_line.read([], {"LIMITS": "compose", "INGRESSES": "3"})


@pytest.mark.parametrize("text", ["always", "2m", "100ms", "1ms", "30s", "60m"])
def test_every_documented_sync_is_accepted(text: str) -> None:
    """Before each PubAck, or as often as a duration says."""
    assert command_line.read([], {"SYNC": f" {text} "}).sync == text


def test_the_limits_come_with_the_sync_of_the_compose_file() -> None:
    """What is measured under the limits is what is submitted; another SYNC is an error, not overruled."""
    assert command_line.read([], {"LIMITS": "compose"}).sync == "2m"
    assert command_line.read([], {"LIMITS": "compose", "SYNC": "2m"}).sync == "2m"
    with pytest.raises(SettingError, match=r"^SYNC must be 2m "):
        command_line.read([], {"LIMITS": "compose", "SYNC": "always"})


@pytest.mark.parametrize(("given", "read"), [("", "INFO"), ("WARNING", "INFO"), ("debug", "DEBUG")])
def test_services_always_log_that_they_are_ready(given: str, read: str) -> None:
    """No LOG_LEVEL hides the lines that the stack waits for."""
    assert command_line.read([], {"LOG_LEVEL": given}).log_level == read


def test_a_flag_wins_over_its_variable() -> None:
    """`tarifa up --dispatchers 3` in a shell that has DISPATCHERS=2."""
    wanted = command_line.read(["--dispatchers", "3", "--keep"], {"DISPATCHERS": "2", "KEEP": "0", "INGRESSES": "4"})
    assert (wanted.dispatchers, wanted.keep, wanted.ingresses) == (3, True, 4)


def test_a_folder_of_the_command_line_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And a file that a variable names relatively is the checkout's, wherever the command was given."""
    monkeypatch.chdir(tmp_path)
    wanted = command_line.read(["--run-dir", "here"], {"API_KEYS": "README.md"})
    assert (wanted.run_dir, wanted.api_keys) == (tmp_path / "here", TOP / "README.md")
    assert command_line.read([], {}).run_dir == TOP / ".run"
