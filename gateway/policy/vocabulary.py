"""The words that a policy may use beside the fields of the canonical message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from gateway.directory import OrganisationType
from schemas.fields import choices
from schemas.finding import Level
from schemas.message import AGENCIES

FACTS: Mapping[str, frozenset[str] | type[bool] | None] = {
    "sender.type": frozenset(get_args(OrganisationType)),
    "sender.agency": frozenset(AGENCIES),
    "sender.s16la": bool,
    "recipient.role": None,
    "recipient.agency": frozenset(AGENCIES),
    "recipient.s16la": bool,
    "recipient.treatsChild": bool,
    "child.underCompulsorySchoolAge": bool,
    "child.lookedAfterByThisAuthority": bool,
    "child.socialWorkerOfThisAuthority": bool,
    "agreement.namesRecipient": bool,
    "agreement.coversPurpose": bool,
    "judgement": bool,
    "judgement.detrimentConsidered": bool,
    "judgement.moreDetrimental": bool,
    "request.byOneWhoMayAsk": bool,
    "request.byThisAuthority": bool,
    "harm.parentsToldOrWhyNot": bool,
    "findings.level": frozenset(get_args(Level)),
}
"""Facts that are worked out from message and directory, each with the words that it may be, bool
where it is true or false, None where it is a role of the directory. `facts.py` says how they are worked out."""

RECIPIENTS: Mapping[str, str] = {
    "general-practice": "the child's general practice",
    "setting": "the child's nursery, childminder or school",
    "referral-service": "the service that is asked, by general practice",
    "health-referrer": "the health referrer",
    "other-referrer": "a referrer outside health",
    "voluntary-bodies": "each voluntary body that the agreement names",
}
"""Recipients that the message names, beside the directory's roles, and who they are in words."""

HOLD_REASONS = frozenset(
    {
        "condition-missing",
        "agreement-stops-it",
        "disagreement",
        "home-not-determined",
        "out-of-area",
        "age-not-determined",
        "recipient-unknown",
        "restricted",
        "no-route",
        "no-channel",
    }
)

PURPOSES = (choices(("sharing", "agreement", "purposes")) or frozenset()) | {"safeguarding"}
"""What a route may be for: a purpose that agreement can cover, or safeguarding."""
