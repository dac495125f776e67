"""Hand-written pulls: how many messages were asked for and have not come, whatever the server says meanwhile.

nats-py's fetch() can stall for its whole timeout when called back to back, and costs two tasks a message.
"""

import asyncio

import orjson
from nats.aio.msg import Msg

from services.bus.connection import Bus, BusAwayError

PULL_EXPIRES_S = 20.0
_EXPIRY_GRACE_S = 2.0
_BATCH_MAX = 1_000  # of one request; more is asked for as these arrive

_CONSUMER_GONE = ("Consumer Deleted", "Consumer is push based", "Consumer Not Found")


class Pulls:
    """The pull requests of one consumer on one inbox."""

    def __init__(self, bus: Bus, stream: str, consumer: str, inbox: str) -> None:
        self._bus = bus
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox = inbox
        self._token = 0
        self._latest_deadline_s = 0.0
        self.outstanding = 0
        self.consumer_gone = False

    async def ask(self, count: int) -> None:
        """Ask for that many messages more.

        Raises:
            BusAwayError: not connected; nothing was asked.
        """
        count = min(count, _BATCH_MAX)
        if count <= 0:
            return
        self._token += 1
        request = orjson.dumps({"batch": count, "expires": int(PULL_EXPIRES_S * 1e9)})
        self.outstanding += count
        self._latest_deadline_s = asyncio.get_running_loop().time() + PULL_EXPIRES_S + _EXPIRY_GRACE_S
        try:
            await self._bus.publish(self._subject, request, f"{self._inbox}.{self._token}")
        except BusAwayError:
            self.outstanding -= count
            raise

    def is_status(self, message: Msg) -> bool:
        """Take note of a message; return whether it was the server speaking of a request rather than a delivery."""
        if message.reply or not message.headers or "Status" not in message.headers:
            self.outstanding = max(0, self.outstanding - 1)
            return False
        pending = message.headers.get("Nats-Pending-Messages")
        # A status without that number (503 nobody there, 409 shutdown) ends requests we cannot tell apart: asking
        # anew at worst delivers some more than wanted, waiting for them would stall.
        self.outstanding = 0 if pending is None else max(0, self.outstanding - int(pending))
        description = message.headers.get("Description", "")
        self.consumer_gone = self.consumer_gone or any(reason in description for reason in _CONSUMER_GONE)
        return True

    def forget_if_expired(self) -> None:
        """Forget requests whose end the server never told, once the last of them must have ended."""
        if self.outstanding and asyncio.get_running_loop().time() > self._latest_deadline_s:
            self.outstanding = 0
