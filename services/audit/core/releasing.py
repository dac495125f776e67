"""What is known of a payment, as lines for an operator to judge."""

from collections import Counter
from collections.abc import Iterator

from services.audit.core.answer import Answer, Charged, NotCharged, Unanswered, Unreadable
from services.audit.core.words import accepted_words, answer_words, settlement_words
from services.contracts.assignments import processor_of
from services.contracts.releasing import ProcessorAnswer, Sight


def known_lines(sight: Sight) -> Iterator[str]:
    """Yield one line each for the payment, what each stream says of it, and what each processor answers."""
    yield f"payment    {sight.id}"
    yield f"PAYMENTS   {'does not have it' if sight.accepted is None else accepted_words(sight.accepted)}"
    yield f"settlement {'none' if sight.settlement is None else settlement_words(sight.settlement)}"
    yield f"assigned   {_assigned(sight)}"
    names = Counter(processor_of(each.generation) for each in sight.records)
    answers = {_label(each, names): _answer(each) for each in sight.records}
    for words in answer_words(answers):
        yield f"processor  {words}"


def _assigned(sight: Sight) -> str:
    if sight.is_free:
        return f"to no processor; released to {sight.processor}" if sight.processor else "to no processor"
    doubt = "in doubt" if sight.in_doubt else "its dispatcher knows the outcome of each attempt"
    return f"to {sight.processor} (line {sight.line}, {doubt})"


def _label(record: ProcessorAnswer, names: Counter[str]) -> str:
    name = processor_of(record.generation)
    return name if names[name] == 1 else record.generation


def _answer(record: ProcessorAnswer) -> Answer:
    match record.answer:
        case "charged" if record.amount_cents is not None and record.requested_at is not None:
            return Charged(record.amount_cents, record.requested_at)
        case "notCharged":
            return NotCharged()
        case "unanswered":
            return Unanswered(record.detail)
        case "charged" | "unreadable":
            return Unreadable(record.detail)
