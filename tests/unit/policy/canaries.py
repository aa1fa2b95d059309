"""Messages with a canary in every field of the canonical model, found by looking at the model."""

from __future__ import annotations

import types
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from random import Random
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from zlib import crc32

from pydantic import AwareDatetime, BaseModel

from schemas.fields import MODELS, properties
from schemas.identifiers import Identifier
from schemas.message import BODY, Kind
from schemas.rules import BODIES
from tests.builders import DAY, PRACTICE, SETTING
from tests.unit.policy.deciding import an_agreement

Document = dict[str, Any]
RECIPIENTS = (
    "setting",
    "general-practice",
    "early-years-sen-team",
    "front-door",
    "allocated-social-worker",
    "virtual-school",
    "send-casework",
    "inclusion-team",
    "speech-and-language-therapy",
    "other-referrer",
)
"""Everybody whom agreement and welfare judgements of a canary message name."""

CONCLUSIONS = (
    "none",
    "watch-and-recheck",
    "support-within-service",
    "refer",
    "probable-sen-or-disability",
    "family-support",
)


def canary(kind: Kind, referral: str = "service") -> Document:
    """Return a message with every field of its kind stated, each with a value of its own.

    It is one that may go: agreement and judgements name everybody, nothing stops it. A referral is
    of one type, and harm stands where it may stand.
    """
    message = _object(MODELS[kind], ())
    safeguarding = kind == "referral" and referral == "safeguarding"
    del message["retractReason"]
    message |= {"kind": kind, "action": "new", "sent": "2026-11-17T15:20:00+00:00"}
    message["source"] = {"odsCode": "RXA", "name": "canary source.name"}
    child, sharing, body = message["child"], message["sharing"], message[BODY[kind]]
    child |= {"birthDate": "2024-05-14", "generalPractice": PRACTICE}
    child["address"]["postcode"], child["setting"]["urn"] = "CH65 9ZZ", SETTING
    message["conclusions"] = [
        message["conclusions"][0] | {"kind": kind, "words": f"canary conclusions.words {kind}"}
        for kind in CONCLUSIONS
    ]
    sharing |= {"restricted": False, "disagreement": False}
    sharing["agreement"] = an_agreement(*RECIPIENTS) | {"by": "canary sharing.agreement.by"}
    sharing["welfareJudgements"] = [
        sharing["welfareJudgements"][0] | {"recipient": recipient, "moreDetrimental": False}
        for recipient in RECIPIENTS
    ]
    del sharing["notInformedBecause"]
    if safeguarding:
        message["conclusions"] = [{"kind": "significant-harm", "words": "canary conclusions.words"}]
    else:
        del sharing["harm"]
    if kind == "referral":
        for other in {*BODIES.values()} - {BODIES[referral]}:
            del body[other]
        body["type"] = referral
        if referral == "service":
            body["service"]["to"] = "speech-and-language-therapy"
    for day in {"date", "start"} & body.keys():
        body[day] = DAY
    return message


_FIXED = {"kind", "action", "type", "record", "review", "report", "notice", "referral", "service"}
_FIXED |= {
    "ehc",
    "notification",
    "earlyHelp",
    "safeguarding",
    "sharing",
    "harm",
    "by",
    "cause",
    "status",
}
_FIXED |= {"odsCode", "domain"}
"""What holds a message together: left in where it stands, and its words as they are."""


def some_of(document: Document, model: type[BaseModel], random: Random) -> Document:
    """Return a document of which any part that may be left out may be, and any word is another."""
    share = random.choice((0.6, 0.95, 1.0))
    kept: Document = {}
    for name, field in model.model_fields.items():
        alias = field.alias or name
        if alias not in document:
            continue
        value, inner = document[alias], properties(model)[alias]
        if alias in _FIXED:
            kept[alias] = (
                some_of(value, inner, random) if isinstance(value, dict) and inner else value
            )
        elif field.is_required() or random.random() < share:
            kept[alias] = _some(value, field.annotation, inner, random)
    return kept


def _some(value: Any, annotation: Any, model: type[BaseModel] | None, random: Random) -> Any:
    if isinstance(value, list):
        kept = (
            value if random.random() < 0.7 else random.sample(value, random.randint(0, len(value)))
        )
        return [_some(one, annotation, model, random) for one in kept]
    if model is not None:
        return some_of(value, model, random)
    literals = [one for one in (annotation, *get_args(annotation)) if get_origin(one) is Literal]
    words = [word for one in literals for word in get_args(one)]
    return random.choice(words) if words else value


def leaves(value: Any, path: str = "") -> Counter[tuple[str, Any]]:
    """Return every leaf of a document with its path, without the places in lists."""
    return Counter(_leaves(value, path))


def paths_of(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Return the path of every leaf field of a model."""
    for name, inner in properties(model).items():
        if inner is None:
            yield path + name
        else:
            yield from paths_of(inner, f"{path}{name}.")


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path, value


def _object(model: type[BaseModel], path: tuple[str, ...]) -> Document:
    document = {
        field.alias or name: _value(field, field.annotation, (*path, field.alias or name))
        for name, field in model.model_fields.items()
    }
    if model.__name__ == "Organisation":  # by exactly one of its codes
        del document["urn"], document["laCode"]
    return document


def _value(field: Any, annotation: Any, path: tuple[str, ...], *metadata: Any) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _value(field, arguments[0], path, *arguments[1:])
    if origin in (Union, types.UnionType):
        [inner] = [argument for argument in arguments if argument is not type(None)]
        return _value(field, inner, path)
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        inner = get_args(arguments[0])
        if get_origin(arguments[0]) is Literal:
            return list(inner)
        count = (field.json_schema_extra or {}).get("minItems", 2) if field else 2
        places = range(1, 1 + count)
        return [_value(field, arguments[0], (*path, str(place))) for place in places]
    if annotation is AwareDatetime:
        return f"{_day(path)}T10:15:00+00:00"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _object(annotation, path)
    if annotation is bool:
        return True
    if annotation in (int, float):
        return 20
    if annotation is date:
        return _day(path)
    metadata = (*metadata, *(field.metadata if field else ()))
    examples = [one for part in metadata for one in getattr(part, "examples", None) or ()]
    examples += (field.json_schema_extra or {}).get("examples", []) if field else []
    if any(getattr(one, "json_schema_extra", None) for one in metadata):
        return _day(path)  # a partial date, which may be a whole one
    if identifier := next((one for one in metadata if isinstance(one, Identifier)), None):
        return identifier.read(identifier.examples[0])
    return examples[0] if examples else "canary " + ".".join(path)


def _day(path: tuple[str, ...]) -> str:
    """Return a day of its own for each path."""
    return (date(1990, 1, 1) + timedelta(days=crc32(".".join(path).encode()) % 9000)).isoformat()
