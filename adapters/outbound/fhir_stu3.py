"""An alert as a FHIR STU3 message on CareConnect profiles, for receivers that still need it.

The same content as the R4 message, element by element: what STU3 names otherwise is renamed, what
it lacks goes. A review with ASQ-3 scores is the national event Assessment Scales, which the inbound
STU3 table reads; for the rest no national event has the content, so the event is our own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from adapters.inbound.fhir import stu3
from adapters.inbound.fhir.convert import BASE
from adapters.outbound import fhir_r4
from adapters.outbound.fhir_objects import Json, without_empty
from adapters.outbound.fhir_xml import to_xml
from adapters.outbound.stored import StoredAlert, read

NHS = "https://fhir.nhs.uk/STU3"
CARE_CONNECT = "https://fhir.hl7.org.uk/STU3"
SCALES = {
    "system": f"{NHS}/CodeSystem/EventType-1",
    "code": "assessment-scales-1",
    "display": "Assessment Scales",
}
_PROFILES = {
    "MessageHeader": f"{NHS}/StructureDefinition/Event-MessageHeader-1",
    **{
        name: f"{CARE_CONNECT}/StructureDefinition/CareConnect-{name}-1"
        for name in (
            "Encounter",
            "Observation",
            "Organization",
            "Patient",
            "Practitioner",
            "PractitionerRole",
        )
    },
}
"""A resource of another type claims no profile."""


def render(body: bytes) -> bytes:
    """Render a stored alert as a Bundle of type message, in JSON."""
    return orjson.dumps(bundle(read(body)))


def render_xml(body: bytes) -> bytes:
    """Render the same Bundle in XML."""
    return to_xml(bundle(read(body)), "STU3")


def bundle(alert: StoredAlert) -> Json:
    """Return a stored alert as a Bundle of type message."""
    r4 = fhir_r4.bundle(alert)
    practitioners = {
        entry["fullUrl"]: entry["resource"]["practitioner"]
        for entry in r4["entry"]
        if entry["resource"]["resourceType"] == "PractitionerRole"
    }
    header, *others = (entry["resource"] for entry in r4["entry"])
    author = practitioners.get(header.get("author", {}).get("reference"))
    scales = any(_is_panel(resource) for resource in others)
    resources = [_header(header, r4["timestamp"], author, scales=scales)]
    for resource in others:
        change = _CHANGES.get(resource["resourceType"])
        resources.append(change(resource, header, author) if change else resource)
    for resource in resources:
        _claim(resource)
    entries = [
        {"fullUrl": entry["fullUrl"], "resource": resource}
        for entry, resource in zip(r4["entry"], resources, strict=True)
    ]
    return without_empty(  # type: ignore[no-any-return]
        {
            "resourceType": "Bundle",
            "id": r4["id"],
            "identifier": r4["identifier"],
            "type": "message",
            "entry": entries,
        }
    )


def _is_panel(resource: Json) -> bool:
    return resource["resourceType"] == "Observation" and bool(resource.get("hasMember"))


def _claim(resource: Json) -> None:
    """State the profile that a resource keeps, if it keeps one."""
    profile = _PROFILES.get(resource["resourceType"])
    ours = resource.get("event", {}).get("system") == f"{BASE}/CodeSystem/message-kind"
    resource["meta"]["profile"] = [profile] if profile and not ours else []


def _header(header: Json, timestamp: str, author: Json | None, *, scales: bool) -> Json:
    event = header.pop("eventCoding")
    is_scales = scales and event["code"] == "healthy-child-review"
    [action] = header.pop("reason")["coding"]
    system = f"{NHS}/CodeSystem/MessageEventType-1"
    header["extension"].insert(
        0,
        {
            "url": f"{NHS}/StructureDefinition/Extension-MessageEventType-1",
            "valueCodeableConcept": {"coding": [{"system": system, "code": action["code"]}]},
        },
    )
    sender = header.get("sender")
    return header | {
        "event": SCALES if is_scales else event,
        "timestamp": timestamp,
        "responsible": sender,
        "author": author,
    }


def _patient(patient: Json, _: Json, __: Json | None) -> Json:
    for identifier in patient.get("identifier", ()):
        for status in identifier.get("extension", ()):
            name = "CareConnect-NHSNumberVerificationStatus-1"
            [coding] = status["valueCodeableConcept"]["coding"]
            status["url"] = f"{CARE_CONNECT}/StructureDefinition/Extension-{name}"
            coding["system"] = f"{CARE_CONNECT}/CodeSystem/{name}"
            coding["code"] = _back("child.nhsNumberStatus")[coding["code"]]
    return patient


def _encounter(encounter: Json, header: Json, author: Json | None) -> Json:
    codes = _back("review.type")
    for concept in encounter.get("type", ()):
        [coding] = concept["coding"]
        if code := codes.get(coding["code"]):
            system = f"{NHS}/CodeSystem/DCH-ChildHealthEncounterType-1"
            concept["coding"] = [{"system": system, "code": code}]
    return encounter | {
        "participant": [{"individual": author}],
        "serviceProvider": header.get("sender"),
    }


def _observation(observation: Json, _: Json, author: Json | None) -> Json:
    members = observation.pop("hasMember", ())
    notes = observation.pop("note", ())
    interpretation = observation.pop("interpretation", ())
    return observation | {
        # As the profiles of Digital Child Health have it, whatever the base says of direction.
        "related": [{"type": "derived-from", "target": member} for member in members],
        "comment": next((note["text"] for note in notes), None),
        "interpretation": next(iter(interpretation), None),
        "performer": [author],
    }


def _report(report: Json, header: Json, _: Json | None) -> Json:
    return report | {"codedDiagnosis": report.pop("conclusionCode", None)}


def _referral(request: Json, header: Json, author: Json | None) -> Json:
    codes = [code for one in request.pop("category", ()) for code in one["coding"]]
    sender = header.get("sender")
    return request | {
        "resourceType": "ReferralRequest",
        "intent": "proposal",
        "type": {"coding": codes},
        "serviceRequested": [request.pop("code", None)],
        "specialty": request.pop("performerType", None),
        "requester": {"agent": author or sender, "onBehalfOf": sender} if sender else None,
    }


def _consent(consent: Json, _: Json, __: Json | None) -> Json:
    """Write a Consent; STU3 has no denial of the whole, so its status alone says it."""
    provision = consent.pop("provision", {})
    for name in ("scope", "policyRule"):
        consent.pop(name)
    return consent | {
        "consentingParty": consent.pop("performer", None),
        "actor": provision.get("actor"),
        "purpose": provision.get("purpose"),
        "policyRule": f"{BASE}/basis",
    }


_CHANGES: Mapping[str, Callable[[Json, Json, Json | None], Json]] = {
    "Consent": _consent,
    "DiagnosticReport": _report,
    "Encounter": _encounter,
    "Observation": _observation,
    "Patient": _patient,
    "ServiceRequest": _referral,
}


def _back(canonical: str) -> dict[Any, str]:
    """Return the inbound tables' translation of a code the other way round."""
    rows = [row for table in stu3.PROFILE.tables.values() for row in table]
    words = [row.words for row in rows if row.canonical == canonical and row.words]
    return {word: code for one in reversed(words) for code, word in one.items()}
