"""Hand-written pulls, which count the messages that were asked for and have not come.

nats-py's fetch() can stall for its whole timeout when called back to back, and costs two tasks a message.
"""

import asyncio
import logging

import orjson

from services.bus.wire.connection import Bus, BusUnavailableError
from services.bus.wire.message import Message

PULL_EXPIRES_S = 20.0
# In a cluster a consumer dies with its node while the connection stays. With the two checks before it is believed, that
# is noticed within 2 s.
CLUSTER_HEARTBEAT_S = 0.6
CLUSTER_CHECK_EVERY_S = 0.25
_EXPIRY_GRACE_S = 2.0
_HEARTBEATS_MISSED_MAX = 2
_BATCH_MAX = 1_000  # of one request; more are asked for as these arrive
_REFUSED_PAUSE_S = 0.1  # a caller that asks again whenever something is missing must not flood a refusing server

_CONSUMER_GONE = ("Consumer Deleted", "Consumer is push based", "Consumer Not Found", "Stream Deleted")
_NO_RESPONDERS = "503"
_NO_MORE = "404"
_IN_HAND_ALREADY = "Exceeded MaxAckPending"  # others' acks are on their way

log = logging.getLogger("tarifa.bus")


class PullRequests:
    """The pull requests of one consumer; their answers come to ``<inbox>.>``.

    While something is outstanding the server sends a heartbeat every ``heartbeat_s``. For a consumer whose node died
    none come: it ``is_silent``.
    """

    def __init__(self, bus: Bus, stream: str, consumer: str, inbox: str, *, heartbeat_s: float) -> None:
        self._bus = bus
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self.inbox = inbox
        self._token = 0
        self._latest_deadline_s = 0.0
        self._heartbeat_s = heartbeat_s
        self._last_s = 0.0  # when something came last
        self._overdue = False
        self.outstanding = 0
        self.consumer_gone = False
        self.is_silent = False

    def ask(self, count: int, *, only_what_waits: bool = False) -> None:
        """Ask for that many more messages; ``only_what_waits``: those that are there, or else the next one.

        Only one request of that kind may be under way, and none beside it: its end does not say whose it is.

        Raises:
            BusUnavailableError: not connected; nothing was sent.
        """
        count = min(count, _BATCH_MAX)
        if count <= 0:
            return
        self._token += 1
        # With both no_wait and expires, the server waits for a first message if there is none, and then ends it.
        words = {"batch": count, "expires": int(PULL_EXPIRES_S * 1e9)} | ({"no_wait": True} if only_what_waits else {})
        words["idle_heartbeat"] = int(self._heartbeat_s * 1e9)  # the server requires it below half of expires
        request = orjson.dumps(words)
        now_s = asyncio.get_running_loop().time()
        if not self.outstanding:
            self._last_s = now_s  # before this nothing was to come
        self.outstanding += count
        self._latest_deadline_s = now_s + PULL_EXPIRES_S + _EXPIRY_GRACE_S
        try:
            # If the server refuses the request, the count in the inbox shows how many will not come.
            self._bus.publish(self._subject, request, f"{self.inbox}.{self._token}.{count}")
        except BusUnavailableError:
            self.outstanding -= count
            raise

    def is_status(self, message: Message) -> bool:
        """Record that a message came; return whether it is a status of a request rather than a delivery."""
        self._last_s = asyncio.get_running_loop().time()
        if message.reply or "Status" not in message.headers:
            self.outstanding = max(0, self.outstanding - 1)
            return False
        if message.headers["Status"].startswith("1"):
            return True  # a heartbeat ends nothing
        description = message.headers.get("Description", "")
        if message.headers["Status"] == _NO_RESPONDERS or any(reason in description for reason in _CONSUMER_GONE):
            self.consumer_gone = True
            self.outstanding = 0
            return True
        pending = message.headers.get("Nats-Pending-Messages")
        if message.headers["Status"] == _NO_MORE:
            self.outstanding = 0
        elif pending is None:  # refused as a whole
            refused = int(message.subject.rpartition(".")[2])
            level = logging.DEBUG if description == _IN_HAND_ALREADY else logging.WARNING
            log.log(level, "pulls.refused", extra={"count": refused, "reason": description})
            asyncio.get_running_loop().call_later(_REFUSED_PAUSE_S, self._forget, refused)
        else:
            self._forget(int(pending))
        return True

    def forget_if_overdue(self) -> None:
        """Forget requests whose end never came, once the last must have ended or heartbeats were missed.

        Call it periodically; only the second call in a row forgets. After this process was frozen, the first call comes
        before what arrived meanwhile has been read.
        """
        now_s = asyncio.get_running_loop().time()
        is_silent = now_s > self._last_s + _HEARTBEATS_MISSED_MAX * self._heartbeat_s
        if not self.outstanding or (now_s <= self._latest_deadline_s and not is_silent):
            self._overdue = False
        elif self._overdue:
            self.outstanding = 0
            self.is_silent = is_silent
        else:
            self._overdue = True

    def _forget(self, count: int) -> None:
        self.outstanding = max(0, self.outstanding - count)
