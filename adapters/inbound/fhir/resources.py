"""Checks a Bundle before it is read: its shape, its depth, and each resource by `fhir.resources`.

`fhir.resources` is a parser, not a validator: it takes a score sent as text, a second resource
under one fullUrl, a message without MessageHeader. What it lets through is checked here and by the
canonical model; what it refuses and must be borne (blanks round a code) is mended before it looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from adapters.errors import Fault, NotUnderstood
from adapters.fhir_definitions import class_of, elements, resource_class
from adapters.inbound.fhir.profile import Profile

DEPTH = 64
"""Levels of nesting that a message may have. Real ones have about fifteen."""

VALUES = 20_000
"""Values that a message may have. A review of forty scores has about five thousand; each costs the
library some ten microseconds, and far more where it is wrong."""

_TYPES = {"number": (int, float), "boolean": (bool,)}
_NAMES = {"number": "a number", "boolean": "true or false"}

_BLANKS = " \t\r\n\u00a0\u200b\ufeff"

_MUST_BE_UNDERSTOOD = ("modifierExtension", "implicitRules")
"""FHIR, "is modifier": who does not understand one must not go on reading."""


def tidy(bundle: dict[str, Any]) -> list[Fault]:
    """Trim every string and drop `fhir_comments`, in place; tell what must not be read past.

    Raises:
        NotUnderstood: nested deeper than `DEPTH`, or of more than `VALUES` values.
    """
    faults: list[Fault] = []
    if _tidy(bundle, "Bundle", faults, 1) > VALUES:
        detail = f"has more than {VALUES} values; a message is about one child"
        raise NotUnderstood((Fault("Bundle", detail, "too-large"),))
    return faults


def _tidy(value: Any, path: str, faults: list[Fault], depth: int) -> int:
    """Tidy a list or an object, and count the values in it."""
    if depth > DEPTH:
        raise NotUnderstood((Fault("Bundle", f"is nested deeper than {DEPTH}", "too-deep"),))
    if isinstance(value, dict):
        value.pop("fhir_comments", None)
    count = len(value)
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, str):
            value[key] = inner.strip(_BLANKS)
        elif isinstance(inner, (dict, list)):
            place = f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}"
            count += _tidy(inner, place, faults, depth + 1)
        if key in _MUST_BE_UNDERSTOOD and inner:
            detail = "changes the meaning of what it stands in, and is not understood"
            faults.append(Fault(f"{path}.{key}", detail, "not-supported"))
    return count


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
        raise NotUnderstood((Fault("Bundle.resourceType", detail, "not-supported"),))
    if bundle.get("type") != "message":
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
            shell["entry"].append({})
            continue
        shell["entry"].append({k: entry[k] for k in entry if k not in ("resource", "response")})
        resource = entry.get("resource")
        faults += _check_resource(profile, resource, f"{path}.resource")
        if not isinstance(resource, dict):
            continue
        kind = str(resource.get("resourceType"))
        only_one = kind == "MessageHeader" or kind in profile.only_one
        if only_one and seen.setdefault(kind, path) != path:
            detail = f"is a second {kind}; a message has one"
            faults.append(Fault(f"{path}.resource", detail, "not-supported"))
        faults += _id_used_twice(resource, f"{kind}/", f"{path}.resource", seen)
        contained = resource.get("contained", [])
        if not isinstance(contained, list):
            faults.append(Fault(f"{path}.resource.contained", "is not a list", "value"))
            continue
        inside: dict[str, str] = {}
        for place, inner in enumerate(contained):
            where = f"{path}.resource.contained[{place}]"
            faults += _check_resource(profile, inner, where)
            if isinstance(inner, dict):
                faults += _id_used_twice(inner, "#", where, inside)
                if "contained" in inner:
                    detail = "stands in what is contained itself, which FHIR does not allow"
                    faults.append(Fault(f"{where}.contained", detail, "unknown-property"))
    return faults + _validate(profile, resource_class(profile.version, "Bundle"), shell, "Bundle")


def _id_used_twice(
    resource: dict[str, Any], prefix: str, path: str, seen: dict[str, str]
) -> list[Fault]:
    """Tell an id under which an earlier resource is found too: a reference to it would be a guess."""
    identity = resource.get("id")
    if not isinstance(identity, str) or seen.setdefault(prefix + identity, path) == path:
        return []
    return [Fault(f"{path}.id", "is the id of an earlier resource too; each has its own", "value")]


def _check_resource(profile: Profile, resource: Any, path: str) -> list[Fault]:
    if not isinstance(resource, dict):
        return [Fault(path, "is missing, or not an object", "required")]
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or kind not in profile.types:
        detail = f"is not a resource of this message; it takes {', '.join(profile.types)}"
        return [Fault(f"{path}.resourceType", detail, "not-supported")]
    alone = {key: value for key, value in resource.items() if key != "contained"}
    return _validate(profile, resource_class(profile.version, kind), alone, path)


def _validate(profile: Profile, model: Any, value: dict[str, Any], path: str) -> list[Fault]:
    """Check a resource by the library, and what the library lets through."""
    ours = list(_lenient(model, value, path))
    places = {fault.pointer for fault in ours}
    theirs = _library(profile, model, value, path)
    return ours + [fault for fault in theirs if fault.pointer not in places]


def _lenient(model: Any, value: dict[str, Any], path: str) -> Iterator[Fault]:
    """Find numbers and truth values of another JSON type, and codes that a closed list lacks."""
    known = elements(model)
    for name, stated in value.items():
        element = known.get(name)
        if element is None or (element.kind == "text" and not element.codes):
            continue
        place = f"{path}.{name}"
        items = enumerate(stated) if isinstance(stated, list) else ((None, stated),)
        for index, one in items:
            where = place if index is None else f"{place}[{index}]"
            if isinstance(one, dict):
                if element.kind == "object":
                    yield from _lenient(class_of(element), one, where)
            elif element.kind in _TYPES:
                if one is not None and type(one) not in _TYPES[element.kind]:
                    yield Fault(
                        where, f"is not {_NAMES[element.kind]}, or is text in quotes", "value"
                    )
            elif element.codes and isinstance(one, str) and one not in element.codes:
                listed = ", ".join(f"`{code}`" for code in sorted(element.codes))
                yield Fault(where, f"is not one of {listed}", "value")


def _library(profile: Profile, model: Any, value: dict[str, Any], path: str) -> list[Fault]:
    try:
        model.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return [_fault(profile, detail, value, path) for detail in details]
    except (TypeError, AttributeError, LookupError, ArithmeticError):
        # The library itself stumbles over some wrong types, such as a url that is an object.
        return [Fault(path, "holds a value of a type that FHIR does not have there", "value")]
    return []


def _fault(profile: Profile, detail: Any, value: Any, path: str) -> Fault:
    """Turn one of the library's errors into a fault with its FHIRPath. No value is quoted."""
    error, place = detail["type"], detail["loc"]
    missing = error.endswith("missing")
    for index, part in enumerate(place):
        # The library puts names of its own among the places; they lead nowhere.
        if isinstance(value, list) and isinstance(part, int):
            path, value = f"{path}[{part}]", value[part]
        elif isinstance(value, dict) and part in value:
            path, value = f"{path}.{part}", value[part]
        elif missing and index == len(place) - 1:
            path = f"{path}.{part}"
    if missing:
        return Fault(path, "is missing", "required")
    if error == "extra_forbidden":
        detail = f"is not an element that FHIR {profile.version} has here"
        return Fault(path, detail, "unknown-property")
    if error == "value_error":
        return Fault(path, detail["msg"].removeprefix("Value error, "), "value")
    sentence = _SENTENCES.get(error.partition("_")[0], "is not of the type that FHIR has here")
    return Fault(path, sentence, "value")


_SENTENCES = {
    "string": "is not a string in the form that FHIR asks for",
    "bool": "is not true or false",
    "int": "is not a whole number",
    "decimal": "is not a number",
    "list": "is not a list of such elements",
    "date": "is not a date; write YYYY-MM-DD (or YYYY-MM, YYYY where unknown)",
    "datetime": "is not an instant; write YYYY-MM-DDThh:mm:ss+00:00",
}
"""What the library's errors mean to a sender, by the first word of their type."""
