"""Prints the policy as a page for the data-sharing agreement, in the words of the file."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from gateway.directory import Directory
from gateway.policy.model import Conditions, Not, Policy, Route
from gateway.policy.vocabulary import RECIPIENTS

_FACTS = {
    "sender.type": "the sender is",
    "sender.agency": "the sender belongs to",
    "sender.s16la": "the sender is a person of section 16LA(4)",
    "recipient.role": "the receiver is",
    "recipient.agency": "the receiver belongs to",
    "recipient.s16la": "the receiver is a person of section 16LA(4)",
    "recipient.treatsChild": "the receiver treats the child",
    "child.underCompulsorySchoolAge": "the child is under compulsory school age",
    "agreement.namesRecipient": "agreement was given and names this receiver",
    "agreement.coversPurpose": "agreement covers this purpose",
    "judgement": "a welfare judgement was made for this receiver",
    "request.byThisAuthority": "this area's authority asked for it",
    "child.lookedAfterByThisAuthority": "this area's authority looks after the child",
    "child.socialWorkerOfThisAuthority": "the social worker is this area's authority's",
    "harm.parentsToldOrWhyNot": "it is said whether the parents were told, or why not",
    "request.byOneWhoMayAsk": "a parent, a young person, or one acting for a school or post-16 "
    "institution asks",
    "kind": "the message is a",
    "conclusions.kind": "the professional concluded",
    "referral.type": "the referral is of type",
    "review.outcome": "the review's outcome is",
}


def policy_page(policy: Policy, directory: Directory) -> str:
    """Return the policy as Markdown."""
    environment = Environment(
        loader=PackageLoader("gateway.policy", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown for people, from a file that the area signs
    )
    page = environment.get_template("page.md.jinja")
    return page.render(
        policy=policy,
        area=directory.area,
        words=condition_words,
        recipient=lambda route: recipient_words(route, directory),
        fields=lambda name: field_words(policy, name),
    )


def condition_words(conditions: Conditions) -> str:
    """Say conditions in one line of plain English."""
    return "; ".join(_words(path, expected) for path, expected in conditions.items()) or "always"


def recipient_words(route: Route, directory: Directory) -> str:
    """Say who a route tells: by name where the directory knows one service for everyone."""
    if route.to in RECIPIENTS:
        return RECIPIENTS[route.to]
    titles = [service.title for service in directory.services(route.to)]
    return " or ".join(titles) if titles else route.to.replace("-", " ")


def field_words(policy: Policy, name: str) -> list[str]:
    """List what a route shows, with precision where it is less than the whole."""
    fields = policy.fields(name).items()
    return [f"{path} ({how})" if how else path for path, how in fields]


def _words(path: str, expected: Any) -> str:
    known = _FACTS.get(path)
    if expected is True and known:
        return known
    if expected == "stated":
        return f"`{path}` is stated"
    if expected == "not-stated":
        return f"`{path}` is not stated"
    subject = known or f"`{path}` is"
    if isinstance(expected, Not):
        return f"{subject} none of {', '.join(str(v) for v in expected.no)}"
    values = expected if isinstance(expected, tuple) else (expected,)
    return f"{subject} {' or '.join(str(value) for value in values)}"
