"""Referrals and requests: to a service, for an EHC needs assessment, early help, safeguarding."""

from __future__ import annotations

from typing import Literal

from schemas.base import Coding, Day, Model, Text, Word
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


class EhcRequest(Model):
    """A request for an EHC needs assessment (Children and Families Act 2014 s.36(1))."""

    requested_by: Literal["parent", "young-person", "school", "other"]
    """Only a parent, a young person or a school or post-16 institution may ask (s.36(1))."""
    received_on: Day | None = None
    needs: tuple[Need, ...] = ()
    attainment: Text | None = None
    nature_of_needs: Text | None = None
    action_taken: Text | None = None
    extra_support: Text | None = None
    health: Text | None = None


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
    """A request that somebody act."""

    identifier: Word
    """The referral's business identifier in the sender's system."""
    type: Literal["service", "ehc-needs-assessment", "early-help", "safeguarding"]
    date: Day
    service: ServiceReferral | None = None
    ehc: EhcRequest | None = None
    early_help: EarlyHelpRequest | None = None
    safeguarding: SafeguardingReferral | None = None
    source: Coding | None = None
    """Who asked that the child be referred (DCH-SourceOfReferral-1), where that is stated."""
    views: tuple[View, ...] = ()
