"""What a payment costs: CPU of each service per accepted payment and how long its POST and its settling take.

``python -m benchmarks.payment_cost [payments a second]``. The whole stack as ``make up`` starts it, a client that pays
at even distances and waits for no payment before the next, and two well processors; no limits. What a payment costs
falls as the rate rises, for one wake-up then serves several; it rises where others use the machine too.
``settled``: the ms from acceptance to the settlement stored, p50 and p99, by the dispatcher's own histogram.

The store is new, so the server remembers every id and none is looked up. ``IDEMPOTENCY_WINDOW_S=1`` shows what a
payment costs in a store that is older than the window.
"""
# a console program speaks to its console

import asyncio
import statistics
import sys
import time
import uuid
from collections.abc import Iterable

from benchmarks.measured import settle_counts
from sandbox import api_key
from sandbox.chaos.http_client import HttpClient, NoAnswerError
from sandbox.stack import Stack
from sandbox.stack.limits.usage import cpu_s_by_service
from sandbox.stack.plan.ports import HOST
from services.contracts.durations import quantile_ms

RATES = (100, 300, 600)
LENGTH_S = 15.0
WARM_S = 3.0
SETTLED_WITHIN_S = 60.0
TIMEOUT_S = 10.0
DISPATCHER = "dispatcher-1"


def run(rates: tuple[int, ...] = RATES) -> None:
    """Measure at some rates, one after the other."""
    with Stack(metrics=True) as stack:
        asyncio.run(_measure(stack, rates))


async def _measure(stack: Stack, rates: tuple[int, ...]) -> None:
    http = HttpClient(HOST, stack.ports["http"], api_key.headers())
    services = sorted(cpu_s_by_service(stack.run_dir))  # without nginx where it is not installed
    columns = (*services, "all, us", "p50, ms", "p99, ms", "settled 50", "settled 99")
    print(f"{'payments/s':>10}  " + "  ".join(f"{name:>10}" for name in columns))
    for rate in rates:
        await settled(http, list(await offer(http, rate, WARM_S)))
        before, settles_before = cpu_s_by_service(stack.run_dir), await settle_counts(stack, DISPATCHER)
        took_s = await offer(http, rate, LENGTH_S)
        await settled(http, list(took_s))
        after, settles = cpu_s_by_service(stack.run_dir), await settle_counts(stack, DISPATCHER)
        each = [(after[name] - before[name]) / len(took_s) * 1e6 for name in services]
        figures = [f"{us:>10.0f}" for us in (*each, sum(each))]
        figures += [f"{percentile_ms(took_s.values(), part):>10.2f}" for part in (50, 99)]
        took = [count - old for count, old in zip(settles, settles_before, strict=True)]
        figures += [f"{quantile_ms(took, share) or 0:>10.0f}" for share in (0.5, 0.99)]
        print(f"{rate:>10}  " + "  ".join(figures), flush=True)
    http.close()


async def offer(http: HttpClient, rate: int, length_s: float) -> dict[str, float]:
    """Pay at even distances; return the seconds that each id's answer took, in the order of the payments."""
    ids = [str(uuid.uuid4()) for _ in range(int(rate * length_s))]
    begin_s = time.monotonic()
    took_s = dict.fromkeys(ids, 0.0)

    async def pay(number: int, payment_id: str) -> None:
        await asyncio.sleep(max(0.0, begin_s + number / rate - time.monotonic()))
        sent_s = time.monotonic()
        answer = await http.post("/payments", {"correlationId": payment_id, "amount": 19.9}, timeout_s=TIMEOUT_S)
        took_s[payment_id] = time.monotonic() - sent_s
        if answer.status != 202:  # noqa: PLR2004
            raise RuntimeError(f"not accepted: {answer.status} {answer.body!r}")

    await asyncio.gather(*(pay(number, payment_id) for number, payment_id in enumerate(ids)))
    return took_s


def percentile_ms(took_s: Iterable[float], part: int) -> float:
    """Return within how many ms so many of a hundred were answered."""
    return statistics.quantiles(took_s, n=100)[part - 1] * 1000


async def settled(http: HttpClient, ids: list[str]) -> None:
    """Wait for the last ones; those before them were fetched earlier."""
    deadline_s = time.monotonic() + SETTLED_WITHIN_S
    for payment_id in ids[-20:]:
        while not await _is_settled(http, payment_id):
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{payment_id} is not settled after {SETTLED_WITHIN_S:g} s")
            await asyncio.sleep(0.05)


async def _is_settled(http: HttpClient, payment_id: str) -> bool:
    try:
        answer = await http.get(f"/payments/{payment_id}", timeout_s=TIMEOUT_S)
    except NoAnswerError:
        return False
    return bool(answer.document and answer.document.get("status") == "settled")


if __name__ == "__main__":
    run(tuple(map(int, sys.argv[1:])) or RATES)
