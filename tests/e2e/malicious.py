"""A processor that attacks whoever calls it: answers without an end, and records that are not what was charged.

It books what it is sent, so that a payment is charged there all the same.
"""

from collections.abc import AsyncIterator, Callable

import orjson

from tests.e2e.spoken import Spoken, http
from tests.endless import Endless

Record = Callable[[dict[str, object]], bytes]


class Malicious(Spoken):
    """Answers payments in ``endless``, or with 500 where there is none; look-ups with ``record`` of what it booked.

    Without ``record`` look-ups are answered in ``endless`` too. While ``is_good`` it does nothing of all this.
    """

    def __init__(self, endless: Endless | None = None, record: Record | None = None) -> None:
        self.endless = endless
        self.record = record
        self.booked: dict[str, bytes] = {}
        self.attacks = 0
        self.is_good = False

    def answer(self, method: bytes, path: str, body: bytes) -> bytes | AsyncIterator[bytes]:
        """Book, and answer well only if told to."""
        if path.endswith("service-health"):
            return http(b"200 OK", b'{"failing": false, "minResponseTime": 0}')
        if method == b"GET":
            return self._look_up(path.rpartition("/")[2])
        payment_id = orjson.loads(body)["correlationId"]
        is_known = payment_id in self.booked
        self.booked.setdefault(payment_id, body)
        if not self.is_good:
            self.attacks += 1
            return self.endless() if self.endless else http(b"500 Internal Server Error")
        return http(b"422 Unprocessable Entity") if is_known else http(b"200 OK")

    def _look_up(self, payment_id: str) -> bytes | AsyncIterator[bytes]:
        known = self.booked.get(payment_id)
        if known is None:
            return http(b"404 Not Found")
        if self.record is not None and not self.is_good:
            return http(b"200 OK", self.record(orjson.loads(known)))
        return self.endless() if self.endless and not self.is_good else http(b"200 OK", known)

    async def silence(self, reader: object) -> None:
        """Never: it says too much, and not too little."""
