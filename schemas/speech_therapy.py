"""The speech and language therapy report."""

from __future__ import annotations

from typing import Literal

from schemas.base import Coding, Day, Model, Text, Word
from schemas.identifiers import LaCode
from schemas.organisation import Organisation
from schemas.review import View

TherapyArea = Literal[
    "speech-sounds",
    "understanding",
    "expressive-language",
    "social-communication",
    "fluency",
    "voice",
    "eating-and-drinking",
]


class AreaFinding(Model):
    """One area of communication or of eating and drinking, with the therapist's severity."""

    area: TherapyArea
    severity: Literal["none", "mild", "moderate", "severe"] | None = None
    code: Coding | None = None
    words: Text | None = None


class Provision(Model):
    """Provision recommended or made: what, how often, by whom."""

    what: Text
    how_often: Word | None = None
    by_whom: Word | None = None


class SafetyPlan(Model):
    """How the child eats and drinks safely."""

    choking_risk: bool
    words: Text


class AuthorityRequest(Model):
    """The authority's request for advice (SEND Regulations 2014 reg 6(1))."""

    authority: LaCode
    on: Day
    reference: Word | None = None


class SpeechTherapyReport(Model):
    """What a speech and language therapist found, and recommends."""

    identifier: Word
    """The report's business identifier in the therapist's system."""
    type: Literal["assessment", "progress", "discharge", "advice"]
    date: Day
    requested_by: AuthorityRequest | None = None
    """Present where the authority asked for the advice."""
    referrer: Organisation | None = None
    areas: tuple[AreaFinding, ...] = ()
    findings: tuple[Coding, ...] = ()
    history: Text | None = None
    """History and diagnoses. Leaves to a health referrer and to an authority that asked."""
    impact: Text | None = None
    strengths: tuple[Text, ...] = ()
    views: tuple[View, ...] = ()
    provision: tuple[Provision, ...] = ()
    advice_for_home: tuple[Text, ...] = ()
    advice_for_setting: tuple[Text, ...] = ()
    safety_plan: SafetyPlan | None = None
    next_step: Text | None = None
    review_date: Day | None = None
