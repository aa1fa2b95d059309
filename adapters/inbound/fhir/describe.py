"""Writes docs/fhir-profiles.md from the tables of paths, the canonical model and the examples.

`python -m adapters.inbound.fhir.describe > docs/fhir-profiles.md`
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel

from adapters.inbound.fhir import PROFILES
from adapters.inbound.fhir.convert import CONVERTERS
from adapters.inbound.fhir.profile import Profile, Row
from adapters.value_elements import types_in, value_element, words_in
from schemas.base import Coding
from schemas.child import LookedAfter, ResponsiblePerson, Setting
from schemas.fields import MODELS, properties
from schemas.organisation import Organisation, Professional
from schemas.review import (
    Action,
    Asq3,
    Asq3Score,
    AsqSe2,
    Comment,
    Contact,
    DevelopmentalSkill,
    EarlyYearsProgress,
    EducationalHistory,
    IndividualRequirements,
    LegalFact,
    SafetyAlert,
    SenseStatus,
    View,
)
from schemas.sen_support import Need
from schemas.speech_therapy import AreaFinding, Provision

_SHARED: tuple[type[BaseModel], ...] = (Professional, Organisation, View, Provision)

_MODELS: dict[str, type[BaseModel]] = {
    model.__name__: model
    for model in (
        Action,
        AreaFinding,
        Asq3,
        Asq3Score,
        AsqSe2,
        Comment,
        Contact,
        DevelopmentalSkill,
        EarlyYearsProgress,
        EducationalHistory,
        IndividualRequirements,
        LegalFact,
        LookedAfter,
        Need,
        Organisation,
        ResponsiblePerson,
        SafetyAlert,
        SenseStatus,
        Setting,
        View,
    )
} | {"AreaSection": AreaFinding, "NeedCoding": Need, "ProvisionText": Provision}
"""Tables with a capital are named by the model that they fill, or by the shape in which it comes."""

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

_EXAMPLES = {
    "review": ("review.fhir.json", "review-questionnaire.fhir.json"),
    "report": ("report.fhir.json",),
    "report-composition": ("report-composition.fhir.json",),
    "notice": ("notice.fhir.json",),
    "notice-condition": ("notice-condition.fhir.json",),
    "referral": ("referral.fhir.json",),
    "assessment-scales": ("review.stu3.fhir.json",),
    "early-years-progress": ("early-years-progress.stu3.fhir.json",),
    "educational-history": ("educational-history.stu3.fhir.json",),
    "referral-request": ("referral.stu3.fhir.json",),
    "bars-referral": ("referral.bars.fhir.json",),
}

_INTRODUCTION = """\
# FHIR profiles
Written by `python -m adapters.inbound.fhir.describe` from the tables that the gateway reads by. \
Send a Bundle to `POST /messages` as `application/fhir+json` or `application/fhir+xml`.

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
`object` is the next section.

