"""The names that the canonical model knows: for did-you-mean, and for the policy's field lists."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from schemas.finding import Finding
from schemas.message import (
    HealthyChildReviewMessage,
    Kind,
    ReferralMessage,
    SenSupportNoticeMessage,
    SpeechTherapyReportMessage,
)

MODELS: dict[Kind, type[BaseModel]] = {
    "healthy-child-review": HealthyChildReviewMessage,
    "speech-therapy-report": SpeechTherapyReportMessage,
    "sen-support-notice": SenSupportNoticeMessage,
    "referral": ReferralMessage,
}

DERIVED: dict[str, type[BaseModel] | None] = {"findings": Finding, "areas": None}
"""What assessment adds beside the message: findings, and the areas that the professional named."""


@cache
def properties(model: type[BaseModel]) -> dict[str, type[BaseModel] | None]:
    """Return the JSON properties of a model, each with the model it holds, if it holds one."""
    return {
        field.alias or name: model_in(field.annotation)
        for name, field in model.model_fields.items()
    }


def resolve(path: Sequence[str], kinds: Iterable[Kind] = ()) -> str | None:
    """Check a path of the canonical model (`child.address.postcode`); None where it is known.

    Otherwise return a sentence that names the first unknown part and the nearest known one.
    """
    roots = [properties(MODELS[kind]) for kind in (kinds or MODELS)]
    known: dict[str, type[BaseModel] | None] = dict(DERIVED)
    for root in roots:
        known.update(root)
    for index, part in enumerate(path):
        if part not in known:
            where = ".".join(path[:index]) or "a message"
            return f"{where} has no property `{part}`{nearest(part, known)}"
        model = known[part]
        known = properties(model) if model else {}
    return None


def choices(path: Sequence[str]) -> frozenset[str] | None:
    """Return the words that the field at a path may hold, or None where it is not a closed list."""
    return frozenset(word for found in declared(path) for word in words_in(found)) or None


def declared(path: Sequence[str]) -> list[Any]:
    """Return what is declared at a path, in each kind of message that has it."""
    found = []
    for model in MODELS.values():
        annotation: Any = model
        for part in path:
            owner = model_in(annotation)
            fields = owner.model_fields.items() if owner else ()
            annotation = next((f.annotation for n, f in fields if (f.alias or n) == part), None)
        if annotation is not None:
            found.append(annotation)
    return found


def holds(annotation: Any, kind: type) -> bool:
    """Tell whether a declared type is, or may be, of a kind: `bool`, `date`, `tuple`."""
    if annotation is kind or get_origin(annotation) is kind:
        return True
    return get_origin(annotation) is not tuple and any(
        holds(arg, kind) for arg in get_args(annotation)
    )


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` with the nearest known word, or nothing."""
    if len(word) > 60:
        return ""
    lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), list(lower), n=1, cutoff=0.6)
    return f"; did you mean `{lower[close[0]]}`?" if close else ""


def words_in(annotation: Any) -> list[str]:
    """Return the words of the closed lists in an annotation."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [word for arg in get_args(annotation) for word in words_in(arg)]


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an annotation holds, if it holds one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for arg in get_args(annotation) if (m := model_in(arg))), None)
