"""The report of a run, and whether it passed."""

import pytest

from sandbox.fuzz.options import FuzzOptions, read
from sandbox.fuzz.report import AnswerMismatch, Report
from services.settings.environment import SettingError


def test_the_report_of_a_clean_run_has_its_counts() -> None:
    """By operation and status."""
    report = Report()
    report.answers.update({("POST /payments", 202): 3, ("POST /payments", 400): 4, ("GET /docs", 200): 1})
    report.accepted.add("id")
    lines = list(report.lines())
    assert [line.split() for line in lines[:2]] == [
        ["GET", "/docs", "200:", "1"],
        ["POST", "/payments", "202:", "3", "400:", "4"],
    ]
    assert lines[2:] == ["8 requests; 1 payments accepted, 0 of them lost", "passed"]
    assert report.passed


def test_an_answer_that_is_not_as_described_is_reported_once_per_kind() -> None:
    """The first of a kind, with everything needed to repeat it."""
    report = Report()
    for text in ("first", "second"):
        report.add(AnswerMismatch("GET /docs", "Undocumented HTTP status code (418)", text))
    assert not report.passed
    said = "\n".join(report.lines())
    assert "GET /docs: Undocumented HTTP status code (418)\nfirst" in said
    assert "second" not in said
    assert said.endswith("FAILED: 1 kinds of answers are not as described")


def test_a_lost_payment_fails_the_run() -> None:
    """Even if everything else is right."""
    report = Report(accepted={"a", "b"}, lost=["b"])
    assert not report.passed
    assert "LOST b: answered 202, and not found" in list(report.lines())


def test_settings_have_defaults_and_bounds() -> None:
    """A wrong one names its variable."""
    assert read({}) == FuzzOptions(examples=400, seed=1, url="")
    assert read({"FUZZ_EXAMPLES": "7", "SEED": "2", "FUZZ_URL": "http://h/"}) == FuzzOptions(7, 2, "http://h")
    with pytest.raises(SettingError, match="FUZZ_EXAMPLES must be 1 to"):
        read({"FUZZ_EXAMPLES": "0"})
