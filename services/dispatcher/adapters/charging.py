"""The processors that charge now, by generation: called, routed to, counted and polled as the roster says."""

import logging
from collections.abc import Sequence

from services.access.processor_access import ProcessorAccess
from services.contracts.roster import Place
from services.dispatcher.adapters.health import HealthPollers
from services.dispatcher.adapters.processor_api import ProcessorApi, Transport
from services.dispatcher.core.condition import Health
from services.dispatcher.core.tally import Tally
from services.dispatcher.core.traffic import Traffic

HEALTH_TIMEOUT_S = 2.0

log = logging.getLogger("tarifa.dispatcher")


class Charging:
    """``processors`` by generation; changed in place when the roster changes."""

    def __init__(
        self,
        *,
        transport: Transport,
        access: ProcessorAccess,
        call_timeout_s: float,
        traffic: Traffic,
        tally: Tally,
        pollers: HealthPollers,
    ) -> None:
        self._transport = transport
        self._access = access
        self._call_timeout_s = call_timeout_s
        self._traffic = traffic
        self._tally = tally
        self._pollers = pollers
        self.processors: dict[str, ProcessorApi] = {}
        self.places: tuple[Place, ...] = ()

    def charge_at(self, places: Sequence[Place]) -> None:
        """Charge at these from now on; a removed generation is kept as long as one of its payments is in hand."""
        self.places = tuple(places)
        taking = [place.generation for place in places if place.state == "open"]
        self._traffic.charge_at(taking, [place.generation for place in places if place.state != "open"])
        self._tally.begin(place.name for place in places)
        for generation in self.processors.keys() - set(self._traffic.generations):
            del self.processors[generation]
        for place in places:
            known = self.processors.get(place.generation)
            if known is None or known.url != place.url:
                self.processors[place.generation] = self._api(place)
        self._poll()

    def show(self, access: ProcessorAccess) -> None:
        """Use other credentials from now on; calls under way end with the old ones."""
        self._access = access
        for place in self.places:
            self.processors[place.generation] = self._api(place)
        self._poll()

    def add_health(self, processor: str, health: Health) -> None:
        """Record a health reply, polled here or by another dispatcher."""
        for place in self.places:
            if place.name == processor and place.state != "closing":
                self._traffic.evidence(place.generation).add_health(health)

    def _poll(self) -> None:
        current = [place for place in self.places if place.state != "closing"]
        self._pollers.poll({place.name: self.processors[place.generation] for place in current})

    def _api(self, place: Place) -> ProcessorApi:
        if self._access.lacks(place.url):
            # It may need none. Or its URL is spelt differently there, and it will refuse everything.
            log.warning("processor.without_credentials", extra={"processor": place.name, "url": place.url})
        return ProcessorApi(
            place.url,
            self._transport,
            call_timeout_s=self._call_timeout_s,
            health_timeout_s=HEALTH_TIMEOUT_S,
            shown=self._access.shown_to(place.url),
        )
