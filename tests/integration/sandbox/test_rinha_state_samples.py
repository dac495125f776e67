"""Samples of the state of a running stack."""

import time
from collections.abc import Callable

from sandbox.nats_connection import NatsAddress
from sandbox.rinha import state_samples
from sandbox.stack import Stack
from sandbox.stack.limits.usage import cpu_s_by_service, memory_mib_by_service
from sandbox.stack.plan import ports
from sandbox.stack.plan.ports import HOST

PATIENCE_S = 60.0
SERVICES = {"nats", "ledger", "dispatcher", "ingress-1", "ingress-2"}


def test_a_stack_is_read_while_it_runs_and_after_its_bus_stopped() -> None:
    """The dispatcher's state, every service's CPU and memory; without NATS no state, and no error."""
    with Stack(flags=["--no-nginx"]) as stack:

        def cpu_usage() -> dict[str, state_samples.CpuUsage]:
            return {name: state_samples.CpuUsage(cpu_s) for name, cpu_s in cpu_s_by_service(stack.run_dir).items()}

        with state_samples.sampling(
            NatsAddress(HOST, stack.ports["nats"], stack.bus_credentials), cpu_usage
        ) as samples:
            _until(lambda: len(samples) > 1)
        state = samples[-1].state
        assert state is not None
        assert state.conditions == {"default": "serving", "fallback": "serving"}
        assert (state.in_hand, state.backlog, state.calls) == (0, 0, 0)
        assert set(samples[-1].cpu_usage) == SERVICES
        assert all(cpu_usage.cpu_s > 0 for cpu_usage in samples[-1].cpu_usage.values())
        memory_mib = memory_mib_by_service(stack.run_dir)
        assert set(memory_mib) == SERVICES
        assert all(1 < mib < 500 for mib in memory_mib.values())
        nowhere = ports.free(1)[0]
        with state_samples.sampling(NatsAddress(HOST, nowhere), cpu_usage) as samples:
            _until(lambda: len(samples) > 0)
        assert samples[0].state is None


def _until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
