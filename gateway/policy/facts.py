"""What a policy's conditions are held against: the canonical document, and facts worked out from it.

A condition is yes, no or unknown. Unknown means that a field which only a decision needs was not
sent, and names it: it becomes a hold, never a refusal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.assessment import Assessment
from gateway.directory import Directory, Organisation, Service
from gateway.policy.model import Conditions, Expected, Not, Route
from gateway.policy.vocabulary import RECIPIENTS
from schemas.base import whole_date
from schemas.finding import Finding
from schemas.message import Message, ReferralMessage, SpeechTherapyReportMessage
from schemas.record import body_of
from schemas.sharing import WelfareJudgement


@dataclass(frozen=True)
class Unknown:
    """A fact that cannot be told, and the canonical field that would tell it."""

    field: str


@dataclass(frozen=True)
class Recipient:
    """Who would be told."""

    role: str
    service: Service | None
    """None where the directory does not know it."""
    treats_child: bool = False
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """One record's state as the policy sees it: document, findings, sender, home."""

    message: Message
    document: Mapping[str, Any]
    directory: Directory
    findings: tuple[Finding, ...]

    @property
    def sender(self) -> Organisation | None:
        return self.directory.organisation(self.message.source.key)

    @property
    def home(self) -> str | None:
        """Return the code of the authority of the child's home, by the full postcode only."""
        address = self.message.child.address
        home = self.directory.home(address.postcode) if address and address.postcode else None
        return home.la_code if home else None


def policy_document(message: Message, assessment: Assessment) -> Mapping[str, Any]:
    """Return the canonical document as the policy reads it: with findings and named areas."""
    document = message.document()
    document["findings"] = [finding.document() for finding in assessment.findings]
    document["areas"] = list(assessment.areas)
    return {name: value for name, value in document.items() if value not in ([], {})}


def check(conditions: Conditions, case: Case, facts: Mapping[str, Any]) -> bool | Unknown:
    """Tell whether all conditions hold; a plain no outweighs what is unknown."""
    unknown: Unknown | None = None
    for path, expected in conditions.items():
        value = lookup(path, case.document, facts)
        if isinstance(value, Unknown):
            unknown = unknown or value
        elif not meets(value, expected):
            return False
    return unknown or True


