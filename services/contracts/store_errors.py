"""The errors of reading and writing the streams; each says whether to repeat, to start again, or to ask a person."""

from services.contracts import subjects


class StoreUnavailableError(Exception):
    """The streams do not answer now: ask again later. Whether what was written is stored is not known."""


class StoreWentBackError(Exception):
    """The store knows less than this process does: its view is worth nothing. Start again, and read from the start."""


class UnreadableRecordError(StoreUnavailableError):
    """What is stored is no event of a version known here: nobody can say what it was, and only a person can end that.

    ``reason`` is for a log: it may quote what is stored.
    """

    def __init__(self, stream: str, seq: int, reason: str) -> None:
        super().__init__(f"message {seq} of {stream} cannot be read; an operator must {remedy_for(stream, seq)}")
        self.stream = stream
        self.seq = seq
        self.reason = reason


def remedy_for(stream: str, seq: int) -> str:
    """Return what an operator must do about a message that cannot be read."""
    look = f"look at it (nats stream get {stream} {seq})"
    if stream == subjects.PAYMENTS:
        return f"{look} and, if it is not a payment, remove it (nats stream rmm {stream} {seq})"
    return look  # SETTLEMENTS never loses a message: a gap in it is an alarm
