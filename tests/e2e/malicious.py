"""A processor that attacks its callers: endless answers, and records that are not what was charged.

It books what it is sent, so a payment is charged there all the same.
"""

from collections.abc import AsyncIterator, Callable

import orjson

from tests.e2e.fake_processor import FakeProcessor, http
from tests.endless import Endless

Record = Callable[[dict[str, object]], bytes]


class Malicious(FakeProcessor):
    """Answers payments with ``endless``, or 500 without one; look-ups with ``record`` of what it booked.

    Without ``record``, look-ups are answered with ``endless`` too. While ``is_good``, it answers correctly.
    """

    def __init__(self, endless: Endless | None = None, record: Record | None = None) -> None:
        self.endless = endless
        self.record = record
        self.booked: dict[str, bytes] = {}
        self.attacks = 0
        self.is_good = False

    def answer(self, method: bytes, path: str, body: bytes) -> bytes | AsyncIterator[bytes]:
        """Book the payment; answer correctly only while ``is_good``."""
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
        """Is not called: this processor always answers."""
