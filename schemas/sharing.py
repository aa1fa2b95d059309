"""What the sender states about informing, agreement, opinion, welfare, harm and safe contact.

Every part is optional. Silence is not refusal, and never agreement: what a basis needs and the
statement lacks becomes a hold that names it.
"""

from __future__ import annotations

from typing import Literal

from schemas.base import Day, Instant, Model, Text, Word
from schemas.organisation import Professional

RecipientWord = Word
"""Who is meant: a role (`setting`, `general-practice`, `early-years-sen-team`), a service's id from
the directory, or an organisation's key (`urn:…`, `ods:…`)."""


class Informed(Model):
    """One person who was told, and of what."""

    person: Literal["parental-responsibility", "has-care", "young-person"]
    """`parent` in education law includes a carer (Education Act 1996 s.576): say which it is."""
    on: Day
    by: Word | None = None
    of: Word | None = None


class Agreement(Model):
    """Agreement to share, as the sender recorded it."""

    status: Literal["given", "refused", "withdrawn", "not-asked", "not-known"]
    by: Word | None = None
    capacity: (
        Literal[
            "parental-responsibility",
            "competent-child",
            "young-person",
            "authority-with-care-order",
        ]
        | None
    ) = None
    """In which capacity. A foster carer's yes is not a parent's, so it has no word here."""
    recipients: tuple[RecipientWord, ...] = ()
    """For whom. A refusal that names nobody is a refusal for all."""
    purposes: tuple[
        Literal[
            "support-in-setting",
            "treatment",
            "special-educational-needs",
            "early-help",
            "other-support",
        ],
        ...,
    ] = ()
    """For what. Agreement covers only the purposes that it names."""
    on: Day | None = None


class Opinion(Model):
    """The opinion of Children and Families Act 2014 s.23(1), and what the parent was told of it."""

    by: Professional | None = None
    on: Day | None = None
    words: Text | None = None
    parent_informed_on: Day | None = None
    """When the parent was informed of the opinion and of the duty (s.23(2)(a))."""
    talk_offered: bool | None = None
    """That the parent had an opportunity to discuss it with an officer of the body (s.23(2)(b))."""
    organisation_named: Word | None = None
    """The voluntary organisation of which the parent was told (s.23(4)). Never a condition."""


class WelfareJudgement(Model):
    """What a holder of information considered under Children Act 2004 s.16LA, for one recipient."""

    by: Professional
    on: Day
    recipient: RecipientWord
    function: Text
    """The recipient's function or service that the disclosure may facilitate."""
    why: Text
    """Why it helps."""
    detriment_considered: bool
    more_detrimental: bool
    """That disclosing would be more detrimental to the child than not disclosing."""


class Harm(Model):
    """Reasonable cause to suspect significant harm (Children Act 1989 s.47), and the call."""

    by: Professional | None = None
    on: Day | None = None
    cause: Text | None = None
    """Reasonable cause, in words."""
    public_interest: (
        Literal["protect-from-harm", "protect-wellbeing", "consent-would-prejudice"] | None
    ) = None
    """DPA 2018 Sch 1 para 18: which of its limbs the sender relies on."""
    telephoned_at: Instant | None = None
    spoke_to: Word | None = None
    parents_told: bool | None = None
    not_told_because: Text | None = None


class SharingStatement(Model):
    """The sender's statement. The gateway checks that it says what a basis needs; it judges none."""

    informed: tuple[Informed, ...] = ()
    not_informed_because: Text | None = None
    agreement: Agreement | None = None
    opinion: Opinion | None = None
    welfare_judgements: tuple[WelfareJudgement, ...] = ()
    harm: Harm | None = None
    safe_contact: Literal["yes", "speak-to-sender-first", "do-not-contact"] | None = None
    disagreement: bool | None = None
    """Holders of parental responsibility disagree."""
    court_order_known: bool | None = None
    """That an order is known of; never its content."""
    restricted: bool | None = None
    """The child's whereabouts must not become known: nothing but harm is published."""
