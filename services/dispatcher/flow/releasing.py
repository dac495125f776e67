"""The flow of a release: look, decide, record it, do it, and return whether it counts.

A person has accepted the risk before, and OPERATIONS names that person. The event is stored before the line: what is
recorded may not have happened, but what happened is recorded. The line follows the one that the person saw; any line
written since makes it void, for every dispatcher alike.
"""

import asyncio
from collections.abc import Callable, Mapping

from services.contracts.assignments import AssignmentReleased, processor_of
from services.contracts.events import PaymentReleased
from services.contracts.releasing import Confirmed, ProcessorAnswer, Refusal, ReleaseAnswered, Sight
from services.contracts.store_errors import StoreUnavailableError
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.doubt import is_doubtful
from services.dispatcher.core.outcome import Lookup, LookupFailed
from services.dispatcher.core.ownership import View, in_doubt_by_log
from services.dispatcher.core.releasing import NotStoredError, answer_of, refusal, release_begun, release_done
from services.dispatcher.flow.ports import ChargingProcessor, Clock, ReleaseRecords, StoreWatch

ASK_WITHIN_S = 3.0  # a person waits; after that a processor counts as not answering
ASK_TRIES_MAX = 3
ASK_AGAIN_AFTER_MS = 300.0
READ_WITHIN_MS = 4_000.0
READ_AGAIN_AFTER_MS = 20.0

_SILENT = (
    "the dispatcher that it is assigned to does not answer whether it knows the outcome of each attempt; it will, or "
    "another one will take the payment over"
)


class NotKnownError(StoreUnavailableError):
    """What the log says is not known yet. The request may be repeated."""


