"""What three servers cost beside one: the same load on one replica and on three, in turn, and their ratios.

``python -m benchmarks replicas [rounds]``. Each round has one server (R1), three (R3), and three with more dispatchers
or more ingress instances; each is the whole stack as ``make up`` starts it, on a store of its own, with ``SYNC=always``
and two processors that answer at once. All, the three servers and their disks too, share this machine: the ratios of
one round say what replication costs, and nothing says what three machines would carry. About a minute for each line.
"""
# a console program speaks to its console

import asyncio
import shutil
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence

from benchmarks.scale import ENV
from benchmarks.sync import RATE, measured
from sandbox.stack import Stack

ROUNDS = 2
BASE = {"SYNC": "always", "DISPATCHERS": "1", "INGRESSES": "2"}
THREE = BASE | {"NATS_NODES": "3"}
KINDS: Mapping[str, Mapping[str, str]] = {
    "R1": BASE,
    "R3": THREE,
    "R3, 2 dispatchers": THREE | {"DISPATCHERS": "2"},
    "R3, 4 ingress": THREE | {"INGRESSES": "4"},
}
BESIDE = {"R3": "R1", "R3, 2 dispatchers": "R3", "R3, 4 ingress": "R3"}
COLUMNS = ("p50, ms", "p99, ms", "nats, us", "all, us", "settled/s", "us each", "stored/s", "us each")


def run(rounds: int = ROUNDS) -> None:
    """Measure each kind in each round, then print the median of the rounds' ratios, and their range."""
    if shutil.which("wrk") is None:
        print("replicas needs wrk, which drives the load: apt-get install wrk", file=sys.stderr)
        return
    print(_line(f"ms, us at {RATE} payments/s", COLUMNS))
    found: defaultdict[str, list[Sequence[float]]] = defaultdict(list)
    for _ in range(rounds):
        for kind, env in KINDS.items():
            found[kind].append(_figures(env))
            print(_line(kind, [f"{figure:,.2f}" if figure < 100 else f"{figure:,.0f}" for figure in found[kind][-1]]))  # noqa: PLR2004
    for kind, other in BESIDE.items():
        rows = zip(found[kind], found[other], strict=True)
        ratios = zip(*([one / two for one, two in zip(*pair, strict=True)] for pair in rows), strict=True)
        print(_line(f"{kind} / {other}", [_spread(each) for each in ratios]))


def _figures(env: Mapping[str, str]) -> Sequence[float]:
    with Stack(env={**ENV, **env}) as stack:
        steady, settling, storing = asyncio.run(measured(stack, int(env["DISPATCHERS"])))
    calm = (steady.p50_ms, steady.p99_ms, steady.nats_us, steady.all_us)
    return *calm, settling.per_s, settling.cpu_us, storing.per_s, storing.cpu_us


def _spread(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def _line(what: str, cells: Sequence[str]) -> str:
    return f"{what:<26}" + "".join(f" {cell:>16}" for cell in cells)


if __name__ == "__main__":
    run(int(sys.argv[1]) if sys.argv[1:] else ROUNDS)
