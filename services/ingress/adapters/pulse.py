"""This instance's pulse."""

from collections.abc import Callable
from datetime import datetime

from services.contracts.pulse import IngressPulse
from services.ingress.core.meter import Meter


def pulse_of(
    instance: str, started_at: datetime, meter: Meter, trouble: Callable[[], str]
) -> Callable[[], IngressPulse]:
    """Return a function that reads the meter, and what is wrong with this instance alone."""

    def read() -> IngressPulse:
        return IngressPulse(instance, started_at, dict(meter.answers), tuple(meter.took.counts), trouble())

    return read
