"""Rates come from differences within one life of one instance."""

import pytest

from services.contracts.pulse import IngressPulse
from services.overview.core.instance_life import READINGS_MAX, SILENT_AFTER_S, InstanceLife, per_s
from tests.unit.overview.pulses import ingress


def accepted(pulse: IngressPulse) -> int:
    """Return what is counted here."""
    return pulse.answers["accepted"]


def lived(*counts: int) -> InstanceLife[IngressPulse]:
    """Return a life with a pulse a second."""
    life = InstanceLife(ingress(counts[0]), 0.0)
    for second, count in enumerate(counts[1:], start=1):
        life.add(ingress(count), float(second))
    return life


def test_one_pulse_gives_no_rate() -> None:
    """What was counted before the first pulse may have taken any time."""
    assert lived(1_000_000).per_s(accepted) is None


def test_two_pulses_at_nearly_the_same_time_give_no_rate() -> None:
    """A burst after a pause of the connection gives no rate."""
    life = lived(0)
    life.add(ingress(100), 0.001)
    assert life.per_s(accepted) is None


def test_a_rate_is_growth_by_time() -> None:
    """Five a second."""
    assert lived(100, 105, 110).per_s(accepted) == pytest.approx(5.0)


def test_what_is_older_than_the_window_no_longer_counts() -> None:
    """A burst is forgotten ten seconds later."""
    life = lived(0, 1_000, *[1_000] * 12)
    assert life.per_s(accepted) == 0.0
    assert sum(life.grown(lambda pulse: [accepted(pulse)])) == 0


def test_a_lost_pulse_changes_no_rate() -> None:
    """The next one has the same counts."""
    life = InstanceLife(ingress(0), 0.0)
    life.add(ingress(30), 3.0)
    assert life.per_s(accepted) == pytest.approx(10.0)


def test_the_number_of_kept_pulses_has_a_bound() -> None:
    """However many pulses come under that name."""
    life = lived(0)
    for number in range(1_000):
        life.add(ingress(number), number / 1_000)
    assert len(life._readings) == READINGS_MAX


def test_silence_has_a_limit() -> None:
    """Late is not away."""
    life = lived(0)
    assert life.is_up(SILENT_AFTER_S)
    assert not life.is_up(SILENT_AFTER_S + 0.001)


def test_instances_add_up_and_unknown_ones_add_nothing() -> None:
    """One that has just begun has no rate yet; without any, the sum is unknown, not zero."""
    assert per_s([lived(0, 5), lived(0, 7), lived(9)], accepted) == 12.0
    assert per_s([lived(9)], accepted) is None
    assert per_s([], accepted) is None
