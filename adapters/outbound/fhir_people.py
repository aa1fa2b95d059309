"""The child, the people and organisations around it, and what was agreed, in FHIR R4."""

from __future__ import annotations

from uuid import UUID, uuid5

from adapters.inbound.fhir.convert import BASE, SYSTEMS
from adapters.outbound.fhir_objects import Json, extension
from adapters.outbound.stored import StoredAlert
from schemas.alert import AlertSender
from schemas.child import Child
from schemas.sharing import SharingStatement

UK_CORE = "https://fhir.hl7.org.uk/StructureDefinition"
HL7 = "http://terminology.hl7.org/CodeSystem"
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
MASKED: Json = {
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
            "valueCode": "masked",
        }
    ]
}
"""Stands where FHIR requires an element of which nothing may be said."""

_IDENTIFIERS = {
    "odsCode": SYSTEMS["ods"],
    "urn": SYSTEMS["urn"],
    "laCode": SYSTEMS["la"],
    "laestab": f"{BASE}/Id/laestab",
}

_CONSENT = {
    "given": ("active", "permit"),
    "refused": ("rejected", "deny"),
    "withdrawn": ("inactive", None),
    "not-asked": ("proposed", None),
}
"""Agreement to Consent.status and provision.type. A statement without any is a `draft`: nobody may
take it for consent."""


def own(name: str, code: str | None) -> Json:
    """Return a Coding of our own system `name`; nothing where there is no code."""
    return {"system": f"{BASE}/CodeSystem/{name}", "code": code} if code else {}


_RECIPIENT = {"coding": [{"system": f"{HL7}/v3-ParticipationType", "code": "IRCP"}]}
_NO_RULE = "Not stated"


