"""The part of openapi.json that comes from the code: ``python -m services.ingress.adapters.openapi_file`` writes it.

What is shown of a settlement is in three schemas, between the status and the refusal's detail; all fields of the first
are copied to the other two.
"""

import json
from typing import Any

from services.contracts.events import SHOWN_OF_SETTLED
from services.contracts.shown import ShownField
from services.ingress.adapters.documents import FOLDER

FILE = FOLDER / "openapi.json"
# An answer about one payment, then those that have the same fields and more.
_ANSWERS = ("Standing", "Life", "Listed")


def described(text: str) -> str:
    """Return the description with what is shown of a settlement as the code has it, and all else unchanged."""
    document = json.loads(text)
    schemas = document["components"]["schemas"]
    shared: dict[str, Any] = {}
    for name in _ANSWERS:
        properties = _with_shown(schemas[name]["properties"])
        schemas[name]["properties"] = properties | shared
        shared = shared or properties
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _with_shown(properties: dict[str, Any]) -> dict[str, Any]:
    names = list(properties)
    before, after = names[: names.index("status") + 1], names[names.index("detail") :]
    return {
        **{name: properties[name] for name in before},
        **{field.name: _schema(field) for field in SHOWN_OF_SETTLED.fields},
        **{name: properties[name] for name in after},
    }


def _schema(field: ShownField) -> dict[str, Any]:
    kind = {"allOf": [{"$ref": "#/components/schemas/Stamp"}]} if field.is_instant else field.schema
    return {**kind, "description": field.description}


if __name__ == "__main__":
    FILE.write_text(described(FILE.read_text()))
