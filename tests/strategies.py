"""Hypothesis strategies: messages of every kind, drawn from the published JSON Schemas."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st

from adapters.errors import NotUnderstood
from gateway.json_schemas import json_schema
from schemas.message import BODY, Message
from schemas.rules import BODIES
from tests.builders import understood

Schema = dict[str, Any]
SENT = "2026-11-24T10:15:00Z"
_TEXTS = st.text("abcŁé’.-,/ 19", min_size=1, max_size=12).map(str.strip).filter(bool)
_DAYS = st.dates(date(2024, 6, 1), date(2026, 11, 24)).map(date.isoformat)
_DEFINITIONS = {
    "service": "ServiceReferral",
    "ehc": "EhcRequest",
    "notification": "SenNotification",
    "earlyHelp": "EarlyHelpRequest",
    "safeguarding": "SafeguardingReferral",
}
_ACROSS = {"harm-incomplete"}
"""Rules across fields that a schema cannot say and that are left to chance here."""


def whole_messages(examples: int) -> settings:
    """Settings of a property of whole messages: to make a failing one smaller takes minutes."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )


@cache
def _schema(kind: str) -> Schema:
    return json_schema(kind) or {}


@cache
def _named(kind: str, name: str = "") -> st.SearchStrategy[Any]:
    """Return the values of a definition of a kind's schema, or of the whole: made once."""
    schema = _schema(kind)
    if name:
        return documents(schema["$defs"][name], kind)
    body = BODY[kind]  # type: ignore[index]
    return documents(schema | {"required": [*schema["required"], body]}, kind)


def documents(schema: Schema, kind: str) -> st.SearchStrategy[Any]:
    """Return JSON values of a schema; null is never drawn, since it says no more than nothing."""
    if "$ref" in schema:
        return _named(kind, schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return st.one_of(
            documents(one | {"examples": schema.get("examples", one.get("examples"))}, kind)
            for one in schema["anyOf"]
            if one.get("type") != "null"
        )
    if "const" in schema or "enum" in schema:
        return st.sampled_from([schema["const"]] if "const" in schema else schema["enum"])
    if schema["type"] == "object":
        return _objects(schema, kind)
    if schema["type"] == "array":
        least, most = schema.get("minItems", 0), schema.get("maxItems", 2)
        return st.lists(documents(schema["items"], kind), min_size=least, max_size=most)
    if schema.get("examples"):
        return st.sampled_from(schema["examples"])
    low, high = schema.get("minimum", 0), schema.get("maximum", 60)
    return {
        "boolean": st.booleans(),
        "integer": st.integers(low, high),
        "number": st.floats(low, high).map(lambda number: round(number, 2)),
        "string": {"date": _DAYS, "date-time": st.just(SENT)}.get(schema.get("format", ""), _TEXTS),
    }[schema["type"]]


def _objects(schema: Schema, kind: str) -> st.SearchStrategy[dict[str, Any]]:
    properties = {name: documents(inner, kind) for name, inner in schema["properties"].items()}
    required = {name: properties.pop(name) for name in schema.get("required", ())}
    if schema["title"] == "Organisation":  # exactly one code
        return st.one_of(
            st.fixed_dictionaries({code: properties[code]}) for code in ("odsCode", "urn", "laCode")
        )
    if schema["title"] == "Asq3Score":  # a domain or a code
        required["domain"] = properties.pop("domain")
    return st.fixed_dictionaries(required, optional=properties)


@st.composite
def messages(draw: st.DrawFn, kind: str) -> Message:
    """Return messages of a kind as the gateway understands them."""
    document, body = draw(_named(kind)) | {"sent": SENT}, BODY[kind]  # type: ignore[index]
    document.pop("retractReason", None)
    if document.get("action") == "retract":
        document["retractReason"] = draw(st.sampled_from(["cancelled", "entered-in-error"]))
    if kind == "sen-support-notice":
        document["record"] = "r-1"
    type_ = document[body].get("type") if kind == "referral" else None
    if type_:
        name = BODIES[type_]
        for other in {*BODIES.values()} - {name}:
            document[body].pop(other, None)
        document[body].setdefault(name, draw(_named(kind, _DEFINITIONS[name])))
    if type_ != "safeguarding":
        document.get("sharing", {}).pop("harm", None)
        document["conclusions"] = [
            one for one in document.get("conclusions", ()) if one["kind"] != "significant-harm"
        ]
    if type_ == "section-23-notification":
        document["conclusions"].append({"kind": "probable-sen-or-disability"})
    try:
        return understood(document).message
    except NotUnderstood as refused:
        # Whatever else is refused here, the schema should have refused it too.
        if {fault.code for fault in refused.faults} <= _ACROSS:
            assume(False)
        raise
