"""The Booking and Referral Standard: a referral, its update, its end, and what is no referral."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.builders import corpus
from tests.unit.adapters.fhir_reading import example, faults, place, read, resource

BARS = {
    "standard": "Booking and Referral Standard R4",
    "event": "servicerequest-request",
    "format": "JSON",
    "direction": "in",
}
EVENTS = "https://fhir.nhs.uk/CodeSystem/message-events-bars"
CATEGORIES = "https://fhir.nhs.uk/CodeSystem/message-category-servicerequest"
SAFEGUARDING = "https://fhir.nhs.uk/CodeSystem/safeguarding-codes-bars"
STATEMENT = "https://fhir.gateway.example/StructureDefinition/sharing-statement"
DOS = "https://fhir.nhs.uk/id/dos-service-id"


@pytest.fixture
def bundle() -> Any:
    return example("bars/servicerequest-request.json")


def reason(code: str) -> dict[str, Any]:
    system = "https://fhir.nhs.uk/CodeSystem/message-reason-bars"
    return {"coding": [{"system": system, "code": code}]}


@pytest.mark.conforms(**BARS, outcome="taken")
def test_a_referral_says_who_asks_whom_for_which_child_and_why(bundle: Any) -> None:
    parsed = read(bundle)
    message = parsed.message
    assert (parsed.event, message.kind, message.action) == (
        "servicerequest-request",
        "referral",
        "new",
    )
    assert (message.source.key, message.professional.name) == ("ods:RXA", "Helen Marsh")
    assert (message.child.nhs_number, message.child.general_practice) == ("9990007004", "N81992")
    referral = message.referral
    assert (referral.identifier, referral.type, str(referral.date)) == (
        "R-4688",
        "service",
        "2026-11-20",
    )
    assert referral.service.to == "speech-and-language-therapy"
    assert (referral.service.reason.code, referral.service.urgency) == ("62", "routine")
    assert parsed.unmapped == ()


@pytest.mark.parametrize(
    ("status", "why", "action", "retract_reason"),
    [
        ("active", "new", "new", None),
        ("active", "update", "update", None),
        pytest.param("revoked", "update", "retract", "cancelled", id="revoked"),
        ("entered-in-error", "update", "retract", "entered-in-error"),
    ],
)
@pytest.mark.conforms(**BARS, outcome="taken")
def test_status_and_reason_say_what_becomes_of_the_referral(
    bundle: Any, status: str, why: str, action: str, retract_reason: str | None
) -> None:
    before = read(bundle).message.referral.identifier
    resource(bundle, "ServiceRequest")["status"] = status
    resource(bundle, "MessageHeader")["reason"] = reason(why)
    message = read(bundle).message
    assert (message.action, message.retract_reason) == (action, retract_reason)
    assert message.referral.identifier == before, "the record is the same"


def test_without_an_identifier_the_record_is_named_by_what_later_messages_keep(bundle: Any) -> None:
    del resource(bundle, "ServiceRequest")["identifier"]
    assert read(bundle).message.referral.identifier == bundle["id"]
    resource(bundle, "ServiceRequest")["id"] = "from-the-answer"
    assert read(bundle).message.referral.identifier == "from-the-answer"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"system": EVENTS, "code": "booking-request"}, "`servicerequest-request`"),
        ({"system": EVENTS, "code": "servicerequest-response"}, "`servicerequest-request`"),
        ({"system": EVENTS, "code": "referral"}, "`servicerequest-request`"),
        ({"system": "urn:other", "code": "servicerequest-request"}, EVENTS),
        ({"code": "servicerequest-request"}, EVENTS),
    ],
)
@pytest.mark.conforms(**BARS, outcome="refused")
def test_any_other_event_is_refused_by_name(bundle: Any, event: Any, words: str) -> None:
    resource(bundle, "MessageHeader")["eventCoding"] = event
    [(path, (code, detail))] = faults(bundle).items()
    assert (path, code) == ("Bundle.entry[0].resource.eventCoding.code", "not-supported")
    assert words in detail


def change(kind: str, **fields: Any) -> Any:
    def make(bundle: Any) -> str:
        resource(bundle, kind).update(fields)
        return place(bundle, kind)

    return make


def a_flag(bundle: Any) -> str:
    code = {"coding": [{"system": SAFEGUARDING, "code": "any"}]}
    subject = {"reference": bundle["entry"][2]["fullUrl"]}
    flag = {"resourceType": "Flag", "status": "active", "code": code, "subject": subject}
    bundle["entry"].append({"fullUrl": "urn:uuid:f1a6", "resource": flag})
    return place(bundle, "Flag")


def no_reason(bundle: Any) -> str:
    del resource(bundle, "MessageHeader")["reason"]
    return "Bundle"


@pytest.mark.parametrize(
    ("make", "below", "code", "words"),
    [
        (
            change(
                "ServiceRequest",
                category=[{"coding": [{"system": CATEGORIES, "code": "validation"}]}],
            ),
            ".category[0].coding[0]",
            "value",
            "`referral`",
        ),
        (change("ServiceRequest", status="completed"), ".status", "not-supported", "`revoked`"),
        (change("MessageHeader", reason=reason("sent")), ".reason.coding[0]", "value", "`update`"),
        (no_reason, "", "required", "`update`"),
        (a_flag, ".code.coding[0]", "not-supported", "telephone the front door"),
        (change("MessageHeader", focus=[]), "", "required", ""),
    ],
    ids=["validation", "completed", "reason", "no-reason", "safeguarding-flag", "no-focus"],
)
@pytest.mark.conforms(**BARS, outcome="refused")
def test_what_is_no_referral_is_refused_with_its_place(
    bundle: Any, make: Any, below: str, code: str, words: str
) -> None:
    path = make(bundle)
    found = faults(bundle)
    where = path + below if path + below in found else "Bundle"
    assert found[where][0] == code
    assert words in found[where][1]


@pytest.mark.parametrize(
    ("service", "to", "unmapped"),
    [
        ({"type": [{"coding": [{"code": "840"}]}]}, "audiology", []),
        ({"type": [{"coding": [{"system": "urn:x", "code": "7"}]}]}, "2000099991", ["7"]),
        ({"specialty": [{"coding": [{"code": "652"}]}]}, "speech-and-language-therapy", []),
        ({"identifier": [], "name": "Portage"}, "Portage", []),
    ],
)
def test_whom_a_referral_asks_is_read_and_never_guessed(
    bundle: Any, service: Any, to: str, unmapped: list[str]
) -> None:
    asked = resource(bundle, "HealthcareService")
    del asked["type"]
    asked.update(service)
    parsed = read(bundle)
    assert parsed.message.referral.service.to == to
    assert [coding.code for coding in parsed.unmapped] == unmapped


def test_consent_to_direct_care_agrees_to_nothing_and_a_statement_to_what_it_says(
    bundle: Any,
) -> None:
    assert read(bundle).message.sharing.agreement is None
    consent = resource(bundle, "Consent")
    consent["provision"] = {"type": "permit", "purpose": [{"code": "support-in-setting"}]}
    agreement = read(bundle).message.sharing.agreement
    assert (agreement.status, agreement.purposes) == ("given", ("support-in-setting",))
    del consent["provision"]
    restricted = {"url": "restricted", "valueBoolean": True}
    consent["extension"] = [{"url": STATEMENT, "extension": [restricted]}]
    assert read(bundle).message.sharing.restricted


@pytest.mark.conforms(
    **BARS, outcome="taken", real="bars-r4/ValidationRequest.json, its category made referral"
)
def test_a_published_message_is_read_once_it_is_a_referral() -> None:
    path = corpus("bars-r4/ValidationRequest.json")
    if not path.is_file():
        pytest.skip("no published messages here")
    bundle = json.loads(path.read_text(encoding="utf-8"))
    request = resource(bundle, "ServiceRequest")
    assert faults(bundle)[place(bundle, "ServiceRequest") + ".category[0].coding[0]"][0] == "value"
    request["category"][0]["coding"][0]["code"] = "referral"
    request["authoredOn"] = "2021-11-26T15:00:00+00:00"
    resource(bundle, "Patient")["identifier"][0]["value"] = "9990001006"
    message = read(bundle).message
    assert (message.source.key, message.child.general_practice) == ("ods:RND", "G82080")
    assert message.referral.service.to == "111111111"
    assert message.sharing.agreement is None
