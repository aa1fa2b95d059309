"""Checks a Bundle before it is read: its shape, its depth, and each resource by `fhir.resources`.

`fhir.resources` is a parser, not a validator: it takes a score sent as text, a second resource
under one fullUrl, a message without MessageHeader. What it lets through is checked here and by the
canonical model; what it refuses and must be borne (blanks round a code) is mended before it looks.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from adapters.errors import Fault, NotUnderstood
from adapters.inbound.fhir.profile import Profile
from adapters.inbound.json import fault as json_fault

DEPTH = 64
"""Levels of nesting that a message may have. Real ones have about fifteen."""

_BLANKS = " \t\r\n\u00a0\u200b\ufeff"

_MUST_BE_UNDERSTOOD = ("modifierExtension", "implicitRules")
"""FHIR, "is modifier": who does not understand one must not go on reading."""


def tidy(value: Any, path: str, faults: list[Fault], depth: int = 1) -> None:
    """Trim every string and drop `fhir_comments`, in place.

    Raises:
        NotUnderstood: nested deeper than `DEPTH`.
    """
    if depth > DEPTH:
        raise NotUnderstood((Fault("Bundle", f"is nested deeper than {DEPTH}", "too-deep"),))
    if isinstance(value, dict):
        value.pop("fhir_comments", None)
        for key, inner in value.items():
            if isinstance(inner, str):
                value[key] = inner.strip(_BLANKS)
            elif isinstance(inner, (dict, list)):
                tidy(inner, f"{path}.{key}", faults, depth + 1)
            if key in _MUST_BE_UNDERSTOOD and inner:
                detail = "changes the meaning of what it stands in, and is not understood"
                faults.append(Fault(f"{path}.{key}", detail, "not-supported"))
        return
    for index, inner in enumerate(value):
        if isinstance(inner, str):
            value[index] = inner.strip(_BLANKS)
        elif isinstance(inner, (dict, list)):
            tidy(inner, f"{path}[{index}]", faults, depth + 1)


def header_of(bundle: dict[str, Any]) -> dict[str, Any]:
    """Return the MessageHeader of a message.

    Raises:
        NotUnderstood: this is no Bundle of type message that begins with one.
    """
    entries = bundle.get("entry")
    first = entries[0] if isinstance(entries, list) and entries else None
    header = first.get("resource") if isinstance(first, dict) else None
    faults = []
    if bundle.get("resourceType") != "Bundle":
        detail = "is not `Bundle`; a message is a Bundle of type message"
        faults.append(Fault("Bundle.resourceType", detail, "not-supported"))
    elif bundle.get("type") != "message":
        faults.append(Fault("Bundle.type", "is not `message`", "not-supported"))
    if not isinstance(header, dict) or header.get("resourceType") != "MessageHeader":
        detail = "is not a MessageHeader; a message begins with one"
        faults.append(Fault("Bundle.entry[0].resource", detail, "required"))
    if faults or not isinstance(header, dict):
        raise NotUnderstood(tuple(faults))
    return header


def check(profile: Profile, bundle: dict[str, Any]) -> list[Fault]:
    """Check the Bundle and each of its resources, contained ones too."""
    faults: list[Fault] = []
    shell = {**bundle, "entry": []}
    seen: dict[str, str] = {}
    for index, entry in enumerate(bundle["entry"]):
        path = f"Bundle.entry[{index}]"
        if not isinstance(entry, dict):
            faults.append(Fault(path, "is not an object", "value"))
            continue
        shell["entry"].append({k: entry[k] for k in entry if k not in ("resource", "response")})
        resource = entry.get("resource")
        faults += _check_resource(profile, resource, f"{path}.resource")
        if not isinstance(resource, dict):
            continue
        kind = resource.get("resourceType")
        if kind in profile.only_one and seen.setdefault(kind, path) != path:
            detail = f"is a second {kind}; a message has one"
            faults.append(Fault(f"{path}.resource", detail, "not-supported"))
        contained = resource.get("contained")
        for place, inner in enumerate(contained if isinstance(contained, list) else ()):
            faults += _check_resource(profile, inner, f"{path}.resource.contained[{place}]")
    return faults + _validate(profile, profile.bundle, shell, "Bundle")


def _check_resource(profile: Profile, resource: Any, path: str) -> list[Fault]:
    if not isinstance(resource, dict):
        return [Fault(path, "is missing, or not an object", "required")]
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or kind not in profile.classes:
        detail = f"is not a resource of this message; it takes {', '.join(profile.classes)}"
        return [Fault(f"{path}.resourceType", detail, "not-supported")]
    alone = {key: value for key, value in resource.items() if key != "contained"}
    return _validate(profile, profile.classes[kind], alone, path)


def _validate(profile: Profile, model: Any, value: dict[str, Any], path: str) -> list[Fault]:
    try:
        model.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return [_fault(profile, detail, value, path) for detail in details]
    return []


def _fault(profile: Profile, detail: Any, value: Any, path: str) -> Fault:
    """Turn one of the library's errors into a fault with its FHIRPath."""
    *above, last = detail["loc"] or ("",)
    for part in above:
        # The library puts names of its validators among the places; they lead nowhere.
        if isinstance(part, int) and isinstance(value, list):
            path, value = f"{path}[{part}]", value[part]
        elif isinstance(value, dict) and part in value:
            path, value = f"{path}.{part}", value[part]
    if isinstance(last, int):
        path += f"[{last}]"
    elif isinstance(value, dict) and last:
        path += f".{last}"
    if detail["type"] == "extra_forbidden":
        sentence = f"is not an element that FHIR {profile.version} has here"
        return Fault(path, sentence, "unknown-property")
    if detail["type"].endswith("missing"):
        return Fault(path, "is missing", "required")
    return Fault(path, json_fault(detail).detail.removeprefix("Value error, "), "value")
