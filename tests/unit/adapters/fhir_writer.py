"""Writes a canonical document as the R4 Bundle that docs/fhir-profiles.md describes.

The way back of adapters.inbound.fhir, for tests: what it writes must read as what it was.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from adapters.outbound.fhir_objects import extension, items, without_empty
from schemas.fields import MODELS, properties
from schemas.message import BODY
from schemas.review import Asq3
from schemas.sen_support import SenSupportNotice

Json = dict[str, Any]

BASE = "https://fhir.gateway.example"
UK_CORE = "https://fhir.hl7.org.uk/StructureDefinition"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
SNOMED = "http://snomed.info/sct"
IDENTIFIERS = {
    "odsCode": ODS,
    "urn": f"{BASE}/Id/urn",
    "laCode": f"{BASE}/Id/la-code",
    "laestab": f"{BASE}/Id/laestab",
}
KEYS = {"ods": "odsCode", "urn": "urn", "la": "laCode"}
SKILLS = {
    "achieved": "1094981000000100",
    "not-achieved": "1093061000000108",
    "unable-to-assess": "1093081000000104",
}
PANEL = {"system": SNOMED, "code": "716619000"}


def uuid(number: int) -> str:
    return f"urn:uuid:00000000-0000-4000-8000-{number:012d}"


def asq3_items(asq3: Json) -> list[Json]:
    """Write an ASQ-3 as items, its six answers to a domain by their places."""
    answers = [score.pop("items", ()) for score in asq3["scores"]]
    written = items(asq3, Asq3)
    scores = [item["item"] for item in written if item["linkId"] == "scores"]
    for score, given in zip(scores, answers, strict=True):
        places = [
            {"linkId": str(place), "answer": [{"valueCoding": {"code": answer}}]}
            for place, answer in enumerate(given, start=1)
            if answer
        ]
        score += [{"linkId": "items", "item": places}] if places else []
    return written


class Writer:
    """One Bundle being written."""

    def __init__(self, document: Json) -> None:
        self.rest = copy.deepcopy(document)
        self.kind = self.rest.pop("kind")
        self.model = MODELS[self.kind]
        self.body = self.rest.pop(BODY[self.kind], None)
        self.entries: list[Json] = []
        self.subject = {"reference": uuid(2)}

    def bundle(self) -> Json:
        rest = self.rest
        header: Json = {"resourceType": "MessageHeader"}
        identifier = None
        if re.fullmatch(r"[A-Za-z0-9.-]{1,64}", rest["id"]):
            header["id"] = rest.pop("id")
        else:
            identifier = {"system": "https://sender.example/Id", "value": rest.pop("id")}
        self.add(header, "https://sender.example/fhir/MessageHeader/1")
        header["eventCoding"] = {"system": f"{BASE}/CodeSystem/message-kind", "code": self.kind}
        header["source"] = {"endpoint": "https://sender.example/fhir"}
        header["sender"] = self.organisation(rest.pop("source"))
        if "sequence" in rest:
            header["meta"] = {"versionId": str(rest.pop("sequence"))}
        reason = rest.pop("action", "new")
        reason = rest.pop("retractReason", reason)
        header["reason"] = {"coding": [{"code": reason}]}
        header["extension"] = []
        if "record" in rest:
            url = f"{BASE}/StructureDefinition/record"
            header["extension"].append({"url": url, "valueString": rest.pop("record")})
        if "alreadyNotified" in rest:
            told = rest.pop("alreadyNotified")
            header["extension"].append(self.ours("already-notified", told, "alreadyNotified"))
        if "professional" in rest:
            header["author"] = self.professional(rest.pop("professional"))
        self.child(rest.pop("child", {}))
        if self.body is not None:
            focus = getattr(self, BODY[self.kind])(self.body)
            focus["extension"] = [
                *focus.get("extension", []),
                *(
                    self.ours("conclusion", one, "conclusions")
                    for one in rest.pop("conclusions", ())
                ),
            ]
            header["focus"] = [self.add(focus)]
        if "sharing" in rest:
            self.consent(rest.pop("sharing"))
        sent = rest.pop("sent")
        assert not rest, f"not written: {rest}"
        return without_empty(  # type: ignore[no-any-return]
            {
                "resourceType": "Bundle",
                "type": "message",
                "identifier": identifier,
                "timestamp": sent,
                "entry": self.entries,
            }
        )

    def add(self, resource: Json, full_url: str | None = None) -> Json:
        """Put a resource into the Bundle and return a reference to it."""
        full_url = full_url or uuid(len(self.entries) + 100)
        self.entries.append({"fullUrl": full_url, "resource": resource})
        return {"reference": full_url}

    def ours(self, url: str, value: Json, *path: str) -> Json:
        """Write an object that stands at `path` of the message as our extension `url`."""
        model: Any = self.model
        for name in path:
            model = properties(model)[name]
        return extension(url, value, model)

    def organisation(self, value: Json) -> Json:
        codes = [
            {"system": system, "value": value[name]}
            for name, system in IDENTIFIERS.items()
            if name in value
        ]
        resource = {"resourceType": "Organization", "identifier": codes, "name": value.get("name")}
        if "keyPerson" in value:
            resource["contact"] = [{"name": {"text": value["keyPerson"]}}]
        return self.add(resource)

    def professional(self, value: Json) -> Json:
        who = self.add({"resourceType": "Practitioner", "name": [{"text": value["name"]}]})
        role: Json = {"resourceType": "PractitionerRole", "practitioner": who}
        if "role" in value:
            role["code"] = [{"text": value["role"]}]
        if "organisation" in value:
            role["organization"] = self.organisation(value["organisation"])
        role["telecom"] = _telecom(value)
        return self.add(role)

    def child(self, child: Json) -> None:
        patient: Json = {"resourceType": "Patient", "identifier": [], "extension": []}
        self.add(patient, uuid(2))
        number: Json = {"system": "https://fhir.nhs.uk/Id/nhs-number"}
        if "nhsNumber" in child:
            number["value"] = child.pop("nhsNumber")
        if "nhsNumberStatus" in child:
            coding = {
                "system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus",
                "code": child.pop("nhsNumberStatus"),
            }
            number["extension"] = [
                {
                    "url": f"{UK_CORE}/Extension-UKCore-NHSNumberVerificationStatus",
                    "valueCodeableConcept": {"coding": [coding]},
                }
            ]
        if len(number) > 1:
            patient["identifier"].append(number)
        if "upn" in child:
            patient["identifier"].append({"system": f"{BASE}/Id/upn", "value": child.pop("upn")})
        name = {"use": "official", "given": child.pop("givenNames", [])}
        name["family"] = child.pop("familyName", None)
        patient["name"] = [name] if name["given"] or name["family"] else []
        patient["name"] += [{"use": "old", "text": one} for one in child.pop("formerNames", ())]
        patient["birthDate"] = child.pop("birthDate", None)
        patient["multipleBirthBoolean"] = child.pop("multipleBirth", None)
        patient["gender"] = child.pop("sex", None)
        if "address" in child:
            address = child.pop("address")
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
        if "setting" in child:
            url = f"{BASE}/StructureDefinition/setting"
            reference = self.organisation(child.pop("setting"))
            patient["extension"].append({"url": url, "valueReference": reference})
        patient["contact"] = [self.contact(one) for one in child.pop("responsiblePeople", ())]
        patient["communication"] = []
        if "firstLanguage" in child:
            language = {"coding": [{"code": child.pop("firstLanguage")}]}
            patient["communication"].append({"language": language, "preferred": True})
        if "interpreterLanguage" in child:
            language = {"coding": [{"code": child.pop("interpreterLanguage")}]}
            url = f"{BASE}/StructureDefinition/interpreter-needed"
            needed = {"url": url, "valueBoolean": True}
            patient["communication"].append({"language": language, "extension": [needed]})
        if child:
            patient["extension"].append(self.ours("child", child, "child"))

    def contact(self, person: Json) -> Json:
        extensions = []
        for name, url, element in (
            ("parentalResponsibility", "parental-responsibility", "valueBoolean"),
            ("firstLanguage", "first-language", "valueCode"),
        ):
            if name in person:
                url = f"{BASE}/StructureDefinition/{url}"
                extensions.append({"url": url, element: person[name]})
        relationship = person.get("relationship")
        return {
            "extension": extensions,
            "name": {"text": person["name"]},
            "relationship": [{"text": relationship}] if relationship else [],
            "telecom": _telecom(person),
        }

    def consent(self, sharing: Json) -> None:
        consent: Json = {
            "resourceType": "Consent",
            "status": "active",
            "scope": {"coding": [{"code": "patient-privacy"}]},
            "category": [{"coding": [{"code": "IDSCL"}]}],
            "patient": self.subject,
        }
        agreement = sharing.get("agreement", {})
        provision: Json = {}
        match agreement.get("status"):
            case "given":
                provision["type"] = "permit"
            case "refused":
                provision["type"] = "deny"
            case "withdrawn":
                consent["status"] = "inactive"
            case "not-asked":
                consent["status"] = "proposed"
        if agreement.get("status") not in ("not-known", None):
            agreement.pop("status")
        if "by" in agreement:
            consent["performer"] = [{"display": agreement.pop("by")}]
        if "on" in agreement:
            consent["dateTime"] = agreement.pop("on")
        purposes = agreement.pop("purposes", ())
        provision["purpose"] = [{"code": purpose} for purpose in purposes]
        provision["actor"] = [
            {
                "role": {"coding": [{"code": "IRCP"}]},
                "reference": {"identifier": _recipient(recipient)},
            }
            for recipient in agreement.pop("recipients", ())
        ]
        consent["provision"] = provision
        if not agreement:
            sharing.pop("agreement", None)
        consent["extension"] = (
            [self.ours("sharing-statement", sharing, "sharing")] if sharing else []
        )
        self.add(consent)

    def review(self, review: Json) -> Json:
        outcome = review.pop("outcome")
        encounter: Json = {
            "resourceType": "Encounter",
            "status": "finished" if outcome == "completed" else "cancelled",
            "class": {"code": "AMB"},
            "subject": self.subject,
            "period": {"start": review.pop("date")},
        }
        if outcome != "completed":
            review["outcome"] = outcome
        types = []
        if "type" in review:
            types.append({"system": f"{BASE}/CodeSystem/review-type", "code": review.pop("type")})
        if "typeCode" in review:
            types.append(review.pop("typeCode"))
        encounter["type"] = [{"coding": [coding]} for coding in types]
        if "place" in review:
            encounter["location"] = [{"location": {"display": review.pop("place")}}]
        if "asq3" in review:
            self.asq3(review.pop("asq3"), "review", "asq3")
        if "asqSe2" in review:
            self.asq_se2(review.pop("asqSe2"))
        for sense in ("hearing", "vision"):
            if sense in review:
                self.sense(sense, review.pop(sense))
        for skill in review.pop("developmentalSkills", ()):
            self.observe(
                {"coding": [skill["code"]] if "code" in skill else [], "text": skill.get("skill")},
                category=[{"coding": [{"code": "developmental-skill"}]}],
                effectiveDateTime=skill.get("on"),
                note=[{"text": skill["note"]}] if "note" in skill else [],
                valueCodeableConcept={"coding": [{"code": SKILLS[skill["result"]]}]},
            )
        for code in review.pop("otherCodes", ()):
            self.observe({"coding": [code]})
        if review:
            encounter["extension"] = [self.ours("review", review, "review")]
        return encounter

    def observe(self, code: Json, **elements: Any) -> Json:
        observation = {"resourceType": "Observation", "status": "final", "code": code}
        return self.add({**observation, "subject": self.subject, **elements})

    def sense(self, name: str, value: Json) -> None:
        self.observe(
            {"coding": [{"system": f"{BASE}/CodeSystem/observation", "code": name}]},
            valueCodeableConcept={"coding": [{"code": value["status"]}]},
            note=[{"text": value["note"]}] if "note" in value else [],
        )

    def asq_se2(self, asq_se2: Json) -> None:
        coding = [{"system": f"{BASE}/CodeSystem/observation", "code": "asq-se-2"}]
        coding += [asq_se2.pop("code")] if "code" in asq_se2 else []
        value = {"value": asq_se2.pop("score")} if "score" in asq_se2 else {}
        about = [self.ours("asq-se-2", asq_se2, "review", "asqSe2")] if asq_se2 else []
        self.observe({"coding": coding}, extension=about, valueQuantity=value)

    def asq3(self, asq3: Json, *path: str) -> None:
        if any("items" in score for score in asq3["scores"]):
            self.add(
                {
                    "resourceType": "QuestionnaireResponse",
                    "questionnaire": f"{BASE}/Questionnaire/referral-service",
                    "status": "completed",
                    "item": [{"linkId": "asq3", "item": asq3_items(asq3)}],
                }
            )
            return
        scores = [self.score(score) for score in asq3.pop("scores")]
        about = [self.ours("asq3", asq3, *path)] if asq3 else []
        self.observe({"coding": [PANEL]}, hasMember=scores, extension=about)

    def score(self, score: Json) -> Json:
        system = f"{BASE}/CodeSystem/asq3-domain"
        coding = score.get("code") or {"system": system, "code": score["domain"]}
        months = score.get("questionnaireMonths")
        url = f"{BASE}/StructureDefinition/questionnaire-months"
        return self.observe(
            {"coding": [coding]},
            extension=[{"url": url, "valueInteger": months}] if months else [],
            valueQuantity={"value": score["score"]} if "score" in score else {},
        )

    def report(self, report: Json) -> Json:
        kind = {"system": f"{BASE}/CodeSystem/report-type", "code": report.pop("type")}
        resource: Json = {
            "resourceType": "DiagnosticReport",
            "status": "final",
            "identifier": [{"value": report.pop("identifier")}],
            "code": {"coding": [kind]},
            "subject": self.subject,
            "effectiveDateTime": report.pop("date"),
            "conclusion": report.pop("impact", None),
            "conclusionCode": [{"coding": [code]} for code in report.pop("findings", ())],
            "result": [self.area(area) for area in report.pop("areas", ())],
        }
        resource["extension"] = [self.ours("report", report, "report")] if report else []
        return resource

    def area(self, area: Json) -> Json:
        severity = {"system": f"{BASE}/CodeSystem/severity", "code": area.get("severity")}
        return self.observe(
            {"coding": [{"system": f"{BASE}/CodeSystem/therapy-area", "code": area["area"]}]},
            interpretation=[{"coding": [severity]}] if "severity" in area else [],
            valueCodeableConcept={"coding": [area["code"]]} if "code" in area else {},
            note=[{"text": area["words"]}] if "words" in area else [],
        )

    def notice(self, notice: Json) -> Json:
        return {
            "resourceType": "QuestionnaireResponse",
            "status": "completed",
            "subject": self.subject,
            "item": items(notice, SenSupportNotice),
        }

    def referral(self, referral: Json) -> Json:
        kind = {"system": f"{BASE}/CodeSystem/referral-type", "code": referral.pop("type")}
        request: Json = {
            "resourceType": "ServiceRequest",
            "status": "active",
            "intent": "order",
            "identifier": [{"value": referral.pop("identifier")}],
            "category": [{"coding": [kind]}],
            "subject": self.subject,
            "authoredOn": referral.pop("date"),
        }
        if service := referral.get("service"):
            to = {"system": f"{BASE}/CodeSystem/service", "code": service.pop("to")}
            is_code = " " not in to["code"]
            request["performerType"] = {"coding": [to]} if is_code else {"text": to["code"]}
            reason = {"coding": [service.pop("reason")]} if "reason" in service else {}
            reason["text"] = service.pop("reasonWords", None)
            request["reasonCode"] = [reason]
            request["priority"] = service.pop("urgency", None)
            if "asq3" in service:
                self.asq3(service.pop("asq3"), "referral", "service", "asq3")
            if "hearing" in service:
                self.sense("hearing", service.pop("hearing"))
        if not referral.get("service"):
            referral.pop("service", None)
        request["extension"] = [self.ours("referral", referral, "referral")] if referral else []
        return request


def _telecom(value: Json) -> list[Json]:
    return [
        {"system": system, "value": value[system]}
        for system in ("phone", "email")
        if system in value
    ]


def _recipient(recipient: str) -> Json:
    system, _, code = recipient.partition(":")
    if system in KEYS:
        return {"system": IDENTIFIERS[KEYS[system]], "value": code}
    return {"system": f"{BASE}/Id/recipient", "value": recipient}


def bundle_of(document: Json) -> Json:
    """Write a canonical document as an R4 Bundle."""
    return Writer(document).bundle()
