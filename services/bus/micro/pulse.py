"""Pulses: every instance publishes its state once a second."""

import asyncio
import logging
from collections.abc import Callable

from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import pulse as contract
from services.contracts import subjects
from services.contracts.pulse import Pulse

PULSE_EVERY_S = 1.0
PULSE_WITHIN_S = 0.05  # nothing waits for it, so it may be written together with other messages

log = logging.getLogger("tarifa.bus")


async def send_pulses(bus: Bus, read: Callable[[], Pulse]) -> None:
    """Send what ``read`` returns, until cancelled. One that cannot be sent is dropped: the next one replaces it."""
    while True:
        pulse = read()
        subject = subjects.pulse(contract.service_of(pulse), pulse.instance)
        try:
            bus.publish(subject, contract.encode(pulse), within_s=PULSE_WITHIN_S)
        except BusUnavailableError as error:
            log.debug("pulse.not_sent", extra={"error": str(error)})
        await asyncio.sleep(PULSE_EVERY_S)
