"""What was asked of the harness: flags before the environment; wrong values are named."""

import pytest

from sandbox.chaos.options import read
from sandbox.chaos.planned_fault import LONG_GROUPS, FaultGroup, StoreMode
from services.settings.environment import SettingError


def test_defaults_are_two_minutes_of_everything_with_a_random_seed() -> None:
    """`make chaos` alone is a sensible run."""
    options = read([], {})
    assert (options.minutes, options.rate, options.dispatchers) == (2, 50, 1)
    assert options.groups == frozenset(FaultGroup)
    assert len({read([], {}).seed for _ in range(5)}) > 1


def test_flags_take_precedence_over_the_environment() -> None:
    """A flag takes precedence."""
    env = {"SEED": "1", "MINUTES": "3", "RATE": "20", "DISPATCHERS": "2", "FAULTS": "kill", "IN_FLIGHT_MAX": "8"}
    assert read(["--seed", "9", "--minutes", "0.5"], env).repeat == (
        "SEED=9 MINUTES=0.5 RATE=20 DISPATCHERS=2 IN_FLIGHT_MAX=8 FAULTS=kill"
    )


def test_empty_variables_count_as_unset() -> None:
    """An empty variable counts as unset."""
    assert read([], {"SEED": "", "MINUTES": "", "FAULTS": "", "IN_FLIGHT_MAX": ""}).minutes == 2


def test_what_is_printed_repeats_the_run() -> None:
    """Given back as environment, it asks for the same run."""
    options = read(["--seed", "5", "--faults", "kill,network"], {})
    again = read([], dict(word.split("=") for word in options.repeat.split()))
    assert again == options


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SEED", "x"),
        ("MINUTES", "0"),
        ("MINUTES", "nan"),
        ("MINUTES", "soon"),
        ("RATE", "0"),
        ("FAULTS", "kill,rust"),
        ("DISPATCHERS", "9"),
        ("STORE", "forwards"),
        ("SYNC", "sometimes"),
        ("NATS_NODES", "2"),
        ("IN_FLIGHT_MAX", "many"),
    ],
)
def test_a_wrong_value_is_named(name: str, text: str) -> None:
    """The message names the variable."""
    with pytest.raises(SettingError, match=name):
        read([], {name: text})


def test_no_group_can_be_asked_for() -> None:
    """A run without faults can be asked for."""
    assert read(["--faults", "none"], {}).groups == frozenset()


def test_the_new_faults_can_be_asked_for_alone_with_kills() -> None:
    """And the printed settings ask for the same."""
    options = read(["--faults", "new", "--store", "back"], {})
    assert options.groups == LONG_GROUPS | {FaultGroup.KILL}
    assert options.store is StoreMode.BACK
    assert read(["--faults", "new,processor"], {}).groups == LONG_GROUPS | {FaultGroup.KILL, FaultGroup.PROCESSOR}
    assert read([], dict(word.split("=") for word in options.repeat.split())) == options


def test_three_servers_with_power_cuts_can_be_asked_for_again() -> None:
    """The printed settings ask for the same."""
    options = read(["--seed", "1", "--nats-nodes", "3", "--store", "cut", "--sync", "2m", "--faults", "node"], {})
    assert (options.nats_nodes, options.store, options.is_synced) == (3, StoreMode.CUT, False)
    assert read([], dict(word.split("=") for word in options.repeat.split())) == options


def test_faults_of_one_server_of_three_need_three() -> None:
    """A run that would do nothing is refused."""
    with pytest.raises(SettingError, match="NATS_NODES"):
        read(["--faults", "node"], {})
