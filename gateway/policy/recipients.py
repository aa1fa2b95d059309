"""Finds whom a route would tell: one the message names, or a role of the directory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gateway.policy.facts import Case, Recipient
from gateway.policy.model import Route
from schemas.message import ReferralMessage, SpeechTherapyReportMessage

OUTWARD = (
    "Chosen by the outward code, which does not decide: check that this service is the right one"
)


def recipients(case: Case, route: Route) -> Iterator[Recipient]:
    """Yield a route's recipients, each once.

    One whom the directory does not know, or knows in another agency, has no service.
    """
    seen = set()
    for recipient in _recipients(case, route):
        service = recipient.service
        if service and service.agency != route.agency:
            recipient = replace(recipient, service=None)
        if service is None or service.id not in seen:
            seen.add(service.id if service else None)
            yield recipient


def _recipients(case: Case, route: Route) -> Iterator[Recipient]:
    message, directory = case.message, case.directory
    match route.to:
        case "general-practice":
            practice = message.child.general_practice
            service = directory.practice_service(practice) if practice else None
            yield Recipient("general-practice", service, treats_child=service is not None)
        case "setting":
            yield from _settings(case)
        case "referral-service":
            referral = message.referral if isinstance(message, ReferralMessage) else None
            if referral and referral.service:
                yield _by_role(case, referral.service.to, treats_child=True)
        case "health-referrer" | "other-referrer":
            yield from _referrer(case, route.to)
        case "voluntary-bodies":
            yield from _voluntary_bodies(case)
        case role:
            yield _by_role(case, role)


def _settings(case: Case) -> Iterator[Recipient]:
    """Yield the child's setting, and every other that the agreement names by its URN."""
    directory, setting = case.directory, case.message.child.setting
    own = directory.setting_service(setting.urn) if setting and setting.urn else None
    yield Recipient("setting", own)
    for word in _agreed(case):
        system, _, urn = word.partition(":")
        service = directory.setting_service(urn) if system == "urn" else None
        if service and service != own:
            yield Recipient(word, service)


def _voluntary_bodies(case: Case) -> Iterator[Recipient]:
    """Yield each voluntary body that the agreement names, by its own key or its service's id."""
    for word in _agreed(case):
        named = case.directory.service(word)
        key = named.organisation if named else word
        organisation = case.directory.organisation(key)
        if organisation and organisation.type == "voluntary-organisation":
            yield Recipient(word, named or case.directory.organisation_service(key))


def _referrer(case: Case, wanted: str) -> Iterator[Recipient]:
    """Yield who referred, as one of health or as any other, by the directory's word."""
    message, directory = case.message, case.directory
    report = message.report if isinstance(message, SpeechTherapyReportMessage) else None
    if report is None or report.referrer is None:
        return
    referrer = report.referrer
    organisation = directory.organisation(referrer.key)
    health = organisation is not None and organisation.agency == "health"
    if health == (wanted == "health-referrer"):
        service = directory.organisation_service(referrer.key)
        yield Recipient(wanted, service, treats_child=health)


def _agreed(case: Case) -> tuple[str, ...]:
    agreement = case.message.sharing.agreement
    return agreement.recipients if agreement else ()


def _by_role(case: Case, role: str, *, treats_child: bool = False) -> Recipient:
    child = case.message.child
    named = case.directory.service(role)
    if named:
        return Recipient(named.role, named, treats_child)
    postcode = child.address.postcode if child.address else None
    choice = case.directory.choose(role, child.general_practice, postcode)
    if choice is None:
        return Recipient(role, None, treats_child)
    flagged = choice.flagged and not case.message.sharing.restricted
    return Recipient(role, choice.service, treats_child, (OUTWARD,) if flagged else ())
