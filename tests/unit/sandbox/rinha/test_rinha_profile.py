"""The profiles' files: complete, and equal to the challenge's facts."""

from decimal import Decimal

import pytest

from sandbox.rinha import profile
from sandbox.rinha.profile import Differences, TotalsSource


def test_unknown_profile_is_refused_with_a_list_of_the_known_ones() -> None:
    """The error for a mistyped name lists the names that exist."""
    with pytest.raises(profile.UnknownProfileError, match=r"'prevew'.*final, preview, smoke"):
        profile.load("prevew")


@pytest.mark.parametrize("name", profile.names())
def test_each_profile_is_complete_and_in_order(name: str) -> None:
    """Stages are in order and within the length; the curve of users covers exactly the length."""
    loaded = profile.load(name)
    seconds = [stage.second for stage in loaded.stages]
    assert loaded.name == name
    assert seconds == sorted(set(seconds))
    assert seconds[-1] < loaded.length_s
    assert sum(step["during_s"] for step in loaded.as_json["users"]) == loaded.length_s
    assert loaded.check.from_s_ago > loaded.check.to_s_ago > 0


def test_totals_of_each_profile_cover_the_whole_load() -> None:
    """A period for the totals shorter than the load would lose the first payments."""
    for name in profile.names():
        loaded = profile.load(name)
        assert loaded.as_json["totals"]["last_s"] >= loaded.length_s + 10


def test_preview_is_the_challenges_preview() -> None:
    """The figures of the challenge's first load test."""
    preview = profile.load("preview")
    assert (preview.length_s, preview.amount_cents, preview.source) == (60, 1990, TotalsSource.BACKEND)
    assert preview.fees == {"default": Decimal("0.05"), "fallback": Decimal("0.15")}
    assert preview.check.differences is Differences.ABS_OF_SUM
    assert [str(stage) for stage in preview.stages] == [
        "0 ms | 0 ms",
        "100 ms | 0 ms",
        "100 ms failing | 0 ms",
        "2000 ms failing | 1000 ms failing",
        "20 ms | 20 ms",
        "0 ms | 5000 ms",
    ]


def test_final_is_the_challenges_final() -> None:
    """The figures of the challenge's second load test."""
    final = profile.load("final")
    assert (final.length_s, final.amount_cents, final.source) == (300, 2005, TotalsSource.PROCESSORS)
    assert final.fees == {"default": Decimal("0.07"), "fallback": Decimal("0.10")}
    assert final.check.differences is Differences.SUM_OF_ABS
    assert [stage.second for stage in final.stages] == [1, 30, 60, 90, 120, 150, 180, 210, 240, 270]
    assert str(final.stages[4]) == "5000 ms failing | 5 ms"
    assert final.longest_delay_s == 5


def test_smoke_has_an_outage_and_leaves_time_to_recover() -> None:
    """The short profile has an outage of default in the middle and a healthy end."""
    smoke = profile.load("smoke")
    assert any(stage.default.failing for stage in smoke.stages)
    assert not smoke.stages[-1].default.failing
    assert smoke.stages[-1].second <= smoke.length_s - 4


def test_a_stage_lasts_from_its_second_until_the_next() -> None:
    """Before the first stage there is none; each one begins exactly at its second."""
    preview = profile.load("preview")
    assert preview.stage_at(0.9) is None
    assert preview.stage_at(10) == preview.stages[1]
    assert preview.stage_at(19.9) == preview.stages[1]
    assert preview.stage_at(99) == preview.stages[-1]
