"""Saving the streams into a folder while they are in use, and restoring them into an empty server."""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from services.audit.adapters.progress import ProgressBar, ProgressLines
from services.audit.core.manifest import (
    MANIFEST,
    ORDER,
    SINCE_LATER,
    BackupManifest,
    SavedStream,
    decode_manifest,
    encode_manifest,
    file_of,
    marked,
)
from services.bus.jetstream import api
from services.bus.jetstream.snapshot import restore_stream, save_stream
from services.bus.jetstream.state import stream_state
from services.bus.wire.connection import Bus
from services.bus.wire.requests import NotAllowedError
from services.contracts import subjects
from services.contracts.stamp import text_of

LISTEN_S = 2.5  # every instance of a service sends a pulse once a second


class RefusedError(Exception):
    """It must not be done here and now; the text says why."""


async def save_backup(bus: Bus, folder: Path, shown: ProgressBar | ProgressLines) -> BackupManifest:
    """Save all that must outlive the server into a new folder, which gets its name when it is complete.

    Raises:
        RefusedError: the folder exists already.
        ApiError, BusUnavailableError: a stream did not arrive complete.
    """
    if folder.exists():  # noqa: ASYNC240  # nothing else runs in this program
        raise RefusedError(f"{folder} exists already; name a new folder")
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    unfinished.mkdir(parents=True)
    saved_at = text_of(_now())
    streams = [await _save(bus, stream, unfinished, shown) for stream in ORDER]
    manifest = BackupManifest(saved_at, tuple(streams))
    (unfinished / MANIFEST).write_bytes(encode_manifest(manifest))
    unfinished.rename(folder)
    return manifest


async def _save(bus: Bus, stream: str, folder: Path, shown: ProgressBar | ProgressLines) -> SavedStream:
    shown.begin(f"saving {stream}", (await stream_state(bus, stream)).size_bytes)
    path = folder / file_of(stream)
    snapshot = await save_stream(bus, stream, path, _summed(shown))
    return SavedStream(stream, path.name, _digest(path), snapshot["config"], snapshot["state"])


async def restore_backup(bus: Bus, folder: Path, shown: ProgressBar | ProgressLines) -> BackupManifest:
    """Restore the streams; what waits in them is doubtful.

    Raises:
        RefusedError: there is no complete backup, services run on this server, or it holds something already.
        ApiError, BusUnavailableError: the restore is incomplete; delete what is there and repeat.
    """
    manifest = _read(folder)
    await _must_be_alone(bus)
    await _must_be_empty(bus, manifest)
    by_name = {saved.name: saved for saved in manifest.streams}
    lines_to = int(by_name[subjects.ASSIGNMENTS].state["last_seq"])
    # PAYMENTS last, with its mark in it from the first moment: until it is there nobody can send what waits.
    for stream in (each for each in reversed(ORDER) if each in by_name):
        saved = by_name[stream]
        path = folder / saved.file
        shown.begin(f"restoring {stream}", path.stat().st_size)
        config = {**saved.config, "num_replicas": bus.replicas}  # those of this server, not those of the saved one
        if stream == subjects.PAYMENTS:
            config = marked(config, saved.state, lines_to, text_of(_now()))
        await restore_stream(bus, config, saved.state, path, _summed(shown))
    return manifest


def _summed(shown: ProgressBar | ProgressLines) -> Callable[[int], None]:
    done = 0

    def add(count: int) -> None:
        nonlocal done
        done += count
        shown.at(done)

    return add


def _read(folder: Path) -> BackupManifest:
    path = folder / MANIFEST
    if not path.is_file():
        raise RefusedError(f"{folder} holds no backup: there is no {MANIFEST}")
    manifest = decode_manifest(path.read_bytes())
    if {saved.name for saved in manifest.streams} | SINCE_LATER != set(ORDER):
        raise RefusedError(f"{path} does not name the streams {', '.join(ORDER)}")
    for saved in manifest.streams:
        file = folder / saved.file
        if not file.is_file() or _digest(file) != saved.sha256:
            raise RefusedError(f"{file} is missing or damaged")
    return manifest


async def _must_be_alone(bus: Bus) -> None:
    """A running service would continue with what it knows, and contradict what is restored."""
    heard: list[bytes] = []
    await bus.listen(subjects.PULSES_ALL, heard.append)
    await asyncio.sleep(LISTEN_S)
    if heard:
        raise RefusedError("services run on this server; stop all of them first")


async def _must_be_empty(bus: Bus, manifest: BackupManifest) -> None:
    for saved in manifest.streams:
        try:
            state = await stream_state(bus, saved.name)
        except api.ApiError as error:
            if error.code not in api.NOT_FOUND:
                raise
            continue
        if state.last_seq:
            raise RefusedError(f"the stream {saved.name} exists and is not empty; restore into an empty server")
        try:
            await api.call(bus, f"STREAM.DELETE.{saved.name}")
        except NotAllowedError as error:
            raise RefusedError(
                f"the stream {saved.name} exists, and nobody may delete it; restore into a server with an empty store"
            ) from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _now() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
