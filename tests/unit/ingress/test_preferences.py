"""Prefer and Accept, as clients write them and as they should not."""

import pytest

from services.ingress.core.preferences import WAIT_S_MAX, problem_asked, wait_asked


@pytest.mark.parametrize(
    ("lines", "wait_s"),
    [
        ([], None),
        (["wait=5"], 5),
        (["Wait = 5"], 5),
        (['wait="5"'], 5),
        (["respond-async, wait=5"], 5),
        (["respond-async", "return=minimal; x=y, wait=7;a;b=c"], 7),
        (['x="a, wait=9; \\" wait=8", wait=3'], 3),
        (["wait=2, wait=9"], 2),
        (["wait=2", "wait=9"], 2),
        (["wait=30"], 30),
        (["wait=31"], WAIT_S_MAX),
        (["wait=000000000000000004"], 4),
        (["wait=" + "9" * 8_000], WAIT_S_MAX),
        (["wait=999999999"], WAIT_S_MAX),
        (["wait=0"], None),
        (["wait"], None),
        (["wait="], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=5s"], None),
        (["wait=\u0665"], None),
        (["wait=soon, wait=5"], None),
        (["await=5"], None),
        (["wait-for=5"], None),
        (["return=representation"], None),
        (['x="open, wait=5'], None),
        ([",,;,wait=6"], 6),
        ([" " * 8_000 + "wait=5"], 5),
        (['"' * 8_000], None),
    ],
)
def test_a_wait_is_read_as_in_the_rfc(lines: list[str], wait_s: int | None) -> None:
    """In any case and beside anything; only the first counts, and an unreadable one is ignored."""
    assert wait_asked(lines) == wait_s


@pytest.mark.parametrize(
    ("lines", "is_asked"),
    [
        ([], False),
        (["*/*"], False),
        (["application/*"], False),
        (["application/json"], False),
        (["text/html, */*;q=0.8"], False),
        (["application/problem+json"], True),
        (["Application/Problem+JSON"], True),
        (["application/problem+json; charset=utf-8"], True),
        (["application/json, application/problem+json"], True),
        (["application/json", "application/problem+json"], True),
        (["application/problem+json, */*"], True),
        (["application/json;q=0.9, application/problem+json"], True),
        (["application/json, application/problem+json;q=0.9"], False),
        (["application/problem+json;q=0.9, */*"], False),
        (["application/problem+json;q=0.9, application/json;q=0.1, */*"], True),
        (["application/problem+json;q=0"], False),
        (["application/problem+json;q=0.000"], False),
        (["application/problem+json;q=high"], False),
        (["application/problem+json;q=nan"], False),
        (["application/problem+json;q=2"], False),
        (["application/problem+xml"], False),
        (['text/plain;x="application/problem+json"'], False),
        (['text/plain;x=",application/problem+json,"'], False),
    ],
)
def test_problem_details_must_be_named_in_accept(lines: list[str], is_asked: bool) -> None:  # noqa: FBT001
    """And nothing that would be sent otherwise must be preferred to them."""
    assert problem_asked(lines) == is_asked
