"""A store older than ASSIGNMENTS: what waits there may have been sent, so each payment gets a line: it is inherited.

In such a store, an entry in the bucket ``bindings`` names the processor of a payment, and no entry means the home,
which the metadata of PAYMENTS name. Both are read once; the bucket stays as it is.
"""

import logging
import secrets
from collections.abc import Sequence

from services.bus.jetstream import api
from services.bus.jetstream.lookup import last_for
from services.bus.jetstream.publish import StoredAt, store, why_not_stored
from services.bus.jetstream.read_pages import tail
from services.bus.jetstream.state import stream_state
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects
from services.contracts.assignments import Line, TurnAssigned, encode_assignment
from services.contracts.events import NotAnEventError, PaymentAccepted, decode_accepted
from services.contracts.processor_entry import ProcessorGeneration

LINES_AT_ONCE = 200
HOME = "home"  # in the metadata of PAYMENTS, of such a store

log = logging.getLogger("tarifa.dispatcher")


async def migrate(bus: Bus, generations: Sequence[ProcessorGeneration]) -> None:
    """Migrate a store once; do nothing for a newer one.

    Raises:
        BusUnavailableError: NATS does not answer, or a payment is bound to a processor that is not configured; what is
            written already does no harm, so try again.
        ApiError: from the API.
    """
    info = await api.call(bus, f"STREAM.INFO.{subjects.PAYMENTS}")
    home = info["config"].get("metadata", {}).get(HOME)
    if home is None:
        return
    owner = f"migration/{secrets.token_hex(8)}"
    last_seq = (await stream_state(bus, subjects.PAYMENTS)).last_seq
    lines = [await _line(bus, waiting, home, generations) for waiting in await _payments(bus, last_seq)]
    for turn, first in enumerate(range(0, len(lines), LINES_AT_ONCE), start=1):
        message = TurnAssigned(owner, turn, tuple(lines[first : first + LINES_AT_ONCE]))
        result = await store(bus, subjects.ASSIGNMENTS, subjects.assigned("migration"), encode_assignment(message))
        if not isinstance(result, StoredAt):
            raise BusUnavailableError(f"the store could not be migrated now: {why_not_stored(result)}")
    info["config"]["metadata"] = {name: text for name, text in info["config"]["metadata"].items() if name != HOME}
    await api.call(bus, f"STREAM.UPDATE.{subjects.PAYMENTS}", info["config"])
    log.warning("store.migrated", extra={"payments": len(lines), "home": home})


async def _payments(bus: Bus, last_seq: int) -> list[tuple[int, PaymentAccepted]]:
    found = []
    for data in await tail(bus, subjects.PAYMENTS, subjects.PAYMENTS_ALL, last_seq + 1):
        try:
            event = decode_accepted(data)
        except NotAnEventError as error:
            log.error("payment.unreadable", extra={"error": str(error)})  # noqa: TRY400
            continue
        message = await last_for(bus, subjects.PAYMENTS, subjects.accepted(event.id))
        if message is not None:
            found.append((message.seq, event))
    return found


async def _line(
    bus: Bus, waiting: tuple[int, PaymentAccepted], home: str, generations: Sequence[ProcessorGeneration]
) -> Line:
    seq, event = waiting
    entry = await last_for(bus, f"KV_{subjects.BINDINGS}", f"$KV.{subjects.BINDINGS}.{event.id}")
    name = home if entry is None else entry.data.decode()
    generation = next((each.generation for each in generations if each.name == name), None)
    if generation is None:
        raise BusUnavailableError(
            f"{event.id} is bound to {name!r}, which PROCESSORS does not have; start with it once"
        )
    return Line(event.id, seq, generation)
