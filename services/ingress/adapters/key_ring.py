"""The file of keys, read at the start, and again within about a second of each change."""

import asyncio
import logging
from pathlib import Path
from time import monotonic
from typing import Self

from services.access.file_version import FileVersion, version_of
from services.ingress.core.guard import Guard
from services.keys.key_file import read_keys
from services.settings.environment import SettingError

LOOK_EVERY_S = 1.0

log = logging.getLogger("tarifa.ingress")


class KeyRing:
    """Keeps a guard's keys equal to the file's; ``trouble`` is why the last attempt failed, empty if it succeeded."""

    def __init__(self, path: Path | None, guard: Guard) -> None:
        self.guard = guard
        self._path = path
        self._version: FileVersion | None = None
        self.trouble = ""

    @classmethod
    def open(cls, path: Path | None, guard: Guard) -> Self:
        """Read the file for the first time; None: there is none, and nobody needs a key.

        Raises:
            SettingError: it cannot be used; without keys nobody could call.
        """
        ring = cls(path, guard)
        try:
            if path is not None:
                ring._read(path)
        except ValueError as error:
            raise SettingError(f"API_KEYS {error}") from None
        return ring

    async def run(self) -> None:
        """Check until cancelled. A file that cannot be used changes nothing: the previous keys stay valid."""
        while self._path is not None:
            await asyncio.sleep(LOOK_EVERY_S)
            # An unusable file is also read again unchanged: the cause need not be in the file.
            if self.trouble or version_of(self._path) != self._version:
                self._read_again(self._path)

    def _read_again(self, path: Path) -> None:
        try:
            self._read(path)
        except ValueError as error:
            trouble = f"API_KEYS {error}; the previous keys are still valid"
            if trouble != self.trouble:
                log.error("keys.unusable", extra={"error": trouble})  # noqa: TRY400  # a sentence for an operator
            self.trouble = trouble
        else:
            self.trouble = ""

    def _read(self, path: Path) -> None:
        version = version_of(path)  # before it is read: what changes meanwhile is read the next time
        keys = read_keys(path)
        self.guard.use(keys, monotonic())
        self._version = version
        log.info("keys.read", extra={"file": str(path), "keys": len(keys)})