## Nested extensions and questionnaire items
Whatever has no natural element in FHIR is sent in one way: an extension \
`https://fhir.gateway.example/StructureDefinition/…` whose members are extensions named by the \
canonical property (`url` is the property's name), each with a `value[x]` or with members of its \
own; a list repeats its member. The items of a QuestionnaireResponse are the same with `linkId` and \
`answer.value[x]` (a `valueCoding` gives its code). In a list whose places count, such as the six \
`items` of an ASQ-3 domain, the members are named `1` to `6`, and one that is left out was not \
answered. A property that has an element of its own may be \
stated here too, and must then say the same.
"""


def describe(examples: Mapping[str, str]) -> str:
    """Return the document. `examples` are the sample messages by file name."""
    lines = [_INTRODUCTION, "The converters:"]
    for name, converter in CONVERTERS.items():
        lines.append(f"- `{name}`: {converter.__doc__}")
    lines += ["", "Objects that stand in several places:", ""]
    for shared in _SHARED:
        lines += [f"`{shared.__name__}`", "", *_members(members(shared))]
    for profile in reversed(PROFILES):
        lines += _heading(profile)
        events = {table: one.kind for one in profile.events.values() for table in one.tables}
        for table, rows in own_tables(profile).items():
            model = _MODELS.get(table, MODELS[events.get(table, "healthy-child-review")])
            lines += [f"### {_title(profile, table)}", *_rows(rows, model)]
            for row in rows:
                if row.convert == "object":
                    lines += _object(profile, rows, row, model)
            lines += _PARAGRAPHS.get(table, ())
            for name in _EXAMPLES.get(table, ()):
                lines += [f"Example ({name}):", "", "```json", examples[name].strip(), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


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
    yield ""


def _rows(rows: tuple[Row, ...], model: type[BaseModel]) -> Iterator[str]:
    """Describe the rows of a table; of a property that has its own words, with these."""
    yield "| canonical | FHIR | converted | note |"
    yield "|---|---|---|---|"
    for row in rows:
        words = [] if row.convert else words_in(_annotation(model, row.keys))
        note = "; ".join(filter(None, (_listed(words), row.note)))
        told = row.canonical in ("refused", "required", "noted")
        what = f"*{row.canonical}*" if told else row.canonical
        paths = row.fhir.replace("|", "\\|")
        yield f"| {what} | `{paths}` | {row.convert} | {note} |"
    yield ""


def _object(
    profile: Profile, rows: tuple[Row, ...], row: Row, model: type[BaseModel]
) -> Iterator[str]:
    """Describe the members of a nested extension, or the items of a questionnaire."""
    url = re.search(r"extension\('([^']*)'\)$", row.fhir)
    yield f"Members of `{url[1] if url else row.fhir}` (`{row.canonical}`):"
    yield ""
    taken: set[str] = set()
    beside = (*rows, *profile.tables["message"]) if url else ()
    for other in (one for one in beside if one != row):
        name = other.canonical.removesuffix("[]")
        # Of a list another row gives other items.
        inner = () if row.is_list else profile.tables.get(other.convert, ())
        taken |= {name, *(f"{name}.{one.canonical.removesuffix('[]')}" for one in inner)}
    taken.discard(".".join(row.keys))
    inner_model = types_in(_annotation(model, row.keys))
    found = next(one for one in inner_model if isinstance(one, type) and issubclass(one, BaseModel))
    above = ".".join(row.keys)
    yield from _members(
        member
        for member in members(found)
        if not any(f"{above}.{part}" in taken for part in accumulate(member[0].split("."), _dotted))
    )


def _members(described: Iterable[tuple[str, str, bool, str]]) -> Iterator[str]:
    yield "| member | value[x] | repeats | meaning |"
    yield "|---|---|---|---|"
    for path, value, many, meaning in described:
        if value or many:
            yield f"| {path} | {value} | {'yes' if many else ''} | {meaning} |"
    yield ""


def members(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str, bool, str]]:
    """Yield each property of a model: its dotted path, value[x], whether a list, its meaning."""
    for field in model.model_fields.values():
        inner = properties(model)[field.alias or ""]
        nested = inner if inner is not Coding else None
        value = value_element(field.annotation) if nested is None else ""
        if nested in _SHARED:
            value, nested = f"`{nested.__name__}`", None
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        meaning = ". ".join(filter(None, (_listed(words_in(field.annotation)), meaning)))
        yield f"{above}{field.alias}", value, get_origin(field.annotation) is tuple, meaning
        if nested:
            yield from members(nested, f"{above}{field.alias}.")


def _annotation(model: type[BaseModel], keys: Iterable[str]) -> Any:
    """Return the annotation of a property by its path, or None where there is none."""
    annotation: Any = model
    for key in keys:
        models = (one for one in types_in(annotation) if isinstance(one, type))
        holder = next((one for one in models if issubclass(one, BaseModel)), model)
        fields = {field.alias: field.annotation for field in holder.model_fields.values()}
        annotation = fields.get(key)
    return annotation


def _listed(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _dotted(above: str, part: str) -> str:
    return f"{above}.{part}"


if __name__ == "__main__":
    folder = Path(__file__).parents[3] / "examples" / "messages"
    names = [name for shown in _EXAMPLES.values() for name in shown]
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in names}
    sys.stdout.write(describe(texts))
