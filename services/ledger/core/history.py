"""The history in steps of time: settled and saved from the book, everything else from the samples. Pure.

A step before the first entry of the book has no values from it: the book has dropped, or never had, the settlements of
then. The newest steps may still grow by payments that were sent in them and are settled later.
"""

from collections.abc import Sequence
from itertools import pairwise
from operator import attrgetter

from services.contracts.history import HistoryStep
from services.contracts.processor import Processor
from services.contracts.stamp import stamp_from_micros
from services.ledger.core.book import Book
from services.ledger.core.samples import EVERY_US, SECOND_US, Samples, largest, mean
from services.overview.core.charged import fees_of


def edges_of(now_us: int, step_s: int, steps: int) -> list[int]:
    """Return where steps begin and the last one ends, in microseconds since 1970.

    ``steps`` are complete; if a part of the next one has passed, one more is returned, of whole samples.
    """
    step_us = step_s * SECOND_US
    until_us = now_us // step_us * step_us
    edges = list(range(until_us - steps * step_us, until_us + 1, step_us))
    sampled_us = now_us // EVERY_US * EVERY_US
    return [*edges, sampled_us] if sampled_us > until_us else edges


def steps_of(book: Book, samples: Samples, processors: Sequence[Processor], edges: Sequence[int]) -> list[HistoryStep]:
    """Return the current steps between edges."""
    first_us = book.first_us
    totals = [book.totals(None, edge - 1) for edge in edges]
    counts = [sum(each.count for each in of_all.values()) for of_all in totals]
    found = []
    for number, (begin, end) in enumerate(pairwise(edges)):
        is_in_book = first_us is not None and first_us < end
        seen = samples.between(begin, end)
        found.append(
            HistoryStep(
                stamp_from_micros(end),
                mean(seen, attrgetter("accepted_per_s")),
                _per_s(counts[number + 1] - counts[number], end - begin) if is_in_book else None,
                largest(seen, attrgetter("p50_ms")),
                largest(seen, attrgetter("p99_ms")),
                largest(seen, attrgetter("backlog")),
                fees_of(processors, totals[number + 1]).saved_cents if is_in_book else None,
                largest(seen, attrgetter("troubles")),
            )
        )
    return found


def _per_s(count: int, step_us: int) -> float:
    return round(count * SECOND_US / step_us, 2)
