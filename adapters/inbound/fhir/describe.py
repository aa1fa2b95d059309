"""Writes docs/fhir-profiles.md from the tables of paths and the canonical model.

`python -m adapters.inbound.fhir.describe > docs/fhir-profiles.md`
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, get_origin

from pydantic import BaseModel

from adapters.inbound.fhir import PROFILES
from adapters.inbound.fhir.convert import CONVERTERS
from adapters.inbound.fhir.profile import Event, Profile, Row
from adapters.value_elements import value_element
from schemas.base import Coding
from schemas.fields import MODELS, model_in, properties, words_in
from schemas.sen_support import Need
from schemas.speech_therapy import AreaFinding, Provision

_HEADINGS = {
    "systems": "Names used below",
    "message": "Every message: header, child, sharing statement, conclusions",
    "encounter": "Every event: the Encounter on which its header focuses, and the child",
    "review-event": "Every event but a referral: which review it is a part of",
    "review": "Review: an Encounter and its Observations, or a QuestionnaireResponse",
    "report": "Speech therapy report: a DiagnosticReport",
    "report-composition": "Speech therapy report: a Composition",
    "notice": "SEN support notice: a QuestionnaireResponse",
    "notice-condition": "SEN support notice: a Condition",
    "notice-flag": "SEN support notice: a Flag",
    "referral": "Referral: a ServiceRequest",
    "bars-referral": "Referral to a service: `servicerequest-request`",
}

_PARAGRAPHS = {
    "bars-referral": (
        "Any other event of the standard, such as `booking-request`, is refused. The other "
        "resources of such a message (CarePlan, Questionnaire, Slot and the like) are checked, and "
        "not read. Nothing is agreed by the Consent to direct care that each message carries: the "
        "sharing statement stands in its `provision` or its extension, as in FHIR R4.",
        "",
    ),
}

_SAMPLES = {
    "review": ("review.json", "review-questionnaire.json"),
    "assessment-scales": ("CH004.json", "CH004.xml"),
}
"""Tables that have more samples than one."""

_INTRODUCTION = """\
# FHIR profiles
Written by `python -m adapters.inbound.fhir.describe` from the tables that the gateway reads by. \
Send a Bundle to `POST /messages` as `application/fhir+json` or `application/fhir+xml`. For each \
event and shape there is a message that is taken, in [examples/fhir](../examples/fhir): \
`gateway send examples/fhir/stu3/CH004.json`.

## What holds for every message
- A Bundle of type `message` whose first entry is a MessageHeader. STU3 says its event in `event`, \
R4 in `eventCoding`, where the code is the kind of message. Where a kind comes in several shapes, \
the type of the resource to which `MessageHeader.focus` leads tells which.
- XML is read into the same Bundle as JSON, by the element definitions of its FHIR version: what is \
said below holds for both, and so do the places of faults, which have the JSON names of elements. \
The order of different elements does not matter, nor do comments, processing instructions and \
`xsi:` attributes; a narrative is not read. Encodings: UTF-8, UTF-16, or what the declaration says. \
A DOCTYPE is refused, whatever it holds.
- One child, so one Patient. In R4 one Consent at most.
- References are `urn:uuid:` of a fullUrl, absolute, `Type/id`, or `#id` of a contained resource. \
One that is read and leads nowhere is a fault; so is a fullUrl used twice, and an id that two \
resources of one type, or two contained ones of one resource, have.
- A code of a closed list of FHIR (`status`, `use`, `gender` and the like) that the list lacks is a \
fault, and so is a SNOMED CT code that is read and whose check digit is wrong. In JSON a property \
that one object has twice is one.
- Blanks round a string (no-break and zero-width ones too) are dropped, and `fhir_comments`. A \
number or truth value sent as text is a fault, `modifierExtension` and `implicitRules` are refused, \
since nobody may read on who does not understand them. At most 64 levels deep, and 20,000 values.
- What no table names is not read. Within what is read no code is dropped: one that is in no map is \
kept word for word and listed in the receipt as `unmapped`.
- The key against duplicates is source, event and `id`, as the rows below find them.
- Every fault is told at once, with the FHIRPath of its place.

