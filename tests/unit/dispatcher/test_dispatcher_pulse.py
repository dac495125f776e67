"""What a dispatcher reports about itself once a second."""

from services.contracts.pulse import DispatcherPulse
from services.dispatcher.adapters.pulse import pulse_of
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.condition import Health
from services.dispatcher.core.counters import Counters
from services.dispatcher.core.status import status_of
from services.dispatcher.core.traffic import Traffic
from tests.unit.dispatcher.fakes import DEAR, HOME, NOON, RULES

NOW_MS = 1_000_000.0


def pulse(traffic: Traffic) -> DispatcherPulse:
    """Return the pulse of now."""
    return pulse_of("d", "o", NOON, lambda: status_of(traffic, Counters(()), AssignmentLog(), (), NOW_MS))()


def test_a_processor_that_was_never_called_has_no_latency() -> None:
    """Its health endpoint promises 0 ms, which no call ever took; once called, the last call's latency counts."""
    traffic = Traffic((HOME, DEAR), RULES)
    token = traffic.evidence(HOME).sent(NOW_MS - 1_000)
    traffic.evidence(HOME).answered(token, NOW_MS - 993)
    for generation in (HOME, DEAR):
        traffic.evidence(generation).add_health(Health(NOW_MS - 10, failing=False, min_response_ms=0))
    latencies = [seen.latency_ms for seen in pulse(traffic).processors.values()]
    assert latencies == [7.0, None]
    traffic.evidence(DEAR).add_health(Health(NOW_MS - 5, failing=False, min_response_ms=1_500))
    assert [seen.latency_ms for seen in pulse(traffic).processors.values()] == [7.0, 1_500.0]
