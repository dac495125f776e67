"""Assign, then look up, then send: a payment is sent only after its line was read and SETTLEMENTS was asked.

All that is requested within one turn of the loop, or a few milliseconds, becomes one message. A missing PubAck proves
nothing; a received one does not keep others from deleting the message before it is read here, because it is settled or
because this process was considered dead. So the same message is published until it is read, and only what is read
counts. A payment that has its line already and is sent again adds no line: its message, which may be empty, shows how
far the log must have been read.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from services.contracts.assignments import Assignment, Kind, Line, TurnAssigned
from services.contracts.events import PaymentRefused, PaymentSettled
from services.contracts.store_errors import StoreUnavailableError
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.in_hand import InHand
from services.dispatcher.core.ownership import is_owned
from services.dispatcher.flow.ports import Assignments, Clock, SettlementRecords
from services.dispatcher.flow.send_permission import AlreadySettled, NotOwned, Owned, SendPermission
from services.log_throttle import FailureLog

LINES_MAX = 200  # in one message: about 30 KB of the 64 that the server accepts
SENT_READ_WITHIN_S = 0.2
AGAIN_FIRST_MS = 200.0
AGAIN_MAX_MS = 5_000.0
READ_WITHIN_S = 5.0

log = logging.getLogger("tarifa.dispatcher")


@dataclass(slots=True, eq=False)
class _LineRequest:
    """A payment that waits for permission, and the line to write for it; None: it has one already."""

    payment: InHand
    line: Line | None
    answer: asyncio.Future[SendPermission]

    @property
    def refuses(self) -> bool:
        """Whether its line says that the payment was refused for good; if valid, it stays so whatever follows."""
        return self.line is not None and self.line.kind == "refused"


@dataclass(slots=True)
class _Read:
    """A message of ours when it was read for the first time."""

    at: int
    valid: tuple[bool, ...]


class Assigning:
    """Writes this process's lines and determines whether they count.

    Args:
        owner: the name of this process in its lines.
        log_read: the log as far as it was read.
        assignments, settlements: the streams.
        clock: for waits.
        together_s: lines of payments that start within that time of the last message share the next one.
    """

    def __init__(
        self,
        *,
        owner: str,
        log_read: AssignmentLog,
        assignments: Assignments,
        settlements: SettlementRecords,
        clock: Clock,
        together_s: float = 0.0,
    ) -> None:
        self.owner = owner
        self._together_s = together_s
        self._ended_s = 0.0  # when the last turn ended, by the loop's clock
        self._log_read = log_read
        self._assignments = assignments
        self._settlements = settlements
        self._clock = clock
        self._requests: list[_LineRequest] = []  # of this turn of the loop
        self._waiting: set[_LineRequest] = set()
        self._is_abandoned = False
        self._turn = 0
        self._reading: dict[int, asyncio.Future[_Read]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._not_stored = FailureLog(log, "assignments.not_stored")
        self._not_asked = FailureLog(log, "settlements.not_asked")

    async def may_send(self, payment: InHand, generation: str) -> SendPermission:
        """Return whether a payment may be sent to a generation now; write its line there if it has none."""
        has_line = payment.line and payment.generation == generation
        return await self._ask(payment, None if has_line else self._line(payment, generation, "send"))

    async def write_returned(self, payment: InHand) -> bool:
        """Write that a first-hand payment belongs to nobody again; return whether that counts."""
        return isinstance(await self._ask(payment, self._line(payment, payment.generation, "returned")), Owned)

    async def write_refused(self, payment: InHand, detail: str) -> bool:
        """Write that a first-hand payment was refused for good; return whether that counts: then record it."""
        line = self._line(payment, payment.generation, "refused", detail)
        return isinstance(await self._ask(payment, line), Owned)

    def read(self, message: Assignment, at: int, stored_ns: int = 0) -> None:
        """Add the next message of the log, from any process; ``stored_ns`` as in ``AssignmentLog.read``."""
        valid = self._log_read.read(message, at, stored_ns)
        if isinstance(message, TurnAssigned) and message.owner == self.owner:
            reading = self._reading.pop(message.turn, None)
            if reading is None and not message.lines:
                self._begin(self._drop(at))  # stored twice, as a PubAck was lost
            if reading is not None and not reading.done():
                reading.set_result(_Read(at, valid))

    def abandon(self) -> None:
        """Answer every request, now and from here on, with ``NotOwned``: the log is no longer read."""
        self._is_abandoned = True
        for request in tuple(self._waiting):
            if not request.answer.done():
                request.answer.set_result(NotOwned())

    def drop_without_lines(self, is_alive: Callable[[str], bool]) -> None:
        """Delete the messages without lines of dead processes: nothing waits for them any more."""
        written = self._log_read.without_lines.items()
        for at in [at for at, owner in written if owner != self.owner and not is_alive(owner)]:
            self._begin(self._drop(at))

    async def _drop(self, at: int) -> None:
        self._log_read.without_lines.pop(at, None)
        await self._assignments.delete(at)

    def forget(self, payment_id: str) -> None:
        """Drop the lines of a payment that is known to be settled; delete the messages that are no longer needed."""
        for at in self._log_read.settled(payment_id):
            self._begin(self._assignments.delete(at))

    def _line(self, payment: InHand, generation: str, kind: Kind, detail: str = "") -> Line:
        return Line(payment.id, payment.seq, generation, self._log_read.after(payment.id), kind, detail)

    async def _ask(self, payment: InHand, line: Line | None) -> SendPermission:
        request = _LineRequest(payment, line, asyncio.get_running_loop().create_future())
        if self._is_abandoned:
            return NotOwned()
        self._waiting.add(request)
        request.answer.add_done_callback(lambda _: self._waiting.discard(request))
        self._requests.append(request)
        if len(self._requests) == 1:
            loop = asyncio.get_running_loop()
            loop.call_at(self._ended_s + self._together_s, self._end_turn)  # at once if that is past
        elif len(self._requests) == LINES_MAX:
            self._end_turn()
        return await request.answer

    def _end_turn(self) -> None:
        requests, self._requests = self._requests, []
        if requests:
            self._ended_s = asyncio.get_running_loop().time()
            self._begin(self._answer_turn(requests))

    async def _answer_turn(self, requests: list[_LineRequest]) -> None:
        try:
            await self._answer_all(requests)
        except BaseException as error:
            for request in requests:
                if not request.answer.done():
                    request.answer.set_exception(error)
            raise

    async def _answer_all(self, requests: list[_LineRequest]) -> None:
        read = await self._assign(tuple([request.line for request in requests if request.line is not None]))
        valid = iter(read.valid)
        asking: list[tuple[_LineRequest, int]] = []
        for request in requests:
            if request.line is None:
                asking.append((request, request.payment.line))
            elif not next(valid):
                _answer(request, NotOwned())
            elif request.line.kind == "send" or request.refuses:
                # A refusal too: others may have settled it, and deleted their lines before they were read here.
                asking.append((request, read.at))
            else:
                _answer(request, Owned(read.at))
        found = await self._look_up([request.payment.id for request, _ in asking])
        for request, at in asking:
            if (event := found.get(request.payment.id)) is not None:
                _answer(request, AlreadySettled(event))
            elif request.refuses or is_owned(self._log_read.view(request.payment.id), self.owner, at):
                _answer(request, Owned(at))
            else:
                _answer(request, NotOwned())

    async def _assign(self, lines: tuple[Line, ...]) -> _Read:
        """Publish one message until it is read."""
        self._turn += 1
        message = TurnAssigned(self.owner, self._turn, lines)
        reading: asyncio.Future[_Read] = asyncio.get_running_loop().create_future()
        self._reading[message.turn] = reading
        if self._assignments.send(message) and not reading.done():
            # No PubAck: it would cost as much as the message, and reading the message proves more.
            await asyncio.wait((reading,), timeout=SENT_READ_WITHIN_S)
        wait_ms = AGAIN_FIRST_MS
        while not reading.done():
            if await self._assignments.publish(message):
                self._not_stored.succeeded()
                await asyncio.wait((reading,), timeout=READ_WITHIN_S)
                continue
            self._not_stored.failed("the message is published again until it is read", turn=message.turn)
            await self._clock.sleep_ms(wait_ms)
            wait_ms = min(AGAIN_MAX_MS, wait_ms * 2)
        read = reading.result()
        if not lines:
            await self._drop(read.at)  # it names no payment, and was needed only to be read
        return read

    async def _look_up(self, ids: Sequence[str]) -> dict[str, PaymentSettled | PaymentRefused]:
        """Ask until it is answered: without a look-up after it, a line is no permission to send."""
        wait_ms = AGAIN_FIRST_MS
        while ids:
            try:
                found = dict(await self._settlements.find(ids))
            except StoreUnavailableError as error:
                self._not_asked.failed(str(error))
                await self._clock.sleep_ms(wait_ms)
                wait_ms = min(AGAIN_MAX_MS, wait_ms * 2)
            else:
                self._not_asked.succeeded()
                return found
        return {}

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("assigning.failed", exc_info=error)


def _answer(request: _LineRequest, answer: SendPermission) -> None:
    if not request.answer.done():
        request.answer.set_result(answer)
