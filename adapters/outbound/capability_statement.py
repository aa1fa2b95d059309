"""What the FHIR endpoint takes, as a CapabilityStatement: written from the profiles that read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from adapters.inbound.fhir.profile import Event, Profile
from adapters.outbound.stored import NAME

FHIR_VERSIONS = {"STU3": "3.0.2", "R4": "4.0.1"}
_TRANSPORTS = {
    "STU3": "http://hl7.org/fhir/message-transport",
    "R4": "http://terminology.hl7.org/CodeSystem/message-transport",
}
_DOCUMENTATION = (
    "POST a Bundle of type message to $process-message. No resource can be read or written."
)
_SECURITY = "A bearer key from the gateway's operator, in the header Authorization."


def capability_statement(
    version: str,
    profiles: Iterable[Profile],
    formats: Iterable[str],
    *,
    url: str,
    software: str,
    since: datetime,
) -> dict[str, Any]:
    """Describe what is taken in one FHIR version, in that version.

    version: `STU3` or `R4`. formats: media types. url: the address of /fhir. software: its version.
    since: when what is described began to hold. R4 has no events of its own: each message that is
    taken is a contained MessageDefinition.
    """
    own = [profile for profile in profiles if profile.version == version]
    endpoint = {
        "protocol": {"system": _TRANSPORTS[version], "code": "http"},
        "address": f"{url}/$process-message",
    }
    messaging: dict[str, Any] = {"endpoint": [endpoint], "documentation": _DOCUMENTATION}
    operation: dict[str, Any] = {"name": "process-message"}
    definition = "http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message"
    statement: dict[str, Any] = {
        "resourceType": "CapabilityStatement",
        "url": f"{url}/metadata",
        "name": NAME.replace(" ", ""),
        "title": NAME,
        "status": "active",
        "date": since.isoformat(),
        "kind": "instance",
        "software": {"name": NAME, "version": software},
        "implementation": {"description": NAME, "url": url},
        "fhirVersion": FHIR_VERSIONS[version],
        "format": list(formats),
    }
    if version == "STU3":
        statement["acceptUnknown"] = "extensions"
        messaging["event"] = [
            {
                "code": {"system": system, "code": code},
                "mode": "receiver",
                "focus": foci[0],
                "request": {"display": f"Bundle of type message, event {code}"},
                "response": {"display": "Bundle of type message with MessageHeader.response"},
            }
            for _, system, code, foci in _events(own)
        ]
        operation["definition"] = {"reference": definition}
    else:
        statement["contained"] = [
            {
                "resourceType": "MessageDefinition",
                "id": f"message-{code}",
                "status": "active",
                "date": since.isoformat(),
                "eventCoding": {"system": system, "code": code},
                "focus": [
                    {"code": focus, "min": int(len(foci) == 1), "max": "1"} for focus in foci
                ],
                **({"description": profile.name} if profile.name else {}),
            }
            for profile, system, code, foci in _events(own)
        ]
        messaging["supportedMessage"] = [
            {"mode": "receiver", "definition": f"#{one['id']}"} for one in statement["contained"]
        ]
        operation["definition"] = definition
    rest = {"mode": "server", "security": {"description": _SECURITY}, "operation": [operation]}
    return {**statement, "rest": [rest], "messaging": [messaging]}


def _events(profiles: Iterable[Profile]) -> Iterator[tuple[Profile, str, str, list[str]]]:
    """Yield each event as it is sent: its profile, code system, code, and the types of its focus."""
    for profile in profiles:
        for code, event in profile.events.items():
            systems = (s for start, s in profile.event_systems.items() if code.startswith(start))
            yield profile, next(systems), code, _foci(profile, event)


def _foci(profile: Profile, event: Event) -> list[str]:
    """Return the resource types to which the focus of an event may lead, by the tables' own rows."""
    rows = (
        row.fhir
        for table in event.tables
        for row in profile.tables[table]
        if row.canonical == "%focus"
    )
    return list(dict.fromkeys(re.findall(r"ofType\((\w+)\)", " ".join(rows)))) or ["Bundle"]
