"""Canonical JSON, all four kinds."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from adapters.errors import Fault, NotUnderstood, NotWellFormed
from adapters.inbound import doubled
from adapters.inbound.parsed import Parsed
from schemas.codes import CodeTables
from schemas.fields import MODELS, nearest, properties
from schemas.message import KINDS, MESSAGE, Kind
from schemas.rules import CODES, broken

_PLACE = re.compile(r" at line (\d+) column (\d+)")

MOST_FAULTS = 100
"""Faults that are told at once; of more, their number."""
MOST_VALUES = 20_000
"""More than any message holds: what is larger is refused before it is read."""

_SENTENCES = {
    "missing": "is missing",
    "string_type": "is not a string; write it in quotes",
    "int_type": "is not a whole number; send it as a number, without quotes",
    "float_type": "is not a number; send it without quotes",
    "bool_type": "is not true or false",
    "tuple_type": "is not a list",
    "date_type": "is not a calendar date; write YYYY-MM-DD",
    "date_parsing": "is not a calendar date; write YYYY-MM-DD",
    "date_from_datetime_parsing": "is not a calendar date; write YYYY-MM-DD",
    "date_from_datetime_inexact": "is an instant; a calendar date YYYY-MM-DD is wanted",
    "datetime_parsing": "is not an instant; write YYYY-MM-DDThh:mm:ss+00:00",
    "datetime_from_date_parsing": "is not an instant; write YYYY-MM-DDThh:mm:ss+00:00",
    "datetime_type": "is not an instant; write YYYY-MM-DDThh:mm:ss+00:00",
    "timezone_aware": "has no offset from UTC; write YYYY-MM-DDThh:mm:ss+00:00 or …Z",
    "dict_type": "is not an object",
    "model_type": "is not an object",
    "model_attributes_type": "is not an object",
    "string_too_short": "is empty",
    "finite_number": "is not a finite number",
    "greater_than_equal": "is less than {ge}, the least it may be",
    "less_than_equal": "is more than {le}, the most it may be",
    "string_too_long": "is longer than {max_length} characters",
    "string_pattern_mismatch": "is not written in the form that the schema asks for",
}
"""What pydantic's errors mean to a sender. None of them quotes a value."""


def parse(body: bytes, tables: CodeTables) -> Parsed:
    """Parse one canonical JSON message.

    Raises:
        NotWellFormed: the bytes are not JSON, with line and column.
        NotUnderstood: with every fault, each with its JSON Pointer.
    """
    body = body.removeprefix(BOM_UTF8)
    if body.count(b",") > MOST_VALUES:
        raise NotUnderstood((Fault("", f"holds more than {MOST_VALUES} values", "too-large"),))
    try:
        message = MESSAGE.validate_json(body, strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        if details[0]["type"] == "json_invalid":
            raise _not_json(str(details[0]["ctx"]["error"])) from None
        raise NotUnderstood((*_twice(body), *faults(error, from_json(body)))) from None
    if twice := _twice(body):
        raise NotUnderstood(twice)
    return Parsed(message=message, event=message.kind)


def faults(error: ValidationError, document: Any, *, clock: bool = True) -> tuple[Fault, ...]:
    """Turn pydantic's errors into the sender's: every fault, none with a value of the message.

    Rules between fields are told beside them, even where the fields themselves are wrong.
    """
    details = error.errors(include_url=False, include_input=False)
    found = [fault(detail) for detail in details[:MOST_FAULTS] if detail["type"] not in CODES]
    if len(details) > MOST_FAULTS:
        more = f"has {len(details) - MOST_FAULTS} more faults; mend these first"
        found.append(Fault("", more, "value"))
    if isinstance(document, dict) and "resourceType" in document:
        detail = "is FHIR; send it with Content-Type application/fhir+json"
        return (Fault("/resourceType", detail, "not-supported"),)
    rules = [
        Fault(pointer(tuple(rule.path.split("."))), rule.detail, rule.code.replace("_", "-"))
        for rule in broken(document, clock=clock)
    ]
    return tuple(dict.fromkeys([*rules, *found]))


def fault(detail: Any) -> Fault:
    """Turn one of pydantic's error details into a fault with a JSON Pointer."""
    kind, place = _split(detail["loc"])
    error, context = detail["type"], detail.get("ctx", {})
    if error in ("union_tag_invalid", "union_tag_not_found"):
        what = "is missing" if error.endswith("found") else "is not a kind that the gateway takes"
        return Fault("/kind", f"{what}; it takes {', '.join(KINDS)}", "not-supported")
    if error == "extra_forbidden":
        known = properties(_model_at(kind, place[:-1]))
        return Fault(
            pointer(place),
            f"is not a property that this message has{nearest(str(place[-1]), known)}",
            "unknown-property",
        )
    if error == "missing":
        return Fault(pointer(place), _SENTENCES[error], "required")
    if error == "literal_error":
        sentence = f"is not one of {context['expected']}".replace("'", "`")
        return Fault(pointer(place), sentence, "value")
    sentence = _SENTENCES.get(error, detail["msg"]).format_map(context)
    ours = error.replace("_", "-")
    return Fault(pointer(place), sentence, "value" if error in _PYDANTIC else ours)


def _twice(body: bytes) -> tuple[Fault, ...]:
    return tuple(Fault(pointer(p), doubled.DETAIL, doubled.CODE) for p in doubled.sent_twice(body))


def pointer(place: tuple[str | int, ...]) -> str:
    """Write a place as a JSON Pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in place)


def _not_json(problem: str) -> NotUnderstood | NotWellFormed:
    if "recursion limit" in problem:
        return NotUnderstood((Fault("", "is nested too deeply", "too-deep"),))
    found = _PLACE.search(problem)
    line, column = (int(found[1]), int(found[2])) if found else (None, None)
    return NotWellFormed(f"This is not JSON: {_PLACE.sub('', problem)}", line, column)


def _split(loc: tuple[Any, ...]) -> tuple[Kind | None, tuple[str | int, ...]]:
    """Separate the kind, which pydantic puts in front, from the place."""
    if loc and loc[0] in MODELS:
        return loc[0], loc[1:]
    return None, loc


def _model_at(kind: Kind | None, place: tuple[str | int, ...]) -> type[BaseModel]:
    assert kind is not None
    model = MODELS[kind]
    for part in place:
        if isinstance(part, str):
            model = properties(model).get(part) or model
    return model


_PYDANTIC = frozenset(
    {
        *_SENTENCES,
        "int_from_float",
        "float_parsing",
        "int_parsing",
        "string_unicode",
        "datetime_object_invalid",
    }
)
"""Errors that are pydantic's own; any other is one of ours, and its type is its code."""
