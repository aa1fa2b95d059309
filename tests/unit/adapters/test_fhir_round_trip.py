"""Every canonical message has an R4 Bundle, and the Bundle reads as the message."""

from __future__ import annotations

import types
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, ValidationError

from adapters.inbound import fhir
from adapters.inbound.parsed import canonical_bytes
from gateway.tables import load_tables
from schemas.base import Coding
from schemas.fields import MODELS
from schemas.identifiers import Identifier
from schemas.message import BODY, MESSAGE
from schemas.rules import BODIES
from tests.strategies import whole_messages
from tests.unit.adapters.fhir_writer import bundle_of

TABLES = load_tables()

TEXTS = st.text("abcŁé’.-,/ 19", min_size=1, max_size=12).map(str.strip).filter(bool)
CODES = st.text("abcXYZ0123456789", min_size=1, max_size=8).filter(
    lambda code: not code.isdecimal()
)
DAYS = st.dates(date(2024, 1, 1), date(2026, 1, 1)).map(date.isoformat)
CODINGS = st.fixed_dictionaries(
    {
        "code": CODES,
        "system": st.sampled_from(["http://snomed.info/sct", "https://sender.example"]),
    },
    optional={"display": TEXTS},
)


ANSWERS = st.lists(
    st.sampled_from(["yes", "sometimes", "not-yet", None]), min_size=6, max_size=6
).filter(any)


def values(annotation: Any, metadata: tuple[Any, ...] = (), full: bool = False) -> Any:
    """Return JSON values of a field of the canonical model; if `full`, nothing is left out."""
    if annotation is AwareDatetime:
        return DAYS.map(lambda day: f"{day}T10:15:00Z")
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return values(arguments[0], (*arguments[1:], *metadata), full)
    if origin in (Union, types.UnionType):
        [inner] = [argument for argument in arguments if argument is not type(None)]
        return values(inner, metadata, full)
    if origin is tuple:
        return st.lists(values(arguments[0], (), full), min_size=1, max_size=2)
    if origin is Literal:
        return st.sampled_from(arguments)
    if annotation is Coding:
        return CODINGS
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return objects(annotation, full)
    identifiers = [one for one in metadata if isinstance(one, Identifier)]
    if identifiers:
        return st.sampled_from(identifiers[0].examples)
    bounds = {
        type(one): one
        for one in metadata
        if isinstance(one, (annotated_types.Ge, annotated_types.Le))
    }
    flat = [part for one in metadata for part in getattr(one, "metadata", ())]
    bounds |= {
        type(one): one for one in flat if isinstance(one, (annotated_types.Ge, annotated_types.Le))
    }
    low = bounds[annotated_types.Ge].ge if annotated_types.Ge in bounds else 0
    high = bounds[annotated_types.Le].le if annotated_types.Le in bounds else 60
    examples = [one for part in metadata for one in getattr(part, "examples", None) or ()]
    extra = [getattr(part, "json_schema_extra", None) or {} for part in metadata]
    examples += [one for part in extra for one in part.get("examples", ())]
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return st.integers(low, high)
    if annotation is float:
        return st.floats(low, high).map(lambda score: round(score, 2))
    if annotation is date:
        return DAYS
    return st.sampled_from(examples) if examples else TEXTS


@cache
def objects(model: type[BaseModel], full: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Return documents of a model, each with at least one property; if `full`, with all."""
    required, optional = {}, {}
    for field in model.model_fields.values():
        strategy = values(field.annotation, tuple(field.metadata), full)
        if examples := (field.examples or (field.json_schema_extra or {}).get("examples")):
            strategy = st.sampled_from(examples)
        (required if field.is_required() else optional)[field.alias] = strategy
    if model.__name__ == "Organisation":
        codes = ("odsCode", "urn", "laCode")
        return st.one_of(
            st.fixed_dictionaries({code: optional[code]}, optional={"name": TEXTS})
            for code in codes
        )
    if model.__name__ == "Asq3Score":
        return scores()
    if model.__name__ == "DevelopmentalSkill":
        required["skill"] = optional.pop("skill")  # FHIR: an Observation says of what
    if full:
        return st.fixed_dictionaries(required | optional)
    return st.fixed_dictionaries(required, optional=optional).filter(bool)


@st.composite
def scores(draw: st.DrawFn) -> dict[str, Any]:
    """Return a domain's score by a known code, an unknown code, or the domain alone."""
    score: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {}, optional={"score": st.floats(0, 60).map(lambda s: round(s, 2)), "items": ANSWERS}
        )
    )
    how = draw(st.sampled_from(["known", "unknown", "domain"]))
    if how == "known":
        code = draw(st.sampled_from(sorted(TABLES.asq3_by_code)))
        meaning = TABLES.asq3_by_code[code]
        score |= {"domain": meaning.domain, "questionnaireMonths": meaning.months}
        return score | {"code": {"system": "http://snomed.info/sct", "code": code}}
    if draw(st.booleans()):
        score["questionnaireMonths"] = draw(st.integers(2, 60))
    if how == "unknown":
        return score | {"code": draw(CODINGS)}
    return score | {"domain": draw(st.sampled_from(["communication", "fine-motor"]))}


@st.composite
def messages(draw: st.DrawFn, kind: str, full: bool) -> Any:
    """Return canonical messages of a kind, as the model took them."""
    document = draw(objects(MODELS[kind], full))  # type: ignore[index]
    document |= {"kind": kind, "sent": "2026-11-24T10:15:00Z"}
    document.pop("retractReason", None)
    if document.get("action") == "retract":
        document["retractReason"] = draw(st.sampled_from(["cancelled", "entered-in-error"]))
    body = draw(values(MODELS[kind].model_fields[BODY[kind]].annotation, (), full))  # type: ignore[index]
    document[BODY[kind]] = body  # type: ignore[index]
    if "child" in document:
        document["child"].pop("birthDate", None)
        document["child"]["birthDate"] = draw(st.sampled_from(["2023", "2023-05", "2023-05-14"]))
    if kind == "sen-support-notice":
        document["record"] = "r-1"
    if kind == "referral":
        name = BODIES[body["type"]]
        inner = MODELS["referral"].model_fields["referral"].annotation
        model = next(one for one in get_args(inner) if one is not type(None))
        fields = {field.alias: field for field in model.model_fields.values()}
        for other in BODIES.values():
            body.pop(other, None)
        body[name] = draw(values(fields[name].annotation, (), full))
    if kind != "referral" or body["type"] != "safeguarding":
        document.get("sharing", {}).pop("harm", None)
        document["conclusions"] = [
            one for one in document.get("conclusions", ()) if one["kind"] != "significant-harm"
        ]
    if kind == "referral" and body["type"] == "section-23-notification":
        document["conclusions"].append({"kind": "probable-sen-or-disability"})
    try:
        return MESSAGE.validate_json(orjson.dumps(document), strict=True)
    except ValidationError as error:
        # A rule across fields, such as a safeguarding referral without a cause.
        assume(all(detail["type"] in _ACROSS for detail in error.errors()))
        return assume(False)


_ACROSS = {"harm_incomplete", "review_date", "birth_date"}


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize(("full", "examples"), [(False, 25), (True, 5)])
def test_what_is_written_as_r4_reads_as_it_was(kind: str, full: bool, examples: int) -> None:
    @whole_messages(examples)
    @given(messages(kind, full))
    def check(message: Any) -> None:
        canonical = canonical_bytes(message)
        bundle = bundle_of(orjson.loads(canonical))
        parsed = fhir.parse(orjson.dumps(bundle), TABLES)
        assert parsed.canonical == canonical
        assert parsed.event == kind

    check()
