"""Stored alerts of every kind, as the gateway keeps them, and the strings that stand in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import strategies as st

from adapters.outbound.cloudevents import render
from schemas.alert import AlertBasis, AlertData, AlertSender, AlertService
from schemas.message import Kind, Message
from tests import builders
from tests.strategies import messages

BASE = "https://gateway.example"
ALERT = "6f1cf9a5-3f0e-4f0c-9d3f-5f0f4a1a0c11"
THREAD = "0d9d5f6e-8a54-4f3f-8a39-0d7a5b0c9d22"
AT = datetime(2026, 11, 17, 15, 20, 0, 250_123, tzinfo=UTC)
CHANGES = ("created", "updated", "withdrawn")
SAMPLES = {
    "healthy-child-review": builders.a_probable_sen_review,
    "speech-therapy-report": builders.a_report,
    "sen-support-notice": builders.a_notice,
    "referral": builders.a_referral,
    "ehc": builders.an_ehc_request,
    "early-help": builders.an_early_help_request,
    "safeguarding": builders.a_safeguarding_referral,
}
"""Each kind, and each type of referral, by a builder of the message."""

ENVELOPE = ("id", "kind", "sent", "sequence", "source", "professional", "action", "retractReason")
"""What a message says of itself. An alert is a message of the gateway's own."""


def stored(kind: Kind, fields: Mapping[str, Any], change: str = "created", **data: Any) -> bytes:
    """A stored alert with these fields; of a withdrawal there are none."""
    stated: dict[str, Any] = {
        "change": change,
        "kind": kind,
        "agency": "education",
        "service": AlertService(id="early-years-sen-team", title="Early years SEN team"),
        "urgency": "routine",
    }
    if change != "withdrawn":
        stated |= {
            "route": "C",
            "purpose": "special-educational-needs",
            "basis": AlertBasis(
                id="s23",
                title="Duty to notify",
                power="CFA 2014 s.23",
                confidence="A duty",
                uk_gdpr="6(1)(c)",
            ),
            "respond_by": "5 working days",
            "flags": ("Home outside the area",),
            "view": "early-years-sen",
            "areas": ("communication-and-interaction",),
            "about_date": "2026-11-17",
            "received_at": AT,
            "sender": AlertSender(
                organisation="ods:RXA",
                name="Example Trust",
                professional="Zoë Łoś",
                role="Health visitor",
                phone="01244 000101",
                email="zoe@example.org",
            ),
            "fields": dict(fields),
        }
    alert = AlertData.model_validate({**stated, **data})
    return render(alert, alert=ALERT, thread=THREAD, sequence=3, at=AT, base=BASE)


def fields_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an alert whose view lets everything through."""
    return {name: value for name, value in document.items() if name not in ENVELOPE}


def sample(name: str, change: str = "created", **changes: Any) -> bytes:
    """A stored alert of one of `SAMPLES`."""
    document = builders.understood(SAMPLES[name](**changes)).message.document()
    return stored(document["kind"], fields_of(document), change)


@st.composite
def any_fields(draw: st.DrawFn, kind: Kind, *, cut: bool) -> dict[str, Any]:
    """The fields of any message of a kind, whole or cut to any view."""
    fields = fields_of(as_fhir_holds_it(draw(messages(kind))))
    if not cut:
        return fields
    paths = sorted(set(_paths(fields)))
    return _kept(fields, "", draw(st.sets(st.sampled_from(paths)))) if paths else fields


def as_fhir_holds_it(message: Message) -> dict[str, Any]:
    """A message without what FHIR has no form for, and what a guard of the policy keeps back."""
    document: dict[str, Any] = _single_spaced(message.document())
    for body in (document.get("review"), document.get("referral", {}).get("service")):
        for score in (body or {}).get("asq3", {}).get("scores", ()):
            score.pop("items", None)
    return document


def strings(value: Any) -> Iterator[str]:
    """Every value in a document, as text."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif value is not None:
        yield str(value)


def event(body: bytes) -> dict[str, Any]:
    """A stored alert as a document."""
    found: dict[str, Any] = orjson.loads(body)
    return found


def _single_spaced(value: Any, name: str = "") -> Any:
    """FHIR has no code with two blanks in a row, and no system with any."""
    if isinstance(value, dict):
        return {name: _single_spaced(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_single_spaced(inner) for inner in value]
    blank = "" if name == "system" else " "
    return blank.join(value.split()) if isinstance(value, str) else value


def _paths(value: Any, at: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{at}.{name}"
            if not _is_coding(inner):  # nobody reads half of one
                yield from _paths(inner, f"{at}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, at)


def _is_coding(value: Any) -> bool:
    one = value[0] if isinstance(value, list) and value else value
    return isinstance(one, dict) and "code" in one and one.keys() <= {"system", "code", "display"}


def _kept(value: Any, at: str, paths: set[str]) -> Any:
    """Cut a document as a view does: what no path names, or leads to, is not there."""
    if at in paths or not isinstance(value, (dict, list)):
        return value
    if isinstance(value, list):
        return [kept for inner in value if (kept := _kept(inner, at, paths)) not in ({}, [])]
    kept = {
        name: _kept(inner, f"{at}.{name}", paths)
        for name, inner in value.items()
        if any(f"{path}.".startswith(f"{at}.{name}.") for path in paths)
    }
    return {name: inner for name, inner in kept.items() if inner not in ({}, [])}
