"""How long an audit will take, how far it has come, and the command that resumes it there."""

from datetime import timedelta

from services.contracts.period import Period
from services.contracts.stamp import text_of


class Cursor:
    """The sequence of SETTLEMENTS up to which every payment was asked about; they begin in the order of the stream.

    What only waits in PAYMENTS has no sequence there (0), comes last, and is asked about again when resumed.
    """

    def __init__(self, after: int) -> None:
        self._begun = after
        self._in_hand: set[int] = set()

    @property
    def after(self) -> int:
        """Resume with what comes after this sequence."""
        return min(self._in_hand) - 1 if self._in_hand else self._begun

    def begin(self, seq: int) -> None:
        """Asking about it begins."""
        if seq:
            self._begun = seq
            self._in_hand.add(seq)

    def end(self, seq: int) -> None:
        """All processors were asked about it."""
        self._in_hand.discard(seq)


def plan_words(ids: int, processors: int, start_per_s: float, most_per_s: float) -> str:
    """Return how much will be done, and how long that will take."""
    calls = ids * processors
    least, at_first = (timedelta(seconds=round(calls / per_s)) for per_s in (most_per_s, start_per_s))
    return (
        f"{ids:,} payments at {processors} processors: {calls:,} calls. That takes {least} at {most_per_s:g} a second,"
        f" the most (--rate), and {at_first} at {start_per_s:g}, where it begins; it goes as fast as they can answer."
    )


def resume_command(period: Period, rate: float, *, as_json: bool, after: int) -> str:
    """Return the command line that resumes; the period by its ends, since `--last` would mean another one by then."""
    words = ["tarifa audit", f"--rate {rate:g}"]
    words += [f"--from {text_of(period.start)}"] if period.start else []
    words += [f"--to {text_of(period.end)}"] if period.end else []
    words += ["--json"] if as_json else []
    return " ".join([*words, f"--after {after}"] if after else words)
