"""Referrals, requests and notifications: each asks, or obliges, somebody to act."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Coding, Day, Model, Text, Word
from schemas.organisation import Professional
from schemas.review import Asq3, SenseStatus, View
from schemas.sen_support import Need


class ServiceReferral(Model):
    """A referral to a service or speciality."""

    to: Word
    """A role (`speech-and-language-therapy`, `audiology`, `paediatrics`) or a service's id."""
    to_code: Coding | None = None
    """The service as received, where our map lacks it."""
    reason: Coding | None = None
    reason_words: Text | None = None
    comment: Text | None = None
    urgency: Literal["routine", "urgent"] | None = None
    tried: tuple[Text, ...] = ()
    question: Text | None = None
    asq3: Asq3 | None = None
    hearing: SenseStatus | None = None


Requester = Literal[
    "parent", "young-person", "school", "health-professional", "social-care-professional", "other"
]
"""Only a parent, a young person or a school or post-16 institution may ask (s.36(1)). Anybody else
may bring a child to the authority's attention, which is no request."""

SEN2_REQUEST_SOURCE: Mapping[Requester, str] = {
    "parent": "1",
    "young-person": "1",
    "school": "2",
    "health-professional": "3",
    "social-care-professional": "4",
    "other": "5",
}
"""Who asked, as the SEN2 return counts it (RequestSource)."""


class EhcRequest(Model):
    """A request for an EHC needs assessment (Children and Families Act 2014 s.36(1)).

    What it says follows SEND Code of Practice 9.14. The authority may not insist on a form, so
    nothing but who asks is required.
    """

    requested_by: Requester
    received_on: Day | None = None
    """When the authority received it, where the sender knows: its six weeks begin then."""
    needs: tuple[Need, ...] = ()
    attainment: Text | None = None
    """Attainment, or developmental milestones, and the rate of progress."""
    nature_of_needs: Text | None = None
    """Nature, extent and context of the needs."""
    action_taken: Text | None = None
    extra_support: Text | None = None
    """Where progress was made, that it took much more support than is usual."""
    health: Text | None = None
    """Physical, emotional and social development and health, from clinicians."""
    professionals: tuple[Professional, ...] = ()
    """Who works with the child, such as an educational psychologist."""
    year_group: Word | None = None
    out_of_year_group: bool | None = None
    admitted_on: Day | None = None
    """When the child began at the setting."""
    attendance: Word | None = None
    """In the sender's words, such as `87 % since September`."""
    hours_a_week: Annotated[float, Field(ge=0, le=60)] | None = None
    """In the setting; of a child under five."""
    previous_settings: tuple[Word, ...] = ()
    armed_forces_family: bool | None = None
    may_gather_reports: bool | None = None
    """That reports may be gathered and shared for it. Never a condition of the request."""

    @property
    def request_source(self) -> str:
        """Who asked, as the SEN2 return counts it: 1 to 5."""
        return SEN2_REQUEST_SOURCE[self.requested_by]


class SenNotification(Model):
    """A notification under Children and Families Act 2014 s.23. It is not a referral.

    The opinion, and what the parent was told of it, stand in `sharing.opinion`; the areas of need
    in the conclusion `probable-sen-or-disability`. What is asked of a service is another message.
    """

    diagnosis: Text | None = None
    """Diagnosis or medical condition, where there is one."""
    in_place: tuple[Text, ...] = ()
    """What is in place already."""
    parents_view: Text | None = None
    social_care_involved: bool | None = None
    """Leaves in no default view to education, as a social worker's name does not."""
    setting_since: Day | None = None


class EarlyHelpRequest(Model):
    """Family support below significant harm (Children Act 1989 s.17, Children Act 2004 s.10)."""

    worry: Text
    strengths: tuple[Text, ...] = ()
    tried: tuple[Text, ...] = ()
    hoped_for: Text | None = None


class SafeguardingFact(Model):
    """One fact: what, when, seen by the sender or told by whom."""

    words: Text
    observed_on: Day | None = None
    first_hand: bool | None = None
    told_by: Word | None = None


class HouseholdMember(Model):
    """Somebody who lives with the child."""

    name: Word
    relationship: Word | None = None
    birth_date: Day | None = None


class SafeguardingReferral(Model):
    """What the front door needs after the telephone call. Who suspects and why stand in `harm`."""

    facts: tuple[SafeguardingFact, ...] = ()
    household: tuple[HouseholdMember, ...] = ()
    whereabouts: Text | None = None
    """Where the child is now."""
    parents_know: bool | None = None


class Referral(Model):
    """A request that somebody act, or a notification that obliges somebody to consider it."""

    identifier: Word
    """The referral's business identifier in the sender's system."""
    type: Literal[
        "service",
        "ehc-needs-assessment",
        "section-23-notification",
        "early-help",
        "safeguarding",
    ]
    date: Day
    service: ServiceReferral | None = None
    ehc: EhcRequest | None = None
    notification: SenNotification | None = None
    early_help: EarlyHelpRequest | None = None
    safeguarding: SafeguardingReferral | None = None
    source: Coding | None = None
    """Who asked that the child be referred (DCH-SourceOfReferral-1), where that is stated."""
    views: tuple[View, ...] = ()
