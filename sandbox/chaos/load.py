"""Clients of the balancer: they offer payments at a rate, retry what was not answered, and look payments up."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Coroutine
from random import Random
from typing import Any

from sandbox.chaos.fault_mix import happens
from sandbox.chaos.http_client import HttpClient, NoAnswerError
from sandbox.chaos.offered_payment import ACCEPTED, Intent, OfferedPayment, RecordedAnswer

TIMEOUT_S = 4.0
OPEN_MAX = 400  # payments that clients work on at once; beyond it an offer is left out, and counted
TRIES_MAX = 5
BACKOFF_FIRST_S = 0.1
AGAIN_LATER_S = (15.0, 120.0)
REPLAY_AFTER_S = (0.0, 45.0)
FINISH_WITHIN_S = 60.0

INVALID = 0.01
HANGS_UP = 0.02
AGAIN_LATER = 0.5
REPLAYED = 0.06
OTHER_AMOUNT = 0.03
LOOKED_UP = 0.15
UPPER_CASE = 0.3  # the id in upper case
_REPLAYED_HEADER = "idempotent-replayed"


class Load:
    """Offers payments until stopped.

    Args:
        http: to the balancer.
        dice: decides everything; two runs still differ by the timing of answers.
        hangs_up: whether some clients hang up before their answer.
    """

    def __init__(self, http: HttpClient, dice: Random, *, hangs_up: bool) -> None:
        self._dice = dice
        self._hangs_up = hangs_up
        self._http = http
        self.offers: dict[str, OfferedPayment] = {}
        self.counts: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()

    @property
    def open(self) -> int:
        """How many payments clients are working on."""
        return len(self._tasks)

    async def run(self, rate: float, length_s: float) -> None:
        """Offer payments for this long, at irregular times."""
        begin = time.monotonic()
        next_s = 0.0
        while (next_s := next_s + self._dice.expovariate(rate)) < length_s:
            await asyncio.sleep(max(0.0, begin + next_s - time.monotonic()))
            if time.monotonic() - begin > length_s:
                return  # the machine is too busy for this rate
            if len(self._tasks) >= OPEN_MAX:
                self.counts["left out"] += 1
            else:
                self._start_task(self._client())

    async def finish(self) -> None:
        """Do at once everything that waits for its time, and wait for it."""
        self._stopped.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=FINISH_WITHIN_S)
        for task in self._tasks:
            task.cancel()

    def give_up_since(self, copied_s: float) -> None:
        """Let no client repeat what was accepted after that time, above all not with another amount."""
        for offer in self.offers.values():
            offer.is_given_up |= offer.accepted_s is not None and offer.accepted_s > copied_s

    async def _client(self) -> None:
        dice = self._dice
        offer = OfferedPayment(new_id(dice), dice.randint(1, 100_000), is_invalid=happens(dice, INVALID))
        self.offers[offer.id] = offer
        if offer.is_invalid:
            await self._post(offer, Intent.INVALID, {"amount": dice.choice((0, -1, 1.001, "1", None, 1e15))})
            return
        if not await self._offer(offer) and happens(dice, AGAIN_LATER):
            await self._wait(*AGAIN_LATER_S)
            await self._offer(offer)
        if offer.accepted_s is None:
            return
        if happens(dice, LOOKED_UP):
            self._start_task(self._look_up(offer))
        if happens(dice, REPLAYED):
            self._start_task(self._replay(offer, Intent.REPLAY))
        elif happens(dice, OTHER_AMOUNT):
            self._start_task(self._replay(offer, Intent.OTHER_AMOUNT))

    async def _offer(self, offer: OfferedPayment) -> bool:
        for tries in range(TRIES_MAX):
            if await self._post(offer, Intent.OFFER):
                return True
            await asyncio.sleep(BACKOFF_FIRST_S * 2**tries * (0.5 + self._dice.random()))
        return False

    async def _replay(self, offer: OfferedPayment, intent: Intent) -> None:
        await self._wait(*REPLAY_AFTER_S)
        other = {} if intent is Intent.REPLAY else {"amount": (offer.cents + 1) / 100}
        for _ in range(TRIES_MAX):
            self.counts["replays"] += intent is Intent.REPLAY
            self.counts["other amounts"] += intent is Intent.OTHER_AMOUNT
            if await self._post(offer, intent, other):
                return
            await asyncio.sleep(1)

    async def _post(self, offer: OfferedPayment, intent: Intent, other: dict[str, Any] | None = None) -> bool:
        if offer.is_given_up:
            return True
        is_upper = happens(self._dice, UPPER_CASE)
        fields = {"correlationId": offer.id.upper() if is_upper else offer.id, "amount": offer.cents / 100} | (
            other or {}
        )
        hangs_up = self._hangs_up and happens(self._dice, HANGS_UP)
        timeout_s = self._dice.uniform(0.001, 0.02) if hangs_up else TIMEOUT_S
        offer.record_request(time.time(), f"POST {intent.name} {fields}")
        try:
            answer = await self._http.post("/payments", fields, timeout_s=timeout_s)
        except NoAnswerError as error:
            recorded = RecordedAnswer(time.time(), 0, str(error))
        else:
            detail = "" if answer.status == ACCEPTED else answer.body[:200].decode(errors="replace")
            recorded = RecordedAnswer(time.time(), answer.status, detail, replayed=_REPLAYED_HEADER in answer.headers)
        self.counts[f"POST {recorded.status or 'unanswered'}"] += 1
        return offer.record_answer(intent, recorded)

    async def _look_up(self, offer: OfferedPayment) -> None:
        await self._wait(0, 3)
        await self.look_up(offer)

    async def look_up(self, offer: OfferedPayment) -> tuple[int, dict[str, Any] | None]:
        """GET a payment; return the answer's status, 0 if there is none, and its document."""
        sent_s = time.time()
        try:
            answer = await self._http.get(f"/payments/{offer.id}", timeout_s=TIMEOUT_S)
        except NoAnswerError:
            status, document = 0, None
        else:
            status, document = answer.status, answer.document if isinstance(answer.document, dict) else None
        self.counts[f"GET {status or 'unanswered'}"] += 1
        offer.record_status(time.time(), status, document, sent_s)
        return status, document

    async def _wait(self, least_s: float, most_s: float) -> None:
        """Wait for a while, or until the end of the load."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._dice.uniform(least_s, most_s)):
                await self._stopped.wait()

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.counts[f"harness: {error!r}"] += 1


def new_id(dice: Random) -> str:
    """Return a new random id."""
    digits = f"{dice.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
