"""The published JSON Schemas: one per kind of message, and the alert's."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from schemas.alert import AlertData
from schemas.fields import MODELS

_MODELS: dict[str, type[BaseModel]] = {
    **{str(kind): model for kind, model in MODELS.items()},
    "alert": AlertData,
}
NAMES = tuple(_MODELS)
"""The names under which schemas are served."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(name: str) -> dict[str, Any] | None:
    """Return the JSON Schema of a kind, or of `alert` (the data of its CloudEvent); else None."""
    if name not in _MODELS:
        return None
    schema = _MODELS[name].model_json_schema(by_alias=True, mode="validation")
    if name == "alert":
        _open(schema)
    return {"$schema": DIALECT, "$id": f"urn:early-identification-gateway:{name}:v1", **schema}


def _open(schema: Any) -> None:
    """Let unknown properties pass: within v1 fields are only added, and receivers ignore them."""
    if isinstance(schema, dict):
        schema.pop("additionalProperties", None)
        for inner in schema.values():
            _open(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _open(inner)
