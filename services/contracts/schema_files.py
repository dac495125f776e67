"""JSON Schemas of events and pulses, from the code: ``python -m services.contracts.schema_files`` writes them."""

import json
from pathlib import Path

import msgspec

from services.contracts.assignments import ASSIGNMENT_MESSAGES
from services.contracts.events import EVENTS
from services.contracts.history import HistoryAnswered, HistoryAsked, VitalsSampled
from services.contracts.operations import OperationRecorded
from services.contracts.pulse import PULSES
from services.contracts.summary import SummaryAnswered, SummaryAsked

_KINDS = (
    *(*EVENTS, *ASSIGNMENT_MESSAGES, *PULSES, OperationRecorded, SummaryAsked, SummaryAnswered),
    *(VitalsSampled, HistoryAsked, HistoryAnswered),
)
FOLDER = Path(__file__).parent / "schemas"


def schemas() -> dict[str, str]:
    """Return file names and their texts."""
    texts = {}
    for kind in _KINDS:
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(kind)}
        texts[f"{kind.__name__}.json"] = json.dumps(schema, indent=2) + "\n"
    return texts


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (FOLDER / name).write_text(text)
