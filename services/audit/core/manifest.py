"""The contents of a backup, and the order in which its streams are saved. Pure.

PAYMENTS first and SETTLEMENTS last: a settlement is stored before its payment leaves the queue and before the payment's
lines leave the log. So what is no longer in the copy of PAYMENTS, or of ASSIGNMENTS, is in the copy of SETTLEMENTS.
What was accepted or sent after the copy is not in it: after a restore, what waits is doubtful.
"""

from typing import Any

from msgspec import Struct, json

from services.contracts import subjects
from services.contracts.events import NotAnEventError

ORDER = (
    subjects.PAYMENTS,
    subjects.OPERATIONS,
    f"KV_{subjects.PROCESSORS}",
    subjects.ASSIGNMENTS,
    subjects.SETTLEMENTS,
)
SINCE_LATER = frozenset({subjects.OPERATIONS})  # not in older backups
MANIFEST = "backup.json"
DOUBTFUL = (
    "What waits is doubtful: dispatchers ask every processor about it, and send what none has no earlier than\n"
    "BOOKS_WITHIN_S after they have started. What was accepted after the backup is in no stream: audit it."
)


class SavedStream(Struct, frozen=True, rename="camel"):
    """One stream: the server's description, the file beside the manifest, and that file's SHA-256."""

    name: str
    file: str
    sha256: str
    config: dict[str, Any]
    state: dict[str, Any]


class BackupManifest(Struct, frozen=True, rename="camel"):
    """A whole backup; ``saved_at`` is when saving began, in UTC."""

    saved_at: str
    streams: tuple[SavedStream, ...]
    v: int = 1


def encode_manifest(manifest: BackupManifest) -> bytes:
    """Return it as indented UTF-8 JSON, readable for people too."""
    return json.format(json.encode(manifest), indent=2)


def decode_manifest(data: bytes) -> BackupManifest:
    """Read it.

    Raises:
        NotAnEventError: it is not a manifest.
    """
    try:
        return json.decode(data, type=BackupManifest)
    except (ValueError, RecursionError) as error:
        raise NotAnEventError(f"{MANIFEST} is not a manifest of a backup: {error}") from error


def file_of(stream: str) -> str:
    """Return the name of a stream's file."""
    return f"{stream}.tar.s2"


def marked(config: dict[str, Any], state: dict[str, Any], lines_to: int, at: str) -> dict[str, Any]:
    """Return the configuration of PAYMENTS that marks all payments waiting in it as doubtful since ``at``."""
    marks = {
        "doubtful_payments_to": str(state["last_seq"]),
        "doubtful_lines_to": str(lines_to),
        "doubtful_since": at,
    }
    return {**config, "metadata": {**config.get("metadata", {}), **marks}}


def counts(manifest: BackupManifest) -> str:
    """Return in words how many messages it holds."""
    return ", ".join(f"{saved.state['messages']} in {saved.name}" for saved in manifest.streams)
