"""How long an audit will take, how far it has come, and the command that goes on from there."""

from datetime import timedelta

from services.audit.core.period import Period
from services.contracts.stamp import text_of


class Cursor:
    """Up to which sequence of SETTLEMENTS every payment was asked for; they are begun in the order of the stream.

    What only waits in PAYMENTS has no sequence there (0), comes last, and is asked for again by whoever goes on.
    """

    def __init__(self, after: int) -> None:
        self._begun = after
        self._in_hand: set[int] = set()

    @property
    def after(self) -> int:
        """Go on with what comes after this one."""
        return min(self._in_hand) - 1 if self._in_hand else self._begun

    def begin(self, seq: int) -> None:
        """It is asked for now."""
        if seq:
            self._begun = seq
            self._in_hand.add(seq)

    def end(self, seq: int) -> None:
        """All processors were asked for it."""
        self._in_hand.discard(seq)


def plan_words(ids: int, processors: int, start_per_s: float, most_per_s: float) -> str:
    """Return what is about to be done, and how long that will take."""
    calls = ids * processors
    least, at_first = (timedelta(seconds=round(calls / per_s)) for per_s in (most_per_s, start_per_s))
    return (
        f"{ids:,} payments at {processors} processors: {calls:,} calls. That takes {least} at {most_per_s:g} a second,"
        f" the most (--rate), and {at_first} at {start_per_s:g}, where it begins; it goes as fast as they bear."
    )


def resume_command(period: Period, rate: float, *, as_json: bool, after: int) -> str:
    """Return the command line that goes on; its period by its ends, since `--last` would be another one by then."""
    words = ["tarifa audit", f"--rate {rate:g}"]
    words += [f"--from {text_of(period.start)}"] if period.start else []
    words += [f"--to {text_of(period.end)}"] if period.end else []
    words += ["--json"] if as_json else []
    return " ".join([*words, f"--after {after}"] if after else words)
