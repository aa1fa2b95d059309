"""The multi-agency referral form as a page to print, and as plain text.

Every field that the view let through is shown, by the canonical model: what it adds needs no line
here but, where its name reads badly, one in referral_form.csv.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib.resources import files
from typing import Any, get_origin

from jinja2 import Environment
from pydantic import BaseModel

from adapters.outbound.referral_form import TABLES, form, say, title
from adapters.outbound.stored import StoredAlert, read
from adapters.value_elements import value_element
from schemas.base import Coding
from schemas.child import Address, Child
from schemas.fields import DERIVED, MODELS, model_in, properties
from schemas.message import BODY
from schemas.organisation import Professional
from schemas.referral import SafeguardingFact
from schemas.review import View
from schemas.rules import LONDON

Json = dict[str, Any]
NOT_STATED = "Not stated"

_ALWAYS: Mapping[type[BaseModel], tuple[str, ...]] = {
    SafeguardingFact: ("observedOn", "firstHand", "toldBy"),
    View: ("howLearnt", "firstHand", "toldBy", "observedOn"),
    Child: ("givenNames", "familyName", "birthDate", "address"),
}
"""What everybody must see, or that it is not stated: of facts and views who saw or said it, when."""

_PLAIN = (Address, Professional)
"""Objects whose values speak for themselves."""

_HEADINGS = {
    "child": "The child",
    "conclusions": "What the professional concluded",
    "findings": "Findings",
    "sharing": "What the sender says about sharing",
    "alreadyNotified": "Already told",
}


@dataclass(frozen=True)
class Said:
    """One value as it is shown. `iso` is a date or an instant as it was sent."""

    text: str
    iso: str | None = None


@dataclass(frozen=True)
class Rows:
    """Objects of one kind as a table."""

    columns: tuple[str, ...]
    cells: tuple[tuple[Said, ...], ...]


@dataclass(frozen=True)
class Section:
    """A part of the page: what has a label, then what is a table."""

    heading: str
    stated: tuple[tuple[str, tuple[Said, ...]], ...]
    tables: tuple[tuple[str, Rows], ...]


def render(body: bytes) -> bytes:
    """Render a stored alert as a page without scripts, that prints on A4."""
    alert = read(body)
    page = _PAGE.render(
        form=form(alert),
        sections=sections(alert),
        said=said,
        word=_word,
        not_stated=NOT_STATED,
        none_stated=Said(NOT_STATED),
        issued=_moment(alert.instant),
    )
    return page.encode()


def sections(alert: StoredAlert) -> list[Section]:
    """Return what the view let through, part by part, in the order of the canonical model."""
    fields = {"child": {}, **alert.data.fields}
    shape = {**properties(MODELS[alert.data.kind]), **DERIVED}
    body = BODY[alert.data.kind]
    order = ["child", body, "conclusions", "findings", "sharing"]
    found: list[Section] = []
    for name in sorted(fields, key=lambda one: order.index(one) if one in order else len(order)):
        heading = title(alert) if name == body else _HEADINGS.get(name, label(name))
        found += _sections(heading, name, fields[name], shape.get(name))
    return found


def plain_text(alert: StoredAlert) -> str:
    """Return the same in lines of text, for systems that take no more."""
    lines = []
    for section in sections(alert):
        lines += ["", section.heading.upper()]
        for name, values in section.stated:
            lines.append(f"{name}: {'; '.join(one.text for one in values)}")
        for name, rows in section.tables:
            lines.append(f"{name}:")
            for cells in rows.cells:
                pairs = zip(rows.columns, cells, strict=True)
                lines.append("- " + "; ".join(f"{column}: {cell.text}" for column, cell in pairs))
    return "\n".join(lines).strip()


def label(name: str) -> str:
    """Return a property's name in words."""
    if name in TABLES["label"]:
        return TABLES["label"][name][0]
    return re.sub(r"([A-Z0-9]+)", r" \1", name).strip().lower().capitalize()