def meets(value: Any, expected: Expected) -> bool:
    """Tell whether a value is what is expected; of several values any one may be."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    if expected == "stated":
        return value is not None
    if expected == "not-stated":
        return value is None
    if isinstance(expected, Not):
        return not any(v == other for v in values for other in expected.no)
    wanted = expected if isinstance(expected, tuple) else (expected,)
    return any(v == other and type(v) is type(other) for v in values for other in wanted)


def lookup(path: str, document: Mapping[str, Any], facts: Mapping[str, Any]) -> Any:
    """Return a fact, else the field of the document at a path, else None."""
    if path in facts:
        return facts[path]
    return _at(document, path.split("."))


def _at(node: Any, path: Sequence[str]) -> Any:
    for index, part in enumerate(path):
        if isinstance(node, list):
            found = [value for item in node if (value := _at(item, path[index:])) is not None]
            return found or None
        if not isinstance(node, Mapping) or part not in node:
            return None
        node = node[part]
    return node


def about_sender(case: Case) -> dict[str, Any]:
    """Return the facts that hold for the whole case, whoever the recipient is."""
    sender = case.sender
    return {
        "sender.type": sender.type if sender else None,
        "sender.agency": sender.agency if sender else None,
        "sender.s16la": bool(sender and sender.s16la),
        "child.underCompulsorySchoolAge": _under_compulsory_school_age(case.message),
        "request.byOneWhoMayAsk": _may_ask(case.message, sender),
        "request.byThisAuthority": _asked_by(case.message) == case.directory.la_code,
        "child.lookedAfterByThisAuthority": _looked_after_by(case.message)
        == case.directory.la_code,
        "child.socialWorkerOfThisAuthority": _social_worker_of(case.message)
        in (None, case.directory.la_code),
        "harm.parentsToldOrWhyNot": _parents_told_or_why_not(case.message),
        "findings.level": sorted({f.level for f in case.findings if f.origin == "computed"})
        or None,
    }


def about_recipient(case: Case, route: Route, recipient: Recipient) -> dict[str, Any]:
    """Return the facts about one recipient of one route."""
    service = recipient.service
    organisation = case.directory.organisation(service.organisation) if service else None
    agreement = case.message.sharing.agreement
    judgement = judgement_for(case.message, recipient)
    return {
        "recipient.role": recipient.role,
        "recipient.agency": service.agency if service else route.agency,
        "recipient.s16la": bool(organisation and organisation.s16la),
        "recipient.treatsChild": recipient.treats_child,
        "agreement.namesRecipient": bool(
            agreement and agreement.status == "given" and names(agreement.recipients, recipient)
        ),
        "agreement.coversPurpose": bool(agreement and route.purpose in agreement.purposes),
        "judgement": True if judgement else None,
        "judgement.detrimentConsidered": judgement.detriment_considered if judgement else None,
        "judgement.moreDetrimental": judgement.more_detrimental if judgement else None,
    }


def names(words: Sequence[str], recipient: Recipient) -> bool:
    """Tell whether any of `words` names the recipient: its role, its service's id, its key.

    A council's key names no service: a council is education and social care at once.
    """
    mine = {recipient.role}
    if recipient.service:
        mine |= {recipient.service.id, recipient.service.role} - {"organisation"}
        if not recipient.service.organisation.startswith("la:"):
            mine.add(recipient.service.organisation)
    return not mine.isdisjoint(words)


def stopped(case: Case, recipient: Recipient) -> bool:
    """Tell whether agreement was refused or withdrawn for this recipient, or for all.

    A refusal that names nobody is one for all; so is one in words that fit nobody here, since it
    must not be taken for none.
    """
    agreement = case.message.sharing.agreement
    if agreement is None or agreement.status not in ("refused", "withdrawn"):
        return False
    words = agreement.recipients
    service = recipient.service
    if (
        service and service.role == "organisation"
    ):  # an objection to any of its services is one to it
        theirs = [s for s in case.directory.services() if s.organisation == service.organisation]
        if any(word in (s.id, s.role) for s in theirs for word in words):
            return True
    return names(words, recipient) or not all(
        is_known(word, case.directory) for word in words or ("",)
    )


def is_known(word: str, directory: Directory) -> bool:
    """Tell whether a recipient word names somebody here: a role, a service, an organisation."""
    if word.startswith("la:"):
        return False
    return (
        word in RECIPIENTS
        or word in directory.roles
        or directory.service(word) is not None
        or directory.organisation(word) is not None
    )


def judgement_for(message: Message, recipient: Recipient) -> WelfareJudgement | None:
    """Return the welfare judgement made for this recipient: one against sharing decides, else the last."""
    made = [j for j in message.sharing.welfare_judgements if names((j.recipient,), recipient)]
    against = [j for j in made if j.more_detrimental]
    return (against or made)[-1] if made else None


def event_date(message: Message) -> date:
    """Return the day of the event: of review, report, notice or referral."""
    body = body_of(message)
    day = getattr(body, "date", None) or getattr(body, "start", None)
    return day or message.sent.date()


def compulsory_school_age_begins(born: date) -> date:
    """Return the prescribed day on or next after the fifth birthday.

    Education Act 1996 s.8; Start of Compulsory School Age Order 1998: 31 March, 31 August,
    31 December.
    """
    fifth = (
        date(born.year + 5, 3, 1)
        if (born.month, born.day) == (2, 29)
        else born.replace(year=born.year + 5)
    )
    days = [date(fifth.year, 3, 31), date(fifth.year, 8, 31), date(fifth.year, 12, 31)]
    return next(day for day in days if day >= fifth)


def _under_compulsory_school_age(message: Message) -> bool | Unknown:
    born = whole_date(message.child.birth_date)
    if born is None:
        return Unknown("child.birthDate")
    return event_date(message) < compulsory_school_age_begins(born)


def _asked_by(message: Message) -> str | None:
    report = message.report if isinstance(message, SpeechTherapyReportMessage) else None
    return report.requested_by.authority if report and report.requested_by else None


def _looked_after_by(message: Message) -> str | None:
    return message.child.looked_after.authority if message.child.looked_after else None


def _social_worker_of(message: Message) -> str | None:
    """Return whose social worker is allocated, where that is stated: else who looks after the child."""
    worker = message.child.allocated_social_worker
    stated = worker.organisation.la_code if worker and worker.organisation else None
    return stated or _looked_after_by(message)


def _parents_told_or_why_not(message: Message) -> bool | None:
    harm = message.sharing.harm
    if harm is None or harm.parents_told is None:
        return None
    return harm.parents_told or harm.not_told_because is not None or None


def _may_ask(message: Message, sender: Organisation | None) -> bool:
    """Tell whether s.36(1) lets this person ask: parent, young person, school or post-16."""
    request = (
        message.referral.ehc if isinstance(message, ReferralMessage) and message.referral else None
    )
    if request is None:
        return False
    if request.requested_by in ("parent", "young-person"):
        return True
    acts_for = sender is not None and sender.type in ("school", "post-16-institution")
    return request.requested_by == "school" and acts_for
