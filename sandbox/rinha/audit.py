"""Compares each payment offered with each charge booked, id by id, which no count can replace.

In a sum two errors can cancel out (one payment lost, another charged twice); here they cannot.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sandbox.charges import Charge
from sandbox.rinha.load_journal import PostedPayment
from sandbox.rinha.profile import PROCESSORS

EXAMPLES_MAX = 20  # ids listed per kind of finding; the rest is only counted


@dataclass(frozen=True, slots=True)
class Audit:
    """The result. Every field is a number of payments unless its name says otherwise."""

    charged: dict[str, int]
    charged_again: int
    charged_unasked: int
    charged_wrong: int
    lost: int
    in_doubt: int
    charged_in_doubt: int
    charged_failed: int
    examples: dict[str, list[str]]

    @property
    def double_charges(self) -> int:
        """Wrong charges: a second one for a payment, or one for a payment that was never offered."""
        return self.charged_again + self.charged_unasked


def audit(posts: Iterable[PostedPayment], charges: Sequence[Charge], amount_cents: int) -> Audit:
    """Compare all offers with all charges of all processors.

    A payment answered with an error, or not at all, may still have been stored, and then may be charged once:
    such charges are counted separately and are not errors.
    """
    offered = {post.id.lower(): post for post in posts}
    times = Counter(charge.id.lower() for charge in charges)
    again = {name: count - 1 for name, count in times.items() if count > 1}
    found = {
        "charged_again": list(again),
        "charged_unasked": [name for name in times if name not in offered],
        "charged_wrong": [charge.id for charge in charges if charge.cents != amount_cents],
        "lost": [name for name, post in offered.items() if post.is_accepted and name not in times],
    }
    unpromised = [post for post in offered.values() if not post.is_accepted]
    on = Counter(charge.processor for charge in charges)
    return Audit(
        charged={name: on[name] for name in PROCESSORS},
        charged_again=sum(again.values()),
        charged_unasked=len(found["charged_unasked"]),
        charged_wrong=len(found["charged_wrong"]),
        lost=len(found["lost"]),
        in_doubt=sum(post.is_in_doubt for post in unpromised),
        charged_in_doubt=sum(post.is_in_doubt and post.id.lower() in times for post in unpromised),
        charged_failed=sum(not post.is_in_doubt and post.id.lower() in times for post in unpromised),
        examples={name: ids[:EXAMPLES_MAX] for name, ids in found.items() if ids},
    )
