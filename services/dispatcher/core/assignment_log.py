"""What one dispatcher has read of ASSIGNMENTS: the views of all payments in it, and which messages may be deleted.

Pure state: messages go in by ``read``, in the order of the stream. It is as short as what is in hand or in doubt: a
payment that is known to be settled, from a PubAck or a fresh look-up and from nothing else, is dropped by ``settled``,
and a message whose payments are all settled may be deleted from the stream.
"""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from services.contracts.assignments import Assignment, AssignmentReleased, GenerationClosed, Line, TurnAssigned
from services.dispatcher.core.ownership import View, after_release, next_view

RELEASES_KEPT_MAX = 256  # of which it is known whether they count: who wrote one asks within seconds


class AssignmentLog:
    """The log as far as it was read: ``read_to`` is the sequence of the last message."""

    def __init__(self) -> None:
        self._views: dict[str, View] = {}
        self._messages: dict[int, set[str]] = {}  # by sequence: ids not known to be settled
        self._by_id: dict[str, list[int]] = {}  # the messages that name an id
        self._seqs: dict[str, int] = {}  # in PAYMENTS, by id
        self._stored_ns: dict[int, int] = {}  # when a message of `_messages` was stored
        self.closed: set[str] = set()
        self.without_lines: dict[int, str] = {}  # by sequence: owners of messages without lines, which are still needed
        self.read_to = 0
        self._releases: dict[int, bool] = {}  # by sequence, the newest: whether they count

    def __len__(self) -> int:
        return len(self._by_id)

    def view(self, payment_id: str) -> View | None:
        """Return what the valid lines say of a payment, None if there are none."""
        return self._views.get(payment_id)

    def after(self, payment_id: str) -> int:
        """Return the sequence that a payment's next line must follow."""
        view = self._views.get(payment_id)
        return 0 if view is None else view.last

    def views(self) -> Iterator[tuple[str, View]]:
        """Yield every payment with a valid line."""
        yield from tuple(self._views.items())

    def left_behind(self, charging: AbstractSet[str]) -> dict[str, int]:
        """Return how many payments are assigned to generations that no longer charge, by generation."""
        return Counter(
            view.generation
            for view in self._views.values()
            if view.state == "assigned" and view.generation not in charging
        )

    def seq_of(self, payment_id: str) -> int:
        """Return the sequence in PAYMENTS that the newest line of a payment names, 0 if there is none."""
        return self._seqs.get(payment_id, 0)

    def stored_ns(self, at: int) -> int:
        """Return when a message was stored, in ns since 1970; 0: not known, or it no longer names a payment."""
        return self._stored_ns.get(at, 0)

    def messages_of(self, payment_id: str) -> tuple[int, ...]:
        """Return the sequences of the messages that name a payment, oldest first."""
        return tuple(self._by_id.get(payment_id, ()))

    def known(self, payment_id: str) -> bool:
        """Return whether any line names it, even a void one."""
        return payment_id in self._by_id

    def ids(self) -> list[str]:
        """Return every payment that a line names, valid or not, oldest line first."""
        return list(self._by_id)

    def counts(self, at: int) -> bool | None:
        """Return whether the release at a sequence counts; None: it was not read, or is none of the newest."""
        return self._releases.get(at)

    def read(self, message: Assignment, at: int, stored_ns: int = 0) -> tuple[bool, ...]:
        """Add the message at a sequence; return for each of its lines whether it is valid.

        ``stored_ns``: when it was stored, in nanoseconds since 1970; 0: not known.
        """
        self.read_to = at
        match message:
            case TurnAssigned(owner, _, lines):
                if lines:
                    self._stored_ns[at] = stored_ns
                else:
                    self.without_lines[at] = owner
                return tuple([self._line(line, at, owner) for line in lines])
            case AssignmentReleased():
                self._stored_ns[at] = stored_ns
                view = after_release(self._views.get(message.id), message, at)
                self._releases[at] = view is not None
                if len(self._releases) > RELEASES_KEPT_MAX:
                    del self._releases[min(self._releases)]
                return (self._next(message.id, view, at, message.seq),)
            case GenerationClosed(generation):
                self.closed.add(generation)
                return ()

    def done_before(self) -> int:
        """Return a sequence before which no message is needed any more: all payments in them are settled."""
        needed = (*self._messages, *self.without_lines)
        return min(needed, default=self.read_to + 1)

    def settled(self, payment_id: str) -> list[int]:
        """Drop a payment that is settled or refused; return the messages that may be deleted now."""
        self._views.pop(payment_id, None)
        self._seqs.pop(payment_id, None)
        done = []
        for at in self._by_id.pop(payment_id, ()):
            left = self._messages[at]
            left.discard(payment_id)
            if not left:
                del self._messages[at]
                self._stored_ns.pop(at, None)
                done.append(at)
        return done

    def _line(self, line: Line, at: int, owner: str) -> bool:
        return self._next(line.id, next_view(self._views.get(line.id), line, at, owner, self.closed), at, line.seq)

    def _next(self, payment_id: str, view: View | None, at: int, seq: int) -> bool:
        self._messages.setdefault(at, set()).add(payment_id)
        messages = self._by_id.setdefault(payment_id, [])
        if at not in messages:
            messages.append(at)
        if view is not None:
            self._views[payment_id] = view
            self._seqs[payment_id] = seq
        return view is not None