class Releasing:
    """Releases payments.

    Args:
        log_read: the log as far as it was read.
        records: the streams and the other dispatchers.
        processors: all that are asked, by generation; may change meanwhile.
        clock: for waits.
        store: whether it went back in time.
        is_read: whether the log was read to its end since this connection began; before, a payment looks unassigned.
    """

    def __init__(
        self,
        *,
        log_read: AssignmentLog,
        records: ReleaseRecords,
        processors: Mapping[str, ChargingProcessor],
        clock: Clock,
        store: StoreWatch,
        is_read: Callable[[], bool],
    ) -> None:
        self._log_read = log_read
        self._records = records
        self._processors = processors
        self._clock = clock
        self._store = store
        self._is_read = is_read

    async def look(self, payment_id: str, to: str) -> ReleaseAnswered:
        """Return what is known, and whether it may be released to ``to``; empty: to any.

        Raises:
            StoreUnavailableError, BusUnavailableError: not known.
        """
        sight = await self._sight(payment_id)
        return ReleaseAnswered(sight, refusal(sight, to))

    async def release(self, payment_id: str, to: str, confirmed: Confirmed) -> ReleaseAnswered:
        """Release a payment, if what a person has judged still holds.

        Raises:
            StoreUnavailableError, BusUnavailableError: not known whether it is done; it is safe to repeat, and the
                repeat shows it.
        """
        sight = await self._sight(payment_id)
        done = release_done(sight, to, confirmed)
        if done is not None:
            return ReleaseAnswered(sight, released=done, is_repeated=True)
        why = refusal(sight, to, confirmed)
        if why is not None:
            return ReleaseAnswered(sight, why)
        event = release_begun(sight, to, confirmed)
        try:
            if event is None:
                stamp = self._clock.stamp()
                event = PaymentReleased(payment_id, confirmed.from_processor, to, confirmed.reason, stamp)
                await self._records.record_event(event)
            line = AssignmentReleased(payment_id, sight.seq, confirmed.line, to, event.reason, event.released_at)
            at = await self._records.write_line(line)
        except NotStoredError as error:
            return ReleaseAnswered(sight, Refusal("not_stored", f"Nothing was released: {error}."))
        if await self._counts(at):
            return ReleaseAnswered(sight, released=event)
        return await self._overtaken(sight, to, confirmed)

    async def _overtaken(self, sight: Sight, to: str, confirmed: Confirmed) -> ReleaseAnswered:
        """Another line was first: perhaps that of the same release, requested from two dispatchers."""
        now = await self._sight(sight.id, asks=False)
        done = release_done(now, to, confirmed)
        if done is not None:
            return ReleaseAnswered(now, released=done, is_repeated=True)
        why = "A dispatcher or another operator was first, and wrote another line about it. Look at it again."
        return ReleaseAnswered(now, Refusal("overtaken", why))

    async def _counts(self, at: int) -> bool:
        await self._until(lambda: self._log_read.counts(at) is not None, "its line is stored, and not read yet")
        return self._log_read.counts(at) is True

    async def _until(self, condition: Callable[[], bool], why_not: str) -> None:
        until_ms = self._clock.now_ms() + READ_WITHIN_MS
        while not condition():
            if self._clock.now_ms() > until_ms:
                raise NotKnownError(why_not)
            await self._clock.sleep_ms(READ_AGAIN_AFTER_MS)

    async def _sight(self, payment_id: str, *, asks: bool = True) -> Sight:
        await self._until(self._is_read, "ASSIGNMENTS is not read to its end yet")
        # The line first: what is read after it can only be newer. The settlement last: processors take their time, and
        # PAYMENTS comes before SETTLEMENTS, because a settlement is stored before the payment leaves.
        view = self._log_read.view(payment_id)
        is_free = view is None or view.state == "free"
        is_anywhere = view is not None and (not is_free or view.released_to != "")
        is_early = self._store.absence_counts_in_ms() > 0  # before they are asked
        records = await self._ask_all(payment_id) if asks and is_anywhere else ()
        is_lost = is_doubtful(self._store.doubt, self._log_read.seq_of(payment_id), view)
        is_early |= self._store.absence_counts_in_ms() > 0  # the store may have gone back meanwhile
        in_doubt = view is not None and (is_lost or await self._is_in_doubt(payment_id, view))
        event, seq = await self._records.accepted(payment_id) or (None, 0)
        settlement = await self._records.settlement(payment_id)
        if in_doubt is None and event is not None and settlement is None:
            raise NotKnownError(_SILENT)
        generation = "" if view is None else view.generation
        return Sight(
            id=payment_id,
            accepted=event,
            seq=seq,
            settlement=settlement,
            releases=await self._records.releases(payment_id),
            generation=generation,
            processor=view.released_to if view is not None and is_free else processor_of(generation),
            line=0 if view is None else view.last,
            is_free=is_free,
            is_refused=view is not None and view.state == "refused",
            is_doubtful=is_lost and (is_early or _may_be_charged_elsewhere(generation, records)),
            in_doubt=in_doubt is True,
            records=records,
            processors=await self._records.processors(),
        )

    async def _is_in_doubt(self, payment_id: str, view: View) -> bool | None:
        by_log = in_doubt_by_log(view)
        return await self._records.is_in_doubt(payment_id, view.owner) if by_log is None else by_log

    async def _ask_all(self, payment_id: str) -> tuple[ProcessorAnswer, ...]:
        asked = dict(self._processors)
        answers = await asyncio.gather(*[self._ask(processor, payment_id) for processor in asked.values()])
        return tuple(map(answer_of, asked, answers))

    async def _ask(self, processor: ChargingProcessor, payment_id: str) -> Lookup:
        """Ask a few times, until there is an answer: one that fails occasionally may have charged it."""
        answer: Lookup = LookupFailed(f"no answer within {ASK_WITHIN_S:g} s")
        try:
            async with asyncio.timeout(ASK_WITHIN_S):
                for tries in range(ASK_TRIES_MAX):
                    if tries:
                        await self._clock.sleep_ms(ASK_AGAIN_AFTER_MS)
                    answer = await processor.look_up(payment_id)
                    if not isinstance(answer, LookupFailed) or answer.is_there:
                        break
        except TimeoutError:
            return answer
        return answer


def _may_be_charged_elsewhere(generation: str, records: tuple[ProcessorAnswer, ...]) -> bool:
    """Return whether any other processor has not answered that it has not charged the payment."""
    return any(each.answer != "notCharged" for each in records if each.generation != generation)