def said(value: Any, annotation: Any = str) -> Said:
    """Return one value as it is shown: a word of ours in words, whatever else as it was sent."""
    if isinstance(value, bool):
        return Said("Yes" if value else "No")
    text = f"{value:g}" if isinstance(value, float) else str(value)
    kind = value_element(annotation)
    if kind in ("valueDate", "valueDateTime") or re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return _moment(text)
    return Said(say("word", text) if kind == "valueCode" else text)


def _moment(text: str) -> Said:
    if len(text) == 10:
        day = date.fromisoformat(text)
        return Said(f"{day.day} {day:%B %Y}", text)
    at = datetime.fromisoformat(text).astimezone(LONDON)
    return Said(f"{at.day} {at:%B %Y, %H:%M}", text)


def _sections(heading: str, name: str, value: Any, model: Any) -> Iterator[Section]:
    """Make sections of one field: an object's own objects that say much become further ones."""
    if isinstance(value, list) and model:
        rows = _rows(value, model)
        yield Section(heading, (), ((heading, rows),))
    elif model:
        stated, tables, further = _members(value, model)
        if stated or tables:
            yield Section(heading, tuple(stated), tuple(tables))
        for inner, one, its_model in further:
            yield from _sections(label(inner), inner, one, its_model)
    else:
        stated_values = tuple(said(one) for one in (value if isinstance(value, list) else [value]))
        yield Section(heading, ((label(name), stated_values),), ())


_Stated = list[tuple[str, tuple[Said, ...]]]


def _members(
    value: Json, model: type[BaseModel]
) -> tuple[_Stated, list[tuple[str, Rows]], list[tuple[str, Json, Any]]]:
    stated: _Stated = []
    tables: list[tuple[str, Rows]] = []
    further: list[tuple[str, Json, Any]] = []
    for name, annotation in _annotations(model).items():
        if name not in value:
            if name in _ALWAYS.get(model, ()):
                stated.append((label(name), (Said(NOT_STATED),)))
            continue
        one, inner = value[name], properties(model)[name]
        many = get_origin(annotation) is tuple
        if inner is None or inner is Coding:
            values = one if many else [one]
            stated.append((label(name), tuple(_cell(each, annotation) for each in values)))
        elif many:
            tables.append((label(name), _rows(one, inner)))
        elif inner not in _PLAIN and any(isinstance(part, (dict, list)) for part in one.values()):
            further.append((name, one, inner))
        else:
            stated.append((label(name), (_cell(one, inner),)))
    return stated, tables, further


def _rows(values: Sequence[Json], model: type[BaseModel]) -> Rows:
    always = _ALWAYS.get(model, ())
    annotations = _annotations(model)
    shown = [n for n in annotations if n in always or any(n in value for value in values)]
    cells = tuple(
        tuple(
            _cell(value[name], annotations[name]) if name in value else Said(NOT_STATED)
            for name in shown
        )
        for value in values
    )
    return Rows(tuple(label(name) for name in shown), cells)


def _cell(value: Any, annotation: Any) -> Said:
    """Return a value in one piece: an object as its values, one after the other."""
    if isinstance(value, list):
        return Said("; ".join(_cell(one, annotation).text for one in value))
    if not isinstance(value, dict):
        return said(value, annotation)
    if value.keys() <= {"system", "code", "display"}:
        code = " ".join(value[name] for name in ("system", "code") if name in value)
        return Said(f"{value['display']} ({code})" if "display" in value else code)
    model = model_in(annotation)
    shapes = _annotations(model) if model else {}
    named = [(name, _cell(one, shapes.get(name, str)).text) for name, one in value.items()]
    if model in _PLAIN:
        return Said(", ".join(text for _, text in named))
    return Said(", ".join(f"{label(name)}: {text}" for name, text in named))


def _annotations(model: type[BaseModel]) -> dict[str, Any]:
    return {str(field.alias): field.annotation for field in model.model_fields.values()}


def _word(word: str) -> Said:
    return Said(say("word", word))


_ENVIRONMENT = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
_ENVIRONMENT.filters |= {"said": said, "word": _word}
_PAGE = _ENVIRONMENT.from_string(
    files(__package__).joinpath("referral_form.html").read_text(encoding="utf-8")
)