class People:
    """The entries of one Bundle. Ids are derived from the alert's: the same alert, the same bytes."""

    def __init__(self, alert: StoredAlert) -> None:
        self.alert = alert
        self.entries: list[Json] = []
        self.subject: Json = MASKED

    def add(self, resource: Json) -> Json:
        """Put a resource into the Bundle and return a reference to it."""
        kind = resource["resourceType"]
        identity = self.alert.root if kind == "MessageHeader" else self.derived(kind)
        meta = {"profile": [f"{UK_CORE}/UKCore-{kind}"], **resource.pop("meta", {})}
        rest = dict(resource)
        resource.clear()  # stays the same object, which its caller goes on filling
        resource |= {"resourceType": kind, "id": str(identity), "meta": meta, **rest}
        self.entries.append({"fullUrl": f"urn:uuid:{identity}", "resource": resource})
        return {"reference": f"urn:uuid:{identity}"}

    def derived(self, kind: str) -> UUID:
        number = sum(entry["resource"]["resourceType"] == kind for entry in self.entries)
        return uuid5(self.alert.root, f"{kind}/{number}")

    def organisation(self, value: Json) -> Json:
        codes = [
            {"system": system, "value": value[name]}
            for name, system in _IDENTIFIERS.items()
            if name in value
        ]
        resource = {"resourceType": "Organization", "identifier": codes, "name": value.get("name")}
        resource["contact"] = [{"name": {"text": value.get("keyPerson")}}]
        return self.add(resource)

    def professional(self, sender: AlertSender, organisation: Json) -> Json:
        name = {"text": sender.professional}
        who = self.add({"resourceType": "Practitioner", "name": [name]})
        return self.add(
            {
                "resourceType": "PractitionerRole",
                "practitioner": who,
                "organization": organisation,
                "code": [{"text": sender.role}],
                "telecom": _telecom(sender.model_dump()),
            }
        )

    def child(self, child: Json) -> Json:
        patient: Json = {"resourceType": "Patient", "identifier": [], "extension": []}
        reference = self.add(patient)
        if "nhsNumber" in child:
            number: Json = {"system": NHS_NUMBER, "value": child.pop("nhsNumber")}
            status = child.pop("nhsNumberStatus", None)
            number["extension"] = [_number_status(status)] if status else []
            patient["identifier"].append(number)
        if "upn" in child:
            patient["identifier"].append({"system": f"{BASE}/Id/upn", "value": child.pop("upn")})
        name = {"given": child.pop("givenNames", None), "family": child.pop("familyName", None)}
        patient["name"] = [{"use": "official", **name}] if any(name.values()) else []
        patient["name"] += [{"use": "old", "text": one} for one in child.pop("formerNames", ())]
        patient["birthDate"] = child.pop("birthDate", None)
        patient["multipleBirthBoolean"] = child.pop("multipleBirth", None)
        patient["gender"] = child.pop("sex", None)
        if address := child.pop("address", None):
            patient["address"] = [
                {
                    "use": "home",
                    "line": address.get("lines"),
                    "city": address.get("town"),
                    "postalCode": address.get("postcode"),
                }
            ]
        if "generalPractice" in child:
            practice = {"odsCode": child.pop("generalPractice")}
            patient["generalPractitioner"] = [self.organisation(practice)]
        if setting := child.pop("setting", None):
            url = f"{BASE}/StructureDefinition/setting"
            reference_to = self.organisation(setting)
            patient["extension"].append({"url": url, "valueReference": reference_to})
        people = child.pop("responsiblePeople", ())
        patient["contact"] = [_contact(one) for one in people if _can_be_contact(one)]
        child["responsiblePeople"] = [one for one in people if not _can_be_contact(one)]
        patient["communication"] = []
        if "firstLanguage" in child:
            spoken = _language(child.pop("firstLanguage"))
            patient["communication"].append({"language": spoken, "preferred": True})
        if "interpreterLanguage" in child:
            url = f"{BASE}/StructureDefinition/interpreter-needed"
            patient["communication"].append(
                {
                    "extension": [{"url": url, "valueBoolean": True}],
                    "language": _language(child.pop("interpreterLanguage")),
                }
            )
        patient["extension"].append(extension("child", child, Child))
        return reference

    def consent(self, sharing: Json) -> None:
        """Write the sharing statement. Only an agreement that was given is an active Consent."""
        if not sharing:
            return
        agreement = sharing.get("agreement", {})
        status, kind = _CONSENT.get(agreement.get("status"), ("draft", None))
        on, by = None, None
        if status != "draft":  # else they say nothing of whose consent it is, and stay together
            agreement.pop("status")
            on, by = agreement.pop("on", None), agreement.pop("by", None)
        recipients, purposes = agreement.pop("recipients", ()), agreement.pop("purposes", ())
        provision = {
            "type": kind,
            "actor": [
                {"role": _RECIPIENT, "reference": {"identifier": _recipient(one)}}
                for one in recipients
            ],
            "purpose": [own("purpose", one) for one in purposes],
        }
        basis = self.alert.data.basis
        self.add(
            {
                "resourceType": "Consent",
                "status": status,
                "scope": {"coding": [{"system": f"{HL7}/consentscope", "code": "patient-privacy"}]},
                "category": [{"coding": [{"system": f"{HL7}/v3-ActCode", "code": "IDSCL"}]}],
                "patient": self.subject,
                "dateTime": on,
                "performer": [{"display": by}],
                "policyRule": {"text": basis.power if basis else _NO_RULE},
                "provision": provision,
                "extension": [extension("sharing-statement", sharing, SharingStatement)],
            }
        )


def _language(tag: str) -> Json:
    return {"coding": [{"system": "urn:ietf:bcp:47", "code": tag}]}


def _number_status(status: str) -> Json:
    system = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus"
    return {
        "url": f"{UK_CORE}/Extension-UKCore-NHSNumberVerificationStatus",
        "valueCodeableConcept": {"coding": [{"system": system, "code": status}]},
    }


def _can_be_contact(person: Json) -> bool:
    """FHIR pat-1: a contact has a name or a way to be reached."""
    return not {"name", "phone", "email"}.isdisjoint(person)


def _contact(person: Json) -> Json:
    extensions = [
        {"url": f"{BASE}/StructureDefinition/{name}", element: person[field]}
        for field, name, element in (
            ("parentalResponsibility", "parental-responsibility", "valueBoolean"),
            ("firstLanguage", "first-language", "valueCode"),
        )
        if field in person
    ]
    return {
        "extension": extensions,
        "relationship": [{"text": person.get("relationship")}],
        "name": {"text": person.get("name")},
        "telecom": _telecom(person),
    }


def _telecom(value: Json) -> list[Json]:
    kinds = ("phone", "email")
    return [{"system": kind, "value": value[kind]} for kind in kinds if value.get(kind)]


def _recipient(recipient: str) -> Json:
    system, _, code = recipient.partition(":")
    if system in SYSTEMS:
        return {"system": SYSTEMS[system], "value": code}
    return {"system": f"{BASE}/Id/recipient", "value": recipient}
