"""The answers on one connection, and whether two servers' answers are compatible with one reading of a request."""

import asyncio
import contextlib
import json
import re
import socket
from dataclasses import dataclass
from itertools import zip_longest

from tests.nats_server import PATIENCE_S

_ANSWER = re.compile(rb"HTTP/1\.1 (\d{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n(.*?)(?=HTTP/1\.1 \d{3} |\Z)", re.DOTALL)
_READ_BYTES = 65_536
_FAULTS = {0, 500, 502, 504}
_TRY_LATER = 503
# A server that does not accept the bytes as a request answers with one of these, and closes.
_REFUSALS = {400, 405, 408, 411, 413, 414, 417, 431}
# Sanic answers these before it has read the body; when the body is invalid, it then closes without another answer.
_BEFORE_THE_BODY = {404, 405}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer: its status, and its slug or the id that was accepted."""

    status: int
    what: str
    closes: bool

    def __str__(self) -> str:
        return f"{self.status} {self.what}{' (closes)' if self.closes else ''}"


NO_END = Verdict(0, "the connection was not closed", closes=False)


@dataclass(frozen=True, slots=True)
class Transcript:
    """All answers of one connection, in order, until it was closed."""

    verdicts: tuple[Verdict, ...]

    @property
    def accepted(self) -> list[str]:
        """The ids that were answered 202."""
        return [verdict.what for verdict in self.verdicts if verdict.status == 202]

    @property
    def is_unsettled(self) -> bool:
        """Whether a store was too slow, so that it is unknown what is stored."""
        return any(verdict.status == _TRY_LATER for verdict in self.verdicts)

    @property
    def faults(self) -> list[Verdict]:
        """Answers that no request may get."""
        return [verdict for verdict in self.verdicts if verdict.status in _FAULTS]


def difference(one: Transcript, other: Transcript) -> str | None:
    """Return how two readings differ; None: they agree, or one refused the request.

    Closing earlier is not a difference: a server may close after any answer.
    """
    for at, (mine, its) in enumerate(zip_longest(one.verdicts, other.verdicts)):
        if mine is None or its is None:
            last = (one if mine is None else other).verdicts
            if last and (last[-1].closes or last[-1].status in _BEFORE_THE_BODY):
                return None
            there = mine or its
            if there is not None and there.closes and there.status in _REFUSALS:
                return None  # nginx closes without an answer when a later chunk of a body is invalid
            return f"answer {at}: {mine or 'none'} against {its or 'none'}"
        if (mine.status, mine.what) == (its.status, its.what):
            continue
        if any(each.status in _REFUSALS and each.closes for each in (mine, its)):
            return None
        return f"answer {at}: {mine} against {its}"
    return None


async def talk(path: str, pieces: tuple[bytes, ...]) -> Transcript:
    """Send the pieces to a unix socket; return the answers until the connection was closed."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.setblocking(False)  # noqa: FBT003
        await loop.sock_connect(connection, path)
        received = bytearray()
        sending = asyncio.ensure_future(_send(connection, pieces))
        try:
            async with asyncio.timeout(PATIENCE_S):
                with contextlib.suppress(ConnectionError):  # closed while more was being sent
                    while part := await loop.sock_recv(connection, _READ_BYTES):
                        received += part
        except TimeoutError:
            return Transcript((*read(bytes(received)).verdicts, NO_END))
        finally:
            sending.cancel()
            await asyncio.wait([sending])
    return read(bytes(received))


def read(received: bytes) -> Transcript:
    """Parse the answers; interim ones are skipped."""
    found: list[Verdict] = []
    if received[:1] not in {b"", b"H"}:  # nginx answers HTTP/0.9 without a head
        return Transcript((_headless(received),))
    for status, head, body in _ANSWER.findall(received):
        if status[:1] != b"1":
            found += _verdicts(int(status), head, body)
    return Transcript(tuple(found))


def _verdicts(status: int, head: bytes, body: bytes) -> list[Verdict]:
    closes = b"\nconnection: close" in b"\n" + head.lower()
    try:
        document, end = json.JSONDecoder().raw_decode(body.decode()) if body else ({}, 0)
    except ValueError:
        return [Verdict(status, f"not JSON: {body[:80]!r}", closes)]
    what = document.get("correlationId") or document.get("error") or document.get("status", "")
    rest = body[end:]
    return [Verdict(status, what, closes), *([_headless(rest)] if rest else [])]


def _headless(body: bytes) -> Verdict:
    return Verdict(400, json.loads(body)["error"], closes=True)


async def _send(connection: socket.socket, pieces: tuple[bytes, ...]) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(ConnectionError):  # the server refused and closed; its answer is read elsewhere
        for piece in pieces:
            await loop.sock_sendall(connection, piece)
            if len(pieces) > 1:
                await asyncio.sleep(0.002)
