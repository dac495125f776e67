"""Reading the state of a running stack."""

import time
from collections.abc import Callable

from sandbox.nats_wire import Nats
from sandbox.rinha import insight
from sandbox.stack import Stack
from sandbox.stack.limits.usage import cpu_s_by_service, memory_mib_by_service
from sandbox.stack.plan import ports
from sandbox.stack.plan.ports import HOST

PATIENCE_S = 60.0
SERVICES = {"nats", "ledger", "dispatcher", "ingress-1", "ingress-2"}


def test_a_stack_is_read_while_it_runs_and_after_its_bus_stopped() -> None:
    """The dispatcher's state, every service's CPU and memory; without NATS no state, and no error."""
    with Stack(flags=["--no-nginx"]) as stack:

        def spent() -> dict[str, insight.Spent]:
            return {name: insight.Spent(cpu_s) for name, cpu_s in cpu_s_by_service(stack.run_dir).items()}

        with insight.watching(Nats(HOST, stack.ports["nats"], stack.bus_credentials), spent) as readings:
            _until(lambda: len(readings) > 1)
        state = readings[-1].state
        assert state is not None
        assert state.conditions == {"default": "serving", "fallback": "serving"}
        assert (state.in_hand, state.backlog, state.calls) == (0, 0, 0)
        assert set(readings[-1].spent) == SERVICES
        assert all(spent.cpu_s > 0 for spent in readings[-1].spent.values())
        memory_mib = memory_mib_by_service(stack.run_dir)
        assert set(memory_mib) == SERVICES
        assert all(1 < mib < 500 for mib in memory_mib.values())
        nowhere = ports.free(1)[0]
        with insight.watching(Nats(HOST, nowhere), spent) as readings:
            _until(lambda: len(readings) > 0)
        assert readings[0].state is None


def _until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
