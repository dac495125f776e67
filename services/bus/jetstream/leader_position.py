"""How far a reader of a stream must have got, according to the leader.

A consumer without replicas reads its own node's replica, which may lag, or be cut off from the others without notice:
heartbeats come, and messages do not.
"""

import asyncio
import logging

from services.bus.jetstream.lookup import last_for
from services.bus.wire.connection import Bus, BusUnavailableError

ASK_EVERY_S = 0.5
ASK_TIMEOUT_S = 0.5
_UNANSWERED_MAX = 1

log = logging.getLogger("tarifa.bus")


class LeaderPosition:
    """The newest message of a subject, by the leader; ``required_seq``: as far as a reader must have read."""

    def __init__(self, bus: Bus, stream: str, subject: str) -> None:
        self._bus = bus
        self._stream = stream
        self._subject = subject
        self._unanswered = 0
        self._newest = 0  # as of the leader's last answer
        self.required_seq = 0

    async def begin(self) -> None:
        """Ask how far a reader that begins now must get.

        Raises:
            BusUnavailableError: there is no leader now, or it does not answer.
        """
        self.required_seq = self._newest = await self._newest_seq()
        self._unanswered = 0

    async def ask(self) -> bool:
        """Wait a little and ask the leader; ``required_seq`` is then what it had the time before.

        Return False if no leader answered twice in a row: then it is not known what was stored meanwhile.
        """
        await asyncio.sleep(ASK_EVERY_S)
        try:
            newest = await self._newest_seq()
        except BusUnavailableError as error:
            log.debug("leader_position.not_known", extra={"stream": self._stream, "error": str(error)})
            self._unanswered += 1
            return self._unanswered <= _UNANSWERED_MAX
        self._unanswered = 0
        # The earlier newest message may have been deleted since, and would then be awaited in vain.
        self.required_seq, self._newest = min(self._newest, newest), newest
        return True

    async def _newest_seq(self) -> int:
        try:
            newest = await last_for(self._bus, self._stream, self._subject, ASK_TIMEOUT_S)
        except BusUnavailableError:
            self._bus.note_leader(answered=False)
            raise
        self._bus.note_leader(answered=True)
        return 0 if newest is None else newest.seq
