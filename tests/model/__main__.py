"""Search the settlement protocol's worlds: ``python -m tests.model [WORLD ...] [--without RULE] [--seconds N]``."""

import argparse
import sys

from tests.model.search import Found, explore
from tests.model.world import VARIANTS
from tests.model.worlds import CATCHES, WORLDS


def main() -> int:
    """Run the requested searches; 1 if a protocol with all its rules has a violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("worlds", nargs="*", metavar="WORLD", help=f"of {', '.join(WORLDS)}; all if none is named")
    parser.add_argument("--without", choices=[*VARIANTS, "each"], default="", help="the rule to remove")
    parser.add_argument("--seconds", type=float, default=120, help="how long one search may take")
    asked = parser.parse_args()
    if asked.without:
        for rule in VARIANTS if asked.without == "each" else [asked.without]:
            for left in [WORLDS[world] for world in asked.worlds] or [CATCHES[rule]]:
                _say(f"{rule} ({VARIANTS[rule]})", explore(left, rule, seconds_max=asked.seconds))
        return 0
    wrong = 0
    for world in asked.worlds or WORLDS:
        found = explore(WORLDS[world], seconds_max=asked.seconds)
        _say(world, found)
        wrong |= bool(found.violation)
    return wrong


def _say(what: str, found: Found) -> None:
    extent = "all of them" if found.complete else "and then stopped"
    result = found.violation or f"no violation, {extent}"
    print(f"{what}: {found.states} states, depth {found.depth}, {found.seconds:.1f} s: {result}", flush=True)  # noqa: T201
    for number, line in enumerate(found.trace, start=1):
        print(f"  {number:2} {line}")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
