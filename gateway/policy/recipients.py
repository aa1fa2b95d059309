"""Finds whom a route would tell: one the message names, or a role of the directory."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.policy.facts import Case, Recipient
from gateway.policy.model import Route
from schemas.message import ReferralMessage, SpeechTherapyReportMessage

OUTWARD = (
    "Chosen by the outward code, which does not decide: check that this service is the right one"
)


def recipients(case: Case, route: Route) -> Iterator[Recipient]:
    """Yield a route's recipients; one whom the directory does not know has no service."""
    message, directory = case.message, case.directory
    match route.to:
        case "general-practice":
            practice = message.child.general_practice
            service = directory.practice_service(practice) if practice else None
            yield Recipient("general-practice", service, treats_child=service is not None)
        case "setting":
            setting = message.child.setting
            service = directory.setting_service(setting.urn) if setting and setting.urn else None
            yield Recipient("setting", service)
        case "referral-service":
            if (
                isinstance(message, ReferralMessage)
                and message.referral
                and message.referral.service
            ):
                yield _by_role(case, message.referral.service.to, treats_child=True)
        case "health-referrer" | "other-referrer":
            yield from _referrer(case, route.to)
        case "voluntary-bodies":
            agreement = message.sharing.agreement
            for word in agreement.recipients if agreement else ():
                organisation = directory.organisation(word)
                if organisation and organisation.type == "voluntary-organisation":
                    yield Recipient("voluntary-bodies", directory.organisation_service(word))
        case role:
            yield _by_role(case, role)


def _referrer(case: Case, wanted: str) -> Iterator[Recipient]:
    message = case.message
    if not isinstance(message, SpeechTherapyReportMessage) or not message.report:
        return
    referrer = message.report.referrer
    if referrer is None:
        return
    health = referrer.ods_code is not None
    if health == (wanted == "health-referrer"):
        key = referrer.key
        service = case.directory.organisation_service(key)
        if referrer.ods_code and case.directory.practice(referrer.ods_code):
            service = case.directory.practice_service(referrer.ods_code)
        if referrer.urn:
            service = case.directory.setting_service(referrer.urn) or service
        yield Recipient(wanted, service, treats_child=health)


def _by_role(case: Case, role: str, *, treats_child: bool = False) -> Recipient:
    child = case.message.child
    named = case.directory.service(role)
    if named:
        return Recipient(named.role, named, treats_child)
    postcode = child.address.postcode if child.address else None
    choice = case.directory.choose(role, child.general_practice, postcode)
    if choice is None:
        return Recipient(role, None, treats_child)
    return Recipient(role, choice.service, treats_child, (OUTWARD,) if choice.flagged else ())