## How to read the tables
Left the property of the canonical message (`a[]` is a list), then where it is read, in FHIRPath \
with the JSON names of elements; `where(a=b)` holds where any of a is any of b, `where(a>=b)` \
where any date of a is on or after any of b; `answers(linkId)` are the values that answer the \
items of that linkId, at any depth. Of several rows for one property the first that yields a \
value fills it; a list takes of all of them. Rows with `%` define a name. *refused*: what stands \
there is a fault, with the words on the right. *required*: what stands nowhere is one. *noted*: \
what stands there was not read, and the receipt says so among its questions. \
The third column says how a value is turned; `a→b` translates a code, \
and a code that is not among them is a fault, or what `else` says: `else unmapped` lists it. \
`object` is the next section. Another name with a capital is a table of its own, under *Parts of \
these*.

## Nested extensions and questionnaire items
Whatever has no natural element in FHIR is sent in one way: an extension \
`https://fhir.gateway.example/StructureDefinition/…` whose members are extensions named by the \
canonical property (`url` is the property's name), each with a `value[x]` or with members of its \
own; a list repeats its member. The items of a QuestionnaireResponse are the same with `linkId` and \
`answer.value[x]` (a `valueCoding` gives its code). In a list whose places count, such as the six \
`items` of an ASQ-3 domain, the members are named `1` to `6`, and one that is left out was not \
answered. A property that has an element of its own may be \
stated here too, and must then say the same. The members are listed under [Objects](#objects).
"""


_HEAD = ("| canonical | FHIR | converted | note |", "|---|---|---|---|")

_INNER = """\
### Parts of these
A table that stands in the third column above is read with each node as `$this`."""

_OBJECTS = """\
## Objects
The members of each, `[]` where one may repeat; in an extension or item each has the `value[x]` that \
is named here, or members of its own. What each means is told by `GET /schemas/{kind}`."""


def describe() -> str:
    """Return the document."""
    lines = [_INTRODUCTION, "The converters:"]
    lines += (f"- `{name}`: {_one_line(one.__doc__)}" for name, one in CONVERTERS.items())
    objects: set[type[BaseModel]] = set()
    for profile in reversed(PROFILES):
        lines += ["", *_heading(profile)]
        events = {table: one for one in profile.events.values() for table in one.tables}
        inner: list[str] = []
        for table, rows in own_tables(profile).items():
            kind = events[table].kind if table in events else "healthy-child-review"
            model = _FILLED_BY.get(table, MODELS[kind])
            objects |= {
                one
                for row in rows
                if row.convert == "object"
                for one in _with_inner(_held(_annotation(model, row.keys)))
            }
            if table in _FILLED_BY:
                inner += _rows(rows, model, f"**{table}** ")
                continue
            lines += ["", f"### {_title(profile, table)}", *_HEAD, *_rows(rows, model)]
            if table in events:
                lines += ["", *_PARAGRAPHS.get(table, ()), _samples(profile, events[table], table)]
        if inner:
            lines += ["", _INNER, *_HEAD, *inner]
    lines += ["", _OBJECTS]
    lines += (_object(model) for model in sorted(objects, key=lambda model: model.__name__))
    return "\n".join(lines) + "\n"


def own_tables(profile: Profile) -> dict[str, tuple[Row, ...]]:
    """Return the tables of a profile, but for the rows that it shares with the one it extends."""
    base = profile.extends.tables if profile.extends else {}
    own = {
        name: tuple(row for row in rows if row not in base.get(name, ()))
        for name, rows in profile.tables.items()
    }
    return {name: rows for name, rows in own.items() if rows}


def _title(profile: Profile, table: str) -> str:
    """Return a table's heading; one of STU3 is named like its event."""
    codes = ", ".join(f"`{code}`" for code, one in profile.events.items() if table == one.table)
    named = f"{table.replace('-', ' ').capitalize()}: {codes}" if codes else f"{table} (`$this`)"
    return _HEADINGS.get(table, named)


def _heading(profile: Profile) -> Iterator[str]:
    if profile.extends is None:
        yield f"## FHIR {profile.version}"
        return
    yield f"## {profile.name} (FHIR {profile.version})"
    codes = ", ".join(f"`{code}`" for code in profile.events)
    yield (
        f"The event is {codes} of the code system `{profile.event_systems['']}`. What stands here is "
        f"read instead of the rows of FHIR {profile.extends.version} for the same property; all else "
        "as there."
    )


def _samples(profile: Profile, event: Event, table: str) -> str:
    """Link what can be sent as it stands: named by the table's event, in R4 by the table."""
    folder = "bars" if profile.extends else profile.version.lower()
    name = table if event.code == event.kind else event.code
    names = (f"{folder}/{one}" for one in _SAMPLES.get(table, (f"{name}.json",)))
    return "To send as it is: " + ", ".join(f"[{one}](../examples/fhir/{one})" for one in names)


def _rows(rows: tuple[Row, ...], model: type[BaseModel], table: str = "") -> Iterator[str]:
    """Describe the rows of a table, those that differ by their paths alone together.

    Of a property that has its own words, with these.
    """
    for (canonical, convert, note), same in groupby(rows, _all_but_the_path):
        first, *others = same
        annotation = _annotation(model, first.keys)
        words = [] if convert else words_in(annotation)
        if convert == "object":
            convert = f"object {_name(_held(annotation))}"
        note = "; ".join(filter(None, (_listed(words), note)))
        told = canonical in ("refused", "required", "noted")
        what = f"*{canonical}*" if told else canonical
        paths = "<br>".join(f"`{row.fhir}`" for row in (first, *others)).replace("|", "\\|")
        yield f"| {table}{what} | {paths} | {convert} | {note} |"


def _all_but_the_path(row: Row) -> tuple[str, str, str]:
    return row.canonical, row.convert, row.note


def _object(model: type[BaseModel]) -> str:
    """List the members of an object: each with its value[x] or object, and its words."""
    members = []
    for field in model.model_fields.values():
        held = _held(field.annotation)
        value = _name(held) if held else value_element(field.annotation)
        many = "[]" if get_origin(field.annotation) is tuple else ""
        words = _listed(words_in(field.annotation))
        members.append(f"`{field.alias}{many}` {value}" + (f" ({words})" if words else ""))
    return f"- {_name(model)}: {'; '.join(members)}"


def _held(annotation: Any) -> type[BaseModel] | None:
    """Return the model of the objects that a property holds; a Coding is a value."""
    found = model_in(annotation)
    return None if found is Coding else found


def _with_inner(model: type[BaseModel] | None) -> Iterator[type[BaseModel]]:
    """Yield a model and all models that it holds."""
    if model and model is not Coding:
        yield model
        for inner in properties(model).values():
            yield from _with_inner(inner)


_FILLED_BY: dict[str, type[BaseModel]] = {
    one.__name__: one for model in MODELS.values() for one in _with_inner(model)
} | {"AreaSection": AreaFinding, "NeedCoding": Need, "ProvisionText": Provision}
"""Tables with a capital are named by the model that they fill, or by the shape in which it comes."""


def _name(model: type[BaseModel] | None) -> str:
    return f"**{model.__name__}**" if model else ""


def _annotation(model: type[BaseModel], keys: Iterable[str]) -> Any:
    """Return the annotation of a property by its path, or None where there is none."""
    annotation: Any = model
    for key in keys:
        holder = _held(annotation) or model
        fields = {field.alias: field.annotation for field in holder.model_fields.values()}
        annotation = fields.get(key)
    return annotation


def _listed(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


if __name__ == "__main__":
    sys.stdout.write(describe())
