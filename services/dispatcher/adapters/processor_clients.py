"""The processors that charge now, by generation: called, routed to, counted and polled as the registry says."""

import logging
from collections.abc import Sequence

from services.access.processor_access import ProcessorAccess
from services.contracts.processor_entry import ProcessorGeneration
from services.dispatcher.adapters.health import HealthPollers
from services.dispatcher.adapters.processor_api import ProcessorApi, Transport
from services.dispatcher.core.condition import Health
from services.dispatcher.core.counters import Counters
from services.dispatcher.core.traffic import Traffic

HEALTH_TIMEOUT_S = 2.0

log = logging.getLogger("tarifa.dispatcher")


class ProcessorClients:
    """A client for each generation of a processor: ``processors``, changed in place when the registry changes."""

    def __init__(
        self,
        *,
        transport: Transport,
        access: ProcessorAccess,
        call_timeout_s: float,
        traffic: Traffic,
        counters: Counters,
        pollers: HealthPollers,
    ) -> None:
        self._transport = transport
        self._access = access
        self._call_timeout_s = call_timeout_s
        self._traffic = traffic
        self._counters = counters
        self._pollers = pollers
        self.processors: dict[str, ProcessorApi] = {}
        self.generations: tuple[ProcessorGeneration, ...] = ()

    def charge_at(self, generations: Sequence[ProcessorGeneration]) -> None:
        """Charge at these from now on; a removed generation is kept as long as one of its payments is in hand."""
        self.generations = tuple(generations)
        taking = [each.generation for each in generations if each.state == "open"]
        self._traffic.charge_at(taking, [each.generation for each in generations if each.state != "open"])
        self._counters.begin(each.name for each in generations)
        for generation in self.processors.keys() - set(self._traffic.generations):
            del self.processors[generation]
        for each in generations:
            known = self.processors.get(each.generation)
            if known is None or known.registered.url != each.url:
                self.processors[each.generation] = self._api(each)
            else:
                known.registered = each
        self._poll()

    def use(self, access: ProcessorAccess) -> None:
        """Use other credentials from now on; calls under way end with the old ones."""
        self._access = access
        for each in self.generations:
            self.processors[each.generation] = self._api(each)
        self._poll()

    def add_health(self, processor: str, health: Health) -> None:
        """Record a health reply, polled here or by another dispatcher."""
        for each in self.generations:
            if each.name == processor and each.state != "closing":
                self._traffic.evidence(each.generation).add_health(health)

    def _poll(self) -> None:
        current = [each for each in self.generations if each.state != "closing"]
        self._pollers.poll({each.name: self.processors[each.generation] for each in current})

    def _api(self, processor: ProcessorGeneration) -> ProcessorApi:
        if self._access.lacks(processor.url):
            # It may need none. Or its URL is spelt differently there, and it will refuse everything.
            log.warning("processor.without_credentials", extra={"processor": processor.name, "url": processor.url})
        return ProcessorApi(
            processor,
            self._transport,
            call_timeout_s=self._call_timeout_s,
            health_timeout_s=HEALTH_TIMEOUT_S,
            credentials=self._access.credentials_for(processor.url),
        )
