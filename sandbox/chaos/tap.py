"""Listens to what services say about payments on the bus, for the story, and counts moves and take-overs."""

import asyncio
import time
from typing import TextIO

from sandbox.nats_wire import Message, Wire, WireError

_BINDINGS = "$KV.bindings."
_SUBJECTS = ("payments.accepted.>", "settlements.>", f"{_BINDINGS}>")
AGAIN_AFTER_S = 0.1


class Bindings:
    """What was written about who may charge a payment: another processor is a move, the same one a take-over."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._bound: dict[str, str] = {}
        self.moves = 0
        self.take_overs = 0

    def written(self, payment_id: str, processor: str) -> None:
        """Take an entry in."""
        if self._bound.get(payment_id, self._home) == processor:
            self.take_overs += 1
        else:
            self.moves += 1
        self._bound[payment_id] = processor


class Tap:
    """Writes every message with its time to a file; deaf while nats is away, which makes its counts the least."""

    def __init__(self, host: str, port: int, out: TextIO, bindings: Bindings) -> None:
        self._host = host
        self._port = port
        self._out = out
        self._bindings = bindings

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                wire = await Wire.connect(self._host, self._port)
            except WireError:
                await asyncio.sleep(AGAIN_AFTER_S)
                continue
            try:
                for subject in _SUBJECTS:
                    wire.subscribe(subject, self._hear)
                await wire.closed()
            finally:
                await wire.close()

    def _hear(self, message: Message) -> None:
        self._out.write(f"{time.time():.3f} {message.subject} {message.data.decode(errors='replace')}\n")
        if message.subject.startswith(_BINDINGS):
            self._bindings.written(message.subject.removeprefix(_BINDINGS), message.data.decode())
