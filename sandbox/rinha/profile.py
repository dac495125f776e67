"""A profile is a whole load test as data: who pays how much and when, and what fails meanwhile.

`python -m sandbox.rinha NAME` finds it in `profiles/NAME.json`; the k6 script gets the same file. A new load test is a
new file, not new code.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("profiles")
PROCESSORS = ("default", "fallback")


class Differences(StrEnum):
    """How one check adds up the differences of the two processors' counts."""

    ABS_OF_SUM = "abs_of_sum"
    SUM_OF_ABS = "sum_of_abs"


class TotalsSource(StrEnum):
    """Whose totals at the end the score uses."""

    BACKEND = "backend"
    PROCESSORS = "processors"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one processor behaves in a stage."""

    delay_ms: int
    failing: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """How the processors behave from this second of the load on."""

    second: int
    default: Behaviour
    fallback: Behaviour

    def __str__(self) -> str:
        """Both behaviours in a few characters, as a caption in plots and progress lines."""
        return f"{_caption(self.default)} | {_caption(self.fallback)}"


@dataclass(frozen=True, slots=True)
class Check:
    """How often the summaries are compared, over which period before now, and how differences add up.

    `bracketed`: the processors are also asked just before and just after. Then the backend's answer may be any state
    between the two, and only what lies outside is its fault: answers that are requested at one moment are computed some
    milliseconds apart, and what is booked meanwhile is in only one of them.
    """

    every_s: float
    from_s_ago: float
    to_s_ago: float
    differences: Differences
    bracketed: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """One load test. `as_json` is passed to the k6 script."""

    name: str
    length_s: int
    amount_cents: int
    fees: dict[str, Decimal]
    stages: tuple[Stage, ...]
    check: Check
    source: TotalsSource
    as_json: dict[str, Any]

    def stage_at(self, second: float) -> Stage | None:
        """Return the stage at this second of the load, None before the first."""
        return next((stage for stage in reversed(self.stages) if stage.second <= second), None)

    @property
    def longest_delay_s(self) -> float:
        """How long after it was sent a call may still be booked, which an audit must wait for."""
        return max(max(stage.default.delay_ms, stage.fallback.delay_ms) for stage in self.stages) / 1000


class UnknownProfileError(ValueError):
    """There is no such profile; the message lists the known ones."""


def names() -> list[str]:
    """Return the names of all profiles."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name: str) -> Profile:
    """Read a profile by name; raises `UnknownProfileError`."""
    if name not in names():
        raise UnknownProfileError(f"There is no profile {name!r}. The profiles are: {', '.join(names())}.")
    return parse(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def parse(data: dict[str, Any]) -> Profile:
    """Return the profile of a JSON document; a KeyError or ValueError is a mistake in the file."""
    check = data["check"]
    return Profile(
        name=data["name"],
        length_s=data["length_s"],
        amount_cents=data["amount_cents"],
        fees={name: Decimal(data["fees"][name]) for name in PROCESSORS},
        stages=tuple(
            Stage(stage["second"], Behaviour(**stage["default"]), Behaviour(**stage["fallback"]))
            for stage in data["stages"]
        ),
        check=Check(
            check["every_s"],
            check["from_s_ago"],
            check["to_s_ago"],
            Differences(check["differences"]),
            check.get("bracketed", False),
        ),
        source=TotalsSource(data["totals"]["source"]),
        as_json=data,
    )


def _caption(behaviour: Behaviour) -> str:
    return f"{behaviour.delay_ms} ms{' failing' if behaviour.failing else ''}"
