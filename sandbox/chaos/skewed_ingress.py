"""An ingress with clock skew: stores payments as ingress does, with an `acceptedAt` that differs from real time.

A wrong clock changes only this stamp, so the harness publishes the payment itself, with ingress's message id. A
preloaded libfaketime would also change the process's monotonic clock, timeouts and TLS, and is in no wheel.
"""

import asyncio
import json
import time
from random import Random

from sandbox.chaos.load import new_id
from sandbox.chaos.offered_payment import ACCEPTED, Intent, OfferedPayment, RecordedAnswer
from sandbox.chaos.system_under_test import SystemUnderTest
from sandbox.nats_connection import NatsError, NatsMessage
from services.contracts import subjects
from services.contracts.events import PaymentAccepted, encode
from services.contracts.money import Cents
from services.contracts.stamp import stamp_from_micros

UNAVAILABLE = 503


class SkewedIngress:
    """Stores payments, and adds them to the offers, so that they are audited with them."""

    def __init__(self, system: SystemUnderTest, offers: dict[str, OfferedPayment], dice: Random) -> None:
        self._system = system
        self._offers = offers
        self._dice = dice

    async def store(self, skew_s: float, lasts_s: float, per_s: float) -> str:
        """Store payments for a while; return a text with how many were accepted."""
        begun_s, accepted = time.monotonic(), 0
        while time.monotonic() < begun_s + lasts_s:
            accepted += await self._store_one(skew_s)
            await asyncio.sleep(self._dice.expovariate(per_s))
        return f"{accepted} accepted"

    async def _store_one(self, skew_s: float) -> bool:
        offer = OfferedPayment(new_id(self._dice), self._dice.randint(1, 100_000), clock_skew_s=skew_s)
        self._offers[offer.id] = offer
        accepted_at = stamp_from_micros(round((time.time() + skew_s) * 1e6))
        data = encode(PaymentAccepted(offer.id, Cents(offer.cents), accepted_at))
        offer.record_request(time.time(), f"stored with a clock skew of {skew_s:+.0f} s: {accepted_at}")
        try:
            async with self._system.connection() as connection:
                answer = await connection.request(subjects.accepted(offer.id), data, {"Nats-Msg-Id": offer.id})
        except NatsError as error:
            reply = RecordedAnswer(time.time(), 0, str(error))  # not known whether it is stored
        else:
            reply = _reply(answer)
        offer.record_answer(Intent.OFFER, reply)
        return offer.accepted_s is not None


def _reply(answer: NatsMessage) -> RecordedAnswer:
    document = json.loads(answer.data)
    if "error" in document:
        return RecordedAnswer(time.time(), UNAVAILABLE, str(document["error"]))
    return RecordedAnswer(time.time(), ACCEPTED, f"PubAck {document['seq']}")
