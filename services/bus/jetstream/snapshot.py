"""Saving a stream to a file while it is in use, and restoring it from that file: the server's own snapshots."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.bus.jetstream import api
from services.bus.wire.connection import Bus, BusUnavailableError
from services.bus.wire.message import Message

CHUNK_BYTES = 32 * 1024  # below the server's max_payload, since the chunks go back the same way
SILENCE_MAX_S = 30.0
WAITING_CHUNKS_MAX = 64  # the server sends no more than this ahead of the acks, and a few

Progress = Callable[[int], None]


async def save_stream(bus: Bus, stream: str, path: Path, progress: Progress) -> dict[str, Any]:
    """Write a stream as of one moment into a file; return its ``config`` and ``state`` then.

    Its consumers are left out. ``progress`` is called with the bytes of each chunk.

    Raises:
        BusUnavailableError: it did not arrive completely; the file is useless.
        ApiError: JetStream rejected it, for example because there is no such stream.
    """
    inbox = bus.client.new_inbox()
    chunks: asyncio.Queue[Message] = asyncio.Queue(WAITING_CHUNKS_MAX * 4)
    subscription = await bus.subscribe(inbox, chunks.put_nowait)
    try:
        request = {"deliver_subject": inbox, "no_consumers": True, "chunk_size": CHUNK_BYTES}
        info = await api.call(bus, f"STREAM.SNAPSHOT.{stream}", request)
        with path.open("xb") as file:
            while (chunk := await _next(chunks, stream)).data:
                file.write(chunk.data)
                progress(len(chunk.data))
                if chunk.reply:  # the last one needs no ack
                    bus.publish(chunk.reply, b"")
        status = chunk.headers.get("Status", "204")
        if status not in {"204", "200"}:
            raise BusUnavailableError(
                f"the snapshot of {stream} stopped: {status} {chunk.headers.get('Description', '')}"
            )
    finally:
        await bus.unsubscribe(subscription)
    return {"config": info["config"], "state": info["state"]}


async def _next(chunks: "asyncio.Queue[Message]", stream: str) -> Message:
    try:
        async with asyncio.timeout(SILENCE_MAX_S):
            return await chunks.get()
    except TimeoutError:
        raise BusUnavailableError(f"the snapshot of {stream}: nothing more came for {SILENCE_MAX_S:g} s") from None


async def restore_stream(
    bus: Bus, config: dict[str, Any], state: dict[str, Any], path: Path, progress: Progress
) -> None:
    """Restore a stream from a file of `save_stream`; there must be none of that name.

    Raises:
        BusUnavailableError: it is not known whether it is there, completely or at all; delete it and repeat.
        ApiError: JetStream rejected it.
    """
    name = config["name"]
    begun = await api.call(bus, f"STREAM.RESTORE.{name}", {"config": config, "state": state})
    subject = str(begun["deliver_subject"])
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            await bus.request(subject, chunk, SILENCE_MAX_S)
            progress(len(chunk))
    api.read_answer(await bus.request(subject, b"", SILENCE_MAX_S), f"STREAM.RESTORE.{name}")
