"""What ingress asks a dispatcher for an operator: who charges, and that one is paused or resumed.

``dispatcher.processors`` is answered with ProcessorList, whatever was asked; ``dispatcher.pause``, asked with a
PauseAsked, with a PauseAnswered. Ingress cannot write the bucket of processors itself: who writes there says where
payments are charged.
"""

from typing import Literal, TypeVar

from msgspec import Struct, json

from services.contracts.events import decoded
from services.contracts.processor_entry import Entries, Pause, ProcessorGeneration, generations_in


class ListedProcessor(Struct, frozen=True, rename="camel"):
    """One generation of a processor.

    Args:
        name: of the processor.
        generation: as lines in ASSIGNMENTS name it.
        state: ``open``; ``paused`` gets nothing new; ``closing`` is an earlier URL that settles what it has.
        fee: a share of the amount.
        url: without credentials, which no URL of a processor has.
        pause: who paused it, why and since when; null where it is not paused.
    """

    name: str
    generation: str
    state: Literal["open", "paused", "closing"]
    fee: float
    url: str
    pause: Pause | None


class ProcessorList(Struct, frozen=True, rename="camel"):
    """All of them: those that are not closing first, the cheapest first among them."""

    processors: tuple[ListedProcessor, ...]
    v: Literal[1] = 1


class PauseAsked(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Have a processor paused; by a ``pause`` of null, resumed."""

    name: str
    pause: Pause | None


class PauseAnswered(Struct, frozen=True, rename="camel"):
    """The processor as it is now; null: there is none of that name, and nothing was changed.

    ``names``: those that there are.
    """

    processor: ListedProcessor | None
    names: tuple[str, ...]
    v: Literal[1] = 1


Message = ProcessorList | PauseAsked | PauseAnswered
M = TypeVar("M", ProcessorList, PauseAsked, PauseAnswered)

_encoder = json.Encoder()


def encode(message: Message) -> bytes:
    """Return the message as UTF-8 JSON."""
    return _encoder.encode(message)


def decode(data: bytes, kind: type[M]) -> M:
    """Read a message of that kind.

    Raises:
        NotAnEventError: it is none.
    """
    return decoded(json.Decoder(kind), data)


def listed(processor: ProcessorGeneration) -> ListedProcessor:
    """Return a generation as other services and operators get it."""
    return ListedProcessor(
        processor.name, processor.generation, processor.state, float(processor.fee), processor.url, processor.pause
    )


def names_of(entries: Entries) -> tuple[str, ...]:
    """Return the processors that may be paused or moved: all that are not removed."""
    return tuple(each.name for each in generations_in(entries) if each.state != "closing")


def no_such(name: str, names: tuple[str, ...]) -> str:
    """Return the sentence about a name that no processor has."""
    return f"there is no processor {name}; there are {', '.join(names) or 'none'}"
