"""The words that a policy may use beside the fields of the canonical message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from gateway.directory import OrganisationType
from schemas.message import AGENCIES

FACTS: Mapping[str, frozenset[str] | None] = {
    "sender.type": frozenset(get_args(OrganisationType)),
    "sender.agency": frozenset(AGENCIES),
    "sender.s16la": None,
    "recipient.role": None,
    "recipient.agency": frozenset(AGENCIES),
    "recipient.s16la": None,
    "recipient.treatsChild": None,
    "child.underCompulsorySchoolAge": None,
    "agreement.namesRecipient": None,
    "agreement.coversPurpose": None,
    "judgement": None,
    "judgement.detrimentConsidered": None,
    "judgement.moreDetrimental": None,
    "request.byOneWhoMayAsk": None,
}
"""Facts that are worked out from message and directory, each with the words that it may be: None
where it is yes or no, or open. `facts.py` says how they are worked out."""

RECIPIENTS = frozenset(
    {
        "general-practice",
        "setting",
        "referral-service",
        "health-referrer",
        "other-referrer",
        "voluntary-bodies",
    }
)
"""Recipients that the message names, beside the directory's roles."""

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
