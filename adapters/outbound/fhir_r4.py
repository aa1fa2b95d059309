"""An alert as a FHIR R4 message on UK Core profiles: the way back of `adapters.inbound.fhir`.

What the inbound table reads of a message is written where it reads it, so that the two are one
contract (docs/fhir-profiles.md). What FHIR has no element for goes in our extensions. Of the alert
itself (service, basis, purpose, urgency, flags) the MessageHeader's extension `alert` says all.

Elements that FHIR requires and the view did not let through are said by codes of our own.
"""

from __future__ import annotations

import copy
from typing import Any

import orjson
from pydantic import BaseModel

from adapters.inbound.fhir.convert import BASE
from adapters.outbound.fhir_objects import Json, coding, extension, items, without_empty
from adapters.outbound.fhir_people import HL7, UK_CORE, People, own
from adapters.outbound.fhir_xml import to_xml
from adapters.outbound.stored import NAME, StoredAlert, read
from schemas.alert import AlertData
from schemas.codes import SNOMED
from schemas.fields import MODELS, properties
from schemas.finding import Finding
from schemas.message import BODY, AlreadyNotified, Conclusion
from schemas.organisation import organisation_of
from schemas.sen_support import SenSupportNotice

REASONS = {"created": "new", "updated": "update", "withdrawn": "delete"}
_FOCUS = {
    "healthy-child-review": "Encounter",
    "speech-therapy-report": "DiagnosticReport",
    "sen-support-notice": "QuestionnaireResponse",
    "referral": "ServiceRequest",
}
_SKILLS = {
    "achieved": "1094981000000100",
    "not-achieved": "1093061000000108",
    "unable-to-assess": "1093081000000104",
}
_REFERRALS = {"speech-and-language-therapy": "308452008"}
"""Role of a service to the SNOMED CT procedure of a referral to it."""

_AMBULATORY = {"system": f"{HL7}/v3-ActCode", "code": "AMB"}


def render(body: bytes) -> bytes:
    """Render a stored alert as a Bundle of type message, in JSON."""
    return orjson.dumps(bundle(read(body)))


def render_xml(body: bytes) -> bytes:
    """Render the same Bundle in XML."""
    return to_xml(bundle(read(body)))


def bundle(alert: StoredAlert) -> Json:
    """Return a stored alert as a Bundle of type message."""
    return _Writer(alert).bundle()


