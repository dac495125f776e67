"""``python -m services.audit.traces export --otlp URL``: finished payments as OpenTelemetry spans.

Reads SETTLEMENTS and nothing else: no service depends on it, and no payment waits for it.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext

from services.audit.adapters.otlp import FileReceiver, OtlpReceiver
from services.audit.adapters.progress import progress
from services.audit.command import EXIT_INCOMPLETE, connected, run
from services.audit.core.spans import NotTakenError
from services.audit.flow.exporting_traces import Exported, ExportingTraces
from services.audit.flow.ports import SpanReceiver
from services.audit.trace_settings import TraceSettings, trace_settings
from services.bus.jetstream.read_range import read_range
from services.bus.jetstream.state import stream_state
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects

EXIT_DONE = 0
EXIT_REFUSED = 1
READ_AT_ONCE = 500
FOLLOW_EVERY_S = 1.0


class _Settlements:
    """Implements the port ``SettlementReader``."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def read(self, first: int) -> list[tuple[int, bytes]]:
        """Return the next messages."""
        found = await read_range(self._bus, subjects.SETTLEMENTS, first, READ_AT_ONCE)
        return [(message.seq, message.data) for message in found]


async def traces() -> int:
    """Run the command line."""
    return await run_command(sys.argv[1:], os.environ)


async def run_command(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Export what is finished, and with --follow what comes; return the exit status."""
    settings = trace_settings(arguments, env)
    with nullcontext() if settings.follows else progress(time.monotonic) as shown:
        async with connected(settings.bus, "traces") as bus:
            last_seq = (await stream_state(bus, subjects.SETTLEMENTS)).last_seq
            if settings.after > last_seq:
                return _not_finished(f"SETTLEMENTS ends at {last_seq}, before --after {settings.after}")
            if shown is not None:
                shown.begin("reading SETTLEMENTS", last_seq)
            try:
                async with _receiver(settings) as receiver:
                    done = ExportingTraces(_Settlements(bus), receiver, settings.after, shown.at if shown else _unseen)
                    return await _exported(done, follows=settings.follows)
            except NotTakenError as error:
                return _not_finished(str(error))


async def _exported(exporting: ExportingTraces, *, follows: bool) -> int:
    """Export; however it ends, print what was exported and where to resume."""
    try:
        await _export(exporting, follows=follows)
    finally:
        print(_words(exporting.done), flush=True)  # noqa: T201  # for the operator
    return EXIT_REFUSED if exporting.done.refused else EXIT_DONE


async def _export(exporting: ExportingTraces, *, follows: bool) -> None:
    """Export to the end of the stream, or until cancelled."""
    try:
        while True:
            try:
                await exporting.run()
            except BusUnavailableError:
                if not follows:
                    raise
            if not follows:
                return
            await asyncio.sleep(FOLLOW_EVERY_S)
    except asyncio.CancelledError:
        if not follows:
            raise  # Ctrl-C before the end; otherwise it is the end


@asynccontextmanager
async def _receiver(settings: TraceSettings) -> AsyncIterator[SpanReceiver]:
    if isinstance(settings.to, str):
        async with OtlpReceiver.at(settings.to, settings.headers) as otlp:
            yield otlp
    else:
        async with FileReceiver.at(settings.to) as file:
            yield file


def _unseen(_seq: int) -> None:
    """Show no progress: following has no end."""


def _not_finished(why: str) -> int:
    print(f"not finished: {why}", file=sys.stderr, flush=True)  # noqa: T201  # for the operator
    return EXIT_INCOMPLETE


def _words(done: Exported) -> str:
    counts = f"{done.payments:,} payments as {done.spans:,} spans"
    more = {"not sampled": done.unsampled, "spans refused": done.refused, "unreadable": done.unreadable}
    left_out = "".join(f"; {count:,} {what}" for what, count in more.items() if count)
    return f"Exported {counts}{left_out}. To resume: --after {done.exported_to}"


if __name__ == "__main__":
    sys.exit(run(traces))
