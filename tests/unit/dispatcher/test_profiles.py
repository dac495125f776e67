"""The two official load tests, simulated with the real decisions: what they would yield, and where it would be lost."""

import pytest

from sandbox.rinha.profile import load
from tests.unit.dispatcher.simulation import Figures, Simulation


def shown(name: str, figures: Figures) -> Figures:
    """Print the figures, to be read with -s."""
    share = figures.share_of_ceiling(load(name))
    print(  # noqa: T201  # figures to be read
        f"\n{name}: {figures.accepted} accepted, {dict(figures.settled)} settled, {figures.late} late, "
        f"{figures.share_on('default'):.4f} on default, {share:.4f} of the ceiling, {figures.slow} slow calls, "
        f"at most {dict(figures.in_flight_max)} in flight, waited at most {figures.waited_ms_max / 1000:.1f} s"
    )
    return figures


# When the health endpoints are asked, and when canaries are due relative to the stages, is random in a real run.
@pytest.mark.parametrize(("health_at_ms", "stages_late_ms"), [(300, 0), (2_500, 100), (4_000, 180)])
def test_the_preview_settles_all_on_the_cheap_processor(health_at_ms: float, stages_late_ms: float) -> None:
    """Payments wait out the outage, and the backlog drains in time: nothing late, 99 % or more on default."""
    run = Simulation(load("preview"), health_at_ms=health_at_ms, stages_late_ms=stages_late_ms)
    figures = shown("preview", run.run())
    assert figures.accepted == pytest.approx(16_750, rel=0.01)
    assert figures.late == 0
    assert figures.share_on("default") >= 0.99


def test_the_final_settles_all_and_pays_little_more_than_necessary() -> None:
    """Nothing late, 98.5 % of the ceiling or more, and slow calls only where a stage changed under them."""
    profile = load("final")
    figures = shown("final", Simulation(profile).run())
    assert figures.accepted == pytest.approx(90_500, rel=0.01)
    assert figures.late == 0
    assert figures.share_of_ceiling(profile) >= 0.985
    assert figures.slow <= 256


def test_a_machine_that_is_too_small_does_not_pay_for_it() -> None:
    """Where our own pace is the bottleneck, the dear processor would settle nothing sooner: nothing is spilled to it.

    Latencies contain our own queueing: with more in flight they grow, longer ones ask for more in flight, and in the
    end the cheap processor would seem too slow for the backlog.
    """
    figures = shown("preview", Simulation(load("preview"), call_costs_ms=(1.3, 0.7)).run())
    assert figures.late > 0
    assert figures.share_on("default") >= 0.98
    assert figures.in_flight_max["default"] < 256


def test_a_run_repeats_itself() -> None:
    """All random numbers are seeded, and the only clock is the virtual one."""
    first, second = (Simulation(load("smoke"), seed=7).run() for _ in range(2))
    assert first == second
