"""Writes docs/fhir-profiles.md from the tables of paths, the canonical model and the examples.

`python -m adapters.inbound.fhir.describe > docs/fhir-profiles.md`
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, get_args

from pydantic import AwareDatetime, BaseModel

from adapters.inbound.fhir import PROFILES
from adapters.inbound.fhir.profile import Profile, Row
from schemas.base import Coding
from schemas.fields import MODELS, properties
from schemas.message import Kind
from schemas.organisation import Organisation, Professional
from schemas.review import View
from schemas.speech_therapy import Provision

_VALUES = {
    bool: "valueBoolean",
    int: "valueInteger",
    float: "valueDecimal",
    AwareDatetime: "valueDateTime",
    date: "valueDate",
    Coding: "valueCoding",
    str: "valueString",
}

_SHARED: tuple[type[BaseModel], ...] = (Professional, Organisation, View, Provision)

_HEADINGS = {
    "systems": "Names used below",
    "message": "Every message: header, child, sharing statement, conclusions",
    "assessment-scales": "Assessment Scales: `CH004`, `assessment-scales-1`",
    "review": "Review: an Encounter and its Observations",
    "report": "Speech therapy report: a DiagnosticReport",
    "notice": "SEN support notice: a QuestionnaireResponse",
    "referral": "Referral: a ServiceRequest",
}

_EXAMPLES = {
    "review": "review.fhir.json",
    "report": "report.fhir.json",
    "notice": "notice.fhir.json",
    "referral": "referral.fhir.json",
    "assessment-scales": "review.stu3.fhir.json",
}

_INTRODUCTION = """\
# FHIR profiles
Written by `python -m adapters.inbound.fhir.describe` from the tables that the gateway reads by. \
Send a Bundle to `POST /messages` as `application/fhir+json`.

## What holds for every message
- A Bundle of type `message` whose first entry is a MessageHeader. STU3 says its event in `event`, \
R4 in `eventCoding`, where the code is the kind of message.
- One child, so one Patient. In R4 one Consent at most.
- References are `urn:uuid:` of a fullUrl, absolute, `Type/id`, or `#id` of a contained resource. \
One that is read and leads nowhere is a fault; so is a fullUrl used twice.
- Blanks round a string (no-break and zero-width ones too) are dropped, and `fhir_comments`. A \
number sent as text is a fault, `modifierExtension` and `implicitRules` are refused, since nobody \
may read on who does not understand them. At most 64 levels deep.
- What no table names is not read. Within what is read no code is dropped: one that is in no map is \
kept word for word and listed in the receipt as `unmapped`.
- The key against duplicates is source, event and `id`, as the rows below find them.
- Every fault is told at once, with the FHIRPath of its place.

## How to read the tables
Left the property of the canonical message (`a[]` is a list), then where it is read, in FHIRPath \
with the JSON names of elements; `where(a=b)` holds where any of a is any of b. Of several rows for \
one property the first that yields a value fills it. Rows with `%` define a name. *refused*: what \
stands there is a fault, with the words on the right. *required*: what stands nowhere is one. The \
third column says how a value is turned; `a→b` translates a code, and a code that is not among them \
is a fault, or what `else` says: `else unmapped` lists it. `object` is the next section.

## Nested extensions and questionnaire items
Whatever has no natural element in FHIR is sent in one way: an extension \
`https://fhir.gateway.example/StructureDefinition/…` whose members are extensions named by the \
canonical property (`url` is the property's name), each with a `value[x]` or with members of its \
own; a list repeats its member. The items of a QuestionnaireResponse are the same with `linkId` and \
`answer.value[x]` (a `valueCoding` gives its code). A property that has an element of its own may be \
stated here too, and must then say the same.
"""


def describe(examples: Mapping[str, str]) -> str:
    """Return the document. `examples` are the sample messages by file name."""
    lines = [_INTRODUCTION]
    for shared in _SHARED:
        lines += [f"`{shared.__name__}`, wherever it stands:", "", *_members_of(shared, "", set())]
    for profile in reversed(PROFILES):
        lines.append(f"## FHIR {profile.version}")
        events = {event.table: event.kind for event in profile.events.values()}
        for table, rows in profile.tables.items():
            lines += [f"### {_HEADINGS.get(table, f'{table} (`$this`)')}", *_elements(rows)]
            for row in rows:
                if row.convert == "object":
                    lines += _members(profile, row, events.get(table, "healthy-child-review"))
            if table in _EXAMPLES:
                text = examples[_EXAMPLES[table]].strip()
                lines += [f"Example ({_EXAMPLES[table]}):", "", "```json", text, "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _elements(rows: tuple[Row, ...]) -> Iterator[str]:
    yield "| canonical | FHIR | converted | note |"
    yield "|---|---|---|---|"
    for row in rows:
        what = f"*{row.canonical}*" if row.canonical in ("refused", "required") else row.canonical
        paths = row.fhir.replace("|", "\\|")
        yield f"| {what} | `{paths}` | {row.convert} | {row.note} |"
    yield ""


def _members(profile: Profile, row: Row, kind: Kind) -> Iterator[str]:
    """Describe the members of a nested extension, or the items of a questionnaire."""
    url = re.search(r"extension\('([^']*)'\)$", row.fhir)
    yield f"Members of `{url[1] if url else row.fhir}` (`{row.canonical}`):"
    yield ""
    taken = {
        other.canonical.removesuffix("[]")
        for rows in profile.tables.values()
        for other in rows
        if other is not row
    }
    model: Any = MODELS[kind]
    for name in row.keys:
        model = properties(model)[name]
    yield from _members_of(model, ".".join(row.keys) + ".", taken)


def _members_of(model: type[BaseModel], above: str, taken: set[str]) -> Iterator[str]:
    yield "| member | value[x] | repeats | meaning |"
    yield "|---|---|---|---|"
    for path, value, many, meaning in members(model):
        if f"{above}{path}" not in taken:
            yield f"| {path} | {value} | {'yes' if many else ''} | {meaning} |"
    yield ""


def members(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str, bool, str]]:
    """Yield each property of a model, nested ones dotted: its path, value[x], list or not, meaning."""
    for field in model.model_fields.values():
        inner = properties(model)[field.alias or ""]
        nested = inner if inner is not Coding else None
        value = value_element(field.annotation) if nested is None else ""
        if nested in _SHARED:
            value, nested = f"`{nested.__name__}`", None
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        words = ", ".join(f"`{word}`" for word in _words(field.annotation))
        many = getattr(field.annotation, "__origin__", None) is tuple
        yield f"{above}{field.alias}", value, many, " ".join(filter(None, (words, meaning)))
        if nested:
            yield from members(nested, f"{above}{field.alias}.")


def value_element(annotation: Any) -> str:
    """Return the value[x] in which a value of this type is sent."""
    if _words(annotation):
        return "valueCode"
    types = list(_types(annotation))
    return next(value for known, value in _VALUES.items() if known in types)


def _types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for argument in get_args(annotation):
        yield from _types(argument)


def _words(annotation: Any) -> list[str]:
    return [word for word in _types(annotation) if isinstance(word, str)]


if __name__ == "__main__":
    folder = Path(__file__).parents[3] / "examples" / "messages"
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in _EXAMPLES.values()}
    sys.stdout.write(describe(texts))
