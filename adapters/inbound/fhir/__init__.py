"""FHIR messages, STU3 and R4, by tables of paths.

A message costs one parse of its bytes, one look of `fhir.resources` at each resource, and one
validation of the canonical document.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import orjson
from pydantic import ValidationError

from adapters.errors import Fault, NotUnderstood, NotWellFormed, Refused
from adapters.fhir_definitions import class_of, elements, resource_class
from adapters.inbound import doubled
from adapters.inbound.fhir import bars, r4, stu3, xml
from adapters.inbound.fhir.envelope import Envelope, envelope_of
from adapters.inbound.fhir.profile import Event, Profile
from adapters.inbound.fhir.reading import Reading
from adapters.inbound.fhir.resources import check, header_of, tidy
from adapters.inbound.json import faults as json_faults
from adapters.inbound.parsed import Parsed
from schemas.codes import CodeTables
from schemas.message import MESSAGE, UNCLOCKED, Message
from schemas.receipt import Question

PROFILES = (stu3.PROFILE, bars.PROFILE, r4.PROFILE)


def load() -> None:
    """Load the classes of all resources and of what they hold, before the first message needs them."""
    for profile in PROFILES:
        for name in ("Bundle", *profile.types):
            for element in elements(resource_class(profile.version, name)).values():
                if element.kind == "object":
                    class_of(element)


def parse(body: bytes, tables: CodeTables) -> Parsed:
    """Parse one FHIR message: a Bundle of type message, its version told by its MessageHeader.

    Raises:
        NotWellFormed: the bytes are not JSON, with line and column.
        NotUnderstood: with every fault, each with its FHIRPath.
    """
    body = body.removeprefix(BOM_UTF8)
    bundle = _load(body)
    return _parse(bundle, _twice(body), tables)


def parse_xml(body: bytes, tables: CodeTables) -> Parsed:
    """Parse the same as XML.

    Raises:
        NotWellFormed: the bytes are not XML, with line and column.
        NotUnderstood: with every fault, each with its FHIRPath; also XML that is hostile.
    """
    return _parse(*xml.read(body, PROFILES), tables)


def _parse(bundle: dict[str, Any], faults: list[Fault], tables: CodeTables) -> Parsed:
    faults += tidy(bundle)
    profile, event = _event(header_of(bundle))
    faults += check(profile, bundle)
    reading = Reading(profile, event, bundle, tables)
    message, ours = _message(reading)
    ours = [*reading.faults, *ours]
    # Where both find a fault, ours says what would be right.
    places = {fault.pointer for fault in ours}
    faults = list(dict.fromkeys([*ours, *(f for f in faults if f.pointer not in places)]))
    if message is None or faults:
        raise NotUnderstood(tuple(faults))
    unmapped = tuple(dict.fromkeys(reading.codings.values()))
    notes = tuple(dict.fromkeys((*reading.notes, *_questions(message))))
    return Parsed(
        message=message,
        event=event.code,
        unmapped=unmapped,
        notes=notes,
        states_sharing=profile.states_sharing,
    )


def envelope(body: bytes, media_type: str) -> Envelope:
    """Look at a message of a media type of `LOADERS` without checking it. Never raises."""
    try:
        return envelope_of(LOADERS[media_type](body), PROFILES)
    except Refused:
        return Envelope()


def _load(body: bytes) -> dict[str, Any]:
    try:
        bundle = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "depth" in error.msg or "ecursion" in error.msg:
            raise NotUnderstood((Fault("Bundle", "is nested too deeply", "too-deep"),)) from None
        raise NotWellFormed(f"This is not JSON: {error.msg}", error.lineno, error.colno) from None
    if not isinstance(bundle, dict):
        raise NotUnderstood((Fault("Bundle", "is not an object", "value"),))
    return bundle


def _twice(body: bytes) -> list[Fault]:
    paths = (
        "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
        for place in doubled.sent_twice(body)
    )
    return [Fault(f"Bundle{path}", doubled.DETAIL, doubled.CODE) for path in paths]


LOADERS: Mapping[str, Callable[[bytes], dict[str, Any]]] = {
    "application/fhir+json": lambda body: _load(body.removeprefix(BOM_UTF8)),
    "application/fhir+xml": lambda body: xml.read(body, PROFILES)[0],
}
"""Media type to what makes a Bundle of the bytes, or raises `Refused`."""


def _event(header: dict[str, Any]) -> tuple[Profile, Event]:
    """Choose the profile by the element that holds the event: STU3 `event`, R4 `eventCoding`.

    Of two that have one element by the event's code system.
    """
    for profile in PROFILES:
        coding = header.get(profile.event_element)
        if coding is not None and profile.has(coding):
            code = coding.get("code") if isinstance(coding, dict) else None
            if isinstance(code, str) and code in profile.events:
                return profile, profile.events[code]
            place = f"Bundle.entry[0].resource.{profile.event_element}.code"
            taken = "; in ".join(
                f"{_name(one)} it is one of {_words(one)}"
                for one in PROFILES
                if one is profile or (one.is_told_by_system and not profile.is_told_by_system)
                if one.event_element == profile.event_element
            )
            detail = f"is not an event that is taken; in {taken}"
            raise NotUnderstood((Fault(place, detail, "not-supported"),))
    detail = "says no event; send " + " or ".join(
        f"`{profile.event_element}` ({_name(profile)}: {_words(profile)})" for profile in PROFILES
    )
    raise NotUnderstood((Fault("Bundle.entry[0].resource", detail, "not-supported"),))


def _name(profile: Profile) -> str:
    of_system = f" ({profile.event_systems['']})" if profile.is_told_by_system else ""
    return (profile.name or profile.version) + of_system


def _words(profile: Profile) -> str:
    return ", ".join(f"`{code}`" for code in profile.events)


def _message(reading: Reading) -> tuple[Message | None, list[Fault]]:
    """Validate the canonical document once; tell its errors where they stand in the Bundle."""
    document, clock = orjson.dumps(reading.document), reading.profile.clock
    try:
        context = None if clock else UNCLOCKED
        message = MESSAGE.validate_json(
            document, strict=True, by_alias=True, by_name=False, context=context
        )
        return message, []
    except ValidationError as error:
        found = json_faults(error, reading.document, clock=clock)
        # A code that was refused leaves nothing behind: that its property is missing is an echo.
        echo = {f for f in found if f.code == "required" and f.pointer in reading.origins}
        return None, [_fault(reading, fault) for fault in found if fault not in echo]


def _questions(message: Message) -> Iterator[Question]:
    """Ask of a day after `sent`, where the standard's own messages have such headers."""
    for name, words in (("review", "The day of the encounter"), ("referral", "The referral's day")):
        body = getattr(message, name, None)
        if body and body.date > message.sent.date() + timedelta(days=1):
            detail = "lies after the time at which the header says that it was sent. Is it right?"
            yield Question(pointer=f"/{name}/date", detail=f"{words} {detail}")


def _fault(reading: Reading, fault: Fault) -> Fault:
    pointer, detail = fault.pointer, fault.detail
    if fault.code in ("required", "body-missing"):
        pointer = pointer if fault.code == "required" else reading.body
        name = ".".join(part for part in pointer.split("/")[1:] if not part.isdigit())
        read_from = reading.read_from(name)
        detail = f"lacks `{name}`" + (f", which is read from {read_from}" if read_from else "")
    return Fault(reading.path_of(pointer), detail, fault.code)