class _Writer(People):
    """One Bundle being written. What is written naturally is taken from `fields`."""

    def __init__(self, alert: StoredAlert) -> None:
        super().__init__(alert)
        self.kind = alert.data.kind
        self.model = MODELS[self.kind]
        self.fields: Json = copy.deepcopy(alert.data.fields)

    def bundle(self) -> Json:
        header = self.header()
        focus: Json = {"resourceType": _FOCUS[self.kind], **self.required()}
        if self.alert.is_withdrawn:
            focus["status"] = "entered-in-error"
            header["focus"] = [self.add(focus)]
        else:
            self.subject = self.child(self.fields.pop("child", {}))
            body = self.fields.pop(BODY[self.kind], {})
            focus |= {"subject": self.subject} | getattr(self, BODY[self.kind])(body)
            focus["extension"] = [
                *focus.get("extension", []),
                *self.repeated("conclusion", "conclusions", Conclusion),
                *self.repeated("finding", "findings", Finding),
            ]
            header["focus"] = [self.add(focus)]
            self.consent(self.fields.pop("sharing", {}))
            # What is left was let through of the envelope, and is of the sender's message.
            header["extension"].append(extension("message", self.fields, self.model))
        return without_empty(  # type: ignore[no-any-return]
            {
                "resourceType": "Bundle",
                "id": str(self.alert.root),
                "meta": {"profile": [f"{UK_CORE}/UKCore-Bundle"]},
                "identifier": {"system": f"{self.alert.source}/alerts", "value": self.alert.id},
                "type": "message",
                "timestamp": self.alert.instant,
                "entry": self.entries,
            }
        )

    def header(self) -> Json:
        alert, data = self.alert, self.alert.data
        header: Json = {
            "resourceType": "MessageHeader",
            "meta": {"versionId": str(int(alert.sequence)), "lastUpdated": alert.instant},
            "eventCoding": own("message-kind", self.kind),
            "source": {"name": NAME, "endpoint": alert.source},
            "reason": {"coding": [own("message-action", REASONS[data.change])]},
        }
        self.add(header)
        told = data.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        about = {name: told[name] for name in told if name not in ("sender", "fields")}
        header["extension"] = [extension("alert", about, AlertData)]
        if record := self.fields.pop("record", None):
            url = f"{BASE}/StructureDefinition/record"
            header["extension"].append({"url": url, "valueString": record})
        if notified := self.fields.pop("alreadyNotified", None):
            header["extension"].append(extension("already-notified", notified, AlreadyNotified))
        if data.sender:
            sender = {**organisation_of(data.sender.organisation), "name": data.sender.name}
            header["sender"] = self.organisation(sender)
            if data.sender.professional:
                header["author"] = self.professional(data.sender, header["sender"])
        return header

    def required(self) -> Json:
        """Return what FHIR requires of a focus, whatever the view let through."""
        kind = {"coding": [own("message-kind", self.kind)]}
        required: dict[str, Json] = {
            "Encounter": {"status": "unknown", "class": _AMBULATORY},
            "DiagnosticReport": {"status": "final", "code": kind},
            "QuestionnaireResponse": {"status": "completed"},
            "ServiceRequest": {"status": "active", "intent": "order", "subject": self.subject},
        }
        return required[_FOCUS[self.kind]]

    def repeated(self, name: str, field: str, model: type[BaseModel]) -> list[Json]:
        return [extension(name, one, model) for one in self.fields.pop(field, ())]

    def ours(self, name: str, value: Json, *path: str) -> Json:
        """Write an object that stands at `path` of the message as our extension."""
        model: Any = self.model
        for part in path:
            model = properties(model)[part]
        return extension(name, value, model)

    def review(self, review: Json) -> Json:
        encounter: Json = {"period": {"start": review.pop("date", None)}}
        if "outcome" in review:
            completed = review["outcome"] == "completed"
            encounter["status"] = "finished" if completed else "cancelled"
            if completed:
                del review["outcome"]
        codes = [own("review-type", review.pop("type", None)), coding(review.pop("typeCode", {}))]
        encounter["type"] = [{"coding": [code]} for code in codes]
        if "place" in review:
            encounter["location"] = [{"location": {"display": review.pop("place")}}]
        if asq3 := review.pop("asq3", None):
            self.asq3(asq3)
        for name in ("hearing", "vision"):
            if sense := review.pop(name, None):
                self.sense(name, sense)
        for skill in review.pop("developmentalSkills", ()):
            code = skill.get("code")
            self.observe(
                {"coding": [coding(code)] if code else [own("observation", "skill")]}
                | {"text": skill.get("skill")},
                category=[{"coding": [own("observation-category", "developmental-skill")]}],
                effectiveDateTime=skill.get("on"),
                valueCodeableConcept=_snomed(_SKILLS.get(skill.get("result"))),
                note=[{"text": skill.get("note")}],
            )
        for code in review.pop("otherCodes", ()):
            self.observe({"coding": [coding(code)]})
        return encounter | {"extension": [self.ours("review", review, "review")]}

    def observe(self, code: Json, **elements: Any) -> Json:
        observation = {"resourceType": "Observation", "status": "final", "code": code}
        return self.add({**observation, "subject": self.subject, **elements})

    def sense(self, name: str, value: Json) -> None:
        self.observe(
            {"coding": [own("observation", name)]},
            valueCodeableConcept={"coding": [own("sense-status", value.get("status"))]},
            note=[{"text": value.get("note")}],
        )

    def asq3(self, asq3: Json) -> None:
        scores = [self.score(score) for score in asq3.pop("scores", ())]
        path = ("asq3",) if self.kind == "healthy-child-review" else ("service", "asq3")
        about = self.ours("asq3", asq3, BODY[self.kind], *path)
        self.observe(_snomed("716619000"), hasMember=scores, extension=[about])

    def score(self, score: Json) -> Json:
        domain, months = score.get("domain"), score.get("questionnaireMonths")
        extensions = [
            {"url": f"{BASE}/StructureDefinition/{name}", element: value}
            for name, element, value in (
                ("domain", "valueCode", domain),
                ("questionnaire-months", "valueInteger", months),
            )
            if value is not None
        ]
        code = coding(score.get("code", {})) or own("asq3-domain", domain)
        return self.observe(
            {"coding": [code or own("observation", "asq3-score")]},
            extension=extensions,
            valueQuantity={"value": score.get("score")},
        )

    def report(self, report: Json) -> Json:
        kinds = [own("message-kind", self.kind), own("report-type", report.pop("type", None))]
        return {
            "code": {"coding": kinds},
            "identifier": [{"value": report.pop("identifier", None)}],
            "effectiveDateTime": report.pop("date", None),
            "conclusion": report.pop("impact", None),
            "conclusionCode": [{"coding": [coding(c)]} for c in report.pop("findings", ())],
            "result": [self.area(area) for area in report.pop("areas", ())],
            "extension": [self.ours("report", report, "report")],
        }

    def area(self, area: Json) -> Json:
        code = own("therapy-area", area.get("area")) or own("observation", "therapy-area")
        return self.observe(
            {"coding": [code]},
            interpretation=[{"coding": [own("severity", area.get("severity"))]}],
            valueCodeableConcept={"coding": [coding(area.get("code", {}))]},
            note=[{"text": area.get("words")}],
        )

    def notice(self, notice: Json) -> Json:
        return {"item": items(notice, SenSupportNotice)}

    def referral(self, referral: Json) -> Json:
        service = referral.get("service", {})
        codes = [own("referral-type", referral.pop("type", None))]
        # The inbound table reads the elements of a service's referral by this code.
        codes += [own("referral-body", "service")] if service else []
        request: Json = {
            "identifier": [{"value": referral.pop("identifier", None)}],
            "category": [{"coding": [code]} for code in codes],
            "authoredOn": referral.pop("date", None),
            "priority": service.pop("urgency", None),
        }
        reason = {"coding": [coding(service.pop("reason", {}))]}
        request["reasonCode"] = [reason | {"text": service.pop("reasonWords", None)}]
        if to := service.pop("to", None):
            request["code"] = _snomed(_REFERRALS.get(to))
            request["performerType"] = (
                {"text": to} if " " in to else {"coding": [own("service", to)]}
            )
        if asq3 := service.pop("asq3", None):
            self.asq3(asq3)
        if hearing := service.pop("hearing", None):
            self.sense("hearing", hearing)
        return request | {"extension": [self.ours("referral", referral, "referral")]}


def _snomed(code: str | None) -> Json:
    return {"coding": [{"system": SNOMED, "code": code}]} if code else {}
