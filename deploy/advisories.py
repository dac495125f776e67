"""``python -m deploy.advisories``: fails where an advisory is known about a package of the lock.

The advisories are those of the index of packages, read by pip-audit. Where it cannot be had, as on a machine without a
network or behind an index that has none, nothing is known: this says so, and does not fail. An advisory that does not
concern us stands in pyproject.toml with its reason (``tool.tarifa.advisories``).
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import requests
from packaging.version import Version
from pip_audit._service import PyPIService, ResolvedDependency, ServiceError

from deploy.dependencies import ROOT, Package, packages, project

TIMEOUT_S = 10
CACHE = ROOT / ".run/advisories"


@dataclass(slots=True)
class Report:
    """Lines to print: ``found`` fail, ``accepted`` do not; ``unknown``: the index knows nothing of these packages.

    ``asked``: how many packages were looked up; ``away``: why the look-ups stopped, None if all were done.
    """

    found: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    asked: int = 0
    away: str | None = None


def audit(wanted: Iterable[Package], accepted: Mapping[str, str], index: PyPIService) -> Report:
    """Ask the index about each package; stop where it does not answer, as it will not for the next one either."""
    report = Report()
    for package in wanted:
        try:
            known, advisories = index.query(ResolvedDependency(package.name, Version(package.version)))
        except (requests.RequestException, ServiceError) as error:
            report.away = f"{type(error).__name__} at {package.name}"
            return report
        if known.is_skipped():
            report.unknown.append(package.name)
            continue
        report.asked += 1
        for one in advisories:
            reason = next((accepted[name] for name in (one.id, *one.aliases) if name in accepted), None)
            fixed = ", ".join(str(version) for version in one.fix_versions) or "no version yet"
            line = f"{package.name} {package.version}: {one.id}, fixed in {fixed}: {one.description}"
            (report.found if reason is None else report.accepted).append(
                line if reason is None else f"{line} ({reason})"
            )
    return report


def lines_of(report: Report) -> list[str]:
    """Return what to print."""
    lines = [f"Advisory: {line}" for line in report.found] + [f"Accepted: {line}" for line in report.accepted]
    if report.away:
        lines.append(
            f"Advisories NOT asked for beyond {report.asked} packages: the index does not answer ({report.away})."
        )
    if report.unknown:
        which = ", ".join(report.unknown) if report.asked else f"all {len(report.unknown)} asked about"
        lines.append(f"Advisories NOT known: the index that this machine reaches has none about {which}.")
    if report.asked:
        lines.append(f"Advisories asked for: {report.asked} packages, {len(report.found)} found.")
    return lines


def main(arguments: Sequence[str]) -> int:
    """Return 1 where an advisory was found that is not accepted, and 0 otherwise."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.advisories",
        description="Fails if the package index has an advisory about a locked package that pyproject.toml does not"
        " accept.",
    )
    parser.parse_args(arguments)
    report = audit(packages(), project()["tool"]["tarifa"]["advisories"], PyPIService(CACHE, TIMEOUT_S))
    print("\n".join(lines_of(report)))
    return 1 if report.found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
