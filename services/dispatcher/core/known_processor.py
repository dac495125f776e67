"""What this dispatcher knows of each processor, for display only: no decision depends on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.contracts.assignments import processor_of
from services.dispatcher.core.condition import Condition
from services.dispatcher.core.generation_state import GenerationState


@dataclass(frozen=True, slots=True)
class KnownProcessor:
    """What this dispatcher knows of a processor, over all its generations; the condition is of the one that takes.

    ``called_ms``: as in `Evidence`, of that one.
    """

    condition: Condition
    in_flight: int
    bound_waiting: int
    called_ms: float | None = None


def known_by_name(states: Mapping[str, GenerationState], now_ms: float) -> dict[str, KnownProcessor]:
    """Return every processor by its name; the condition is of the first of its generations, in their order."""
    found: dict[str, KnownProcessor] = {}
    for key, state in states.items():
        known = found.get(processor_of(key))
        found[processor_of(key)] = KnownProcessor(
            state.evidence.condition(now_ms) if known is None else known.condition,
            state.evidence.in_flight + (known.in_flight if known else 0),
            len(state.bound) + (known.bound_waiting if known else 0),
            state.evidence.called_ms if known is None else known.called_ms,
        )
    return found
