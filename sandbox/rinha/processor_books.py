"""The processors' own books, read by their admin calls: everything else is compared with them."""

import time
from types import TracebackType
from typing import Self

import httpx

from sandbox.charges import Charge, read_charges
from sandbox.rinha.load import TOKEN, Targets

POLL_S = 0.25
TIMEOUT_S = 30.0  # the books of a long run are megabytes


class BooksNotListedError(RuntimeError):
    """A processor does not list its bookings: it is not one of this sandbox."""


class ProcessorBooks:
    """Reads both processors' books. Used only after the load has ended."""

    def __init__(self, targets: Targets) -> None:
        self._urls = targets.processors
        self._client = httpx.Client(headers={"X-Rinha-Token": TOKEN}, timeout=TIMEOUT_S, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._client.close()

    def wait_until_settled(self, *, accepted: int, quiet_s: float, within_s: float) -> None:
        """Wait until everything accepted is booked and nothing new was booked for a while, or until ``within_s``.

        ``quiet_s``, that while, must be longer than any delay of a processor: a second charge may still be under way.
        """
        deadline = time.monotonic() + within_s
        booked, since = self._count(), time.monotonic()
        while (now := time.monotonic()) < deadline and (booked < accepted or now - since < quiet_s):
            time.sleep(POLL_S)
            if (count := self._count()) != booked:
                booked, since = count, time.monotonic()

    def charges(self) -> list[Charge]:
        """Return every charge of both processors; raises `BooksNotListedError`."""
        return [charge for name, url in self._urls.items() for charge in self._charges(name, url)]

    def _count(self) -> int:
        answers = [self._client.get(f"{url}/admin/payments-summary") for url in self._urls.values()]
        return sum(int(answer.raise_for_status().json()["totalRequests"]) for answer in answers)

    def _charges(self, name: str, url: str) -> list[Charge]:
        answer = self._client.get(f"{url}/admin/payments")
        if answer.status_code != httpx.codes.OK:
            raise BooksNotListedError(f"{url}/admin/payments answers {answer.status_code}.")
        return read_charges(name, answer.content)
