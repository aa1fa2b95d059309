"""The child, and the people and places around the child."""

from __future__ import annotations

from typing import Literal

from schemas.base import Day, Language, Model, PartialDate, Text, Word
from schemas.identifiers import LaCode, Laestab, NhsNumber, OdsCode, Postcode, Upn, Urn
from schemas.organisation import Professional

NhsNumberStatus = Literal[
    "number-present-and-verified",
    "number-present-but-not-traced",
    "trace-required",
    "trace-attempted",
    "trace-needs-to-be-resolved",
    "trace-in-progress",
    "number-not-present-and-trace-not-required",
    "trace-postponed",
]
"""NHS Data Dictionary, NHS NUMBER STATUS INDICATOR CODE 01 to 08, in the words of UK Core."""

Sex = Literal["female", "male", "other", "unknown"]
"""FHIR administrative gender."""


class Address(Model):
    """Where the child lives."""

    lines: tuple[Word, ...] = ()
    town: Word | None = None
    postcode: Postcode | None = None


class ResponsiblePerson(Model):
    """One who holds parental responsibility, or has care of the child, and how to reach them."""

    name: Word
    relationship: Word | None = None
    parental_responsibility: bool | None = None
    """Children Act 1989 s.3. A carer without it is stated with `false`."""
    phone: Word | None = None
    email: Word | None = None
    first_language: Language | None = None


class Setting(Model):
    """The nursery, childminder or school that the child attends."""

    urn: Urn | None = None
    laestab: Laestab | None = None
    name: Word | None = None
    key_person: Word | None = None
    """The child's key person (EYFS), or the SENCO."""


class LookedAfter(Model):
    """That the child is looked after (Children Act 1989 s.22), and by which authority."""

    authority: LaCode | None = None
    """None where it is known that the child is looked after, but not by whom."""


class Child(Model):
    """Who the message is about."""

    nhs_number: NhsNumber | None = None
    nhs_number_status: NhsNumberStatus | None = None
    upn: Upn | None = None
    """Unique Pupil Number (DfE)."""
    given_names: tuple[Word, ...] = ()
    """All given names, in order."""
    family_name: Word | None = None
    former_names: tuple[Word, ...] = ()
    birth_date: PartialDate | None = None
    expected_birth_date: Day | None = None
    """The date on which birth was expected: prematurity is corrected until 24 months."""
    multiple_birth: bool | None = None
    sex: Sex | None = None
    address: Address | None = None
    general_practice: OdsCode | None = None
    """ODS code of the practice where the child is registered."""
    setting: Setting | None = None
    responsible_people: tuple[ResponsiblePerson, ...] = ()
    first_language: Language | None = None
    interpreter_language: Language | None = None
    """The language for which the family needs an interpreter."""
    accessible_formats: tuple[Word, ...] = ()
    looked_after: LookedAfter | None = None
    child_protection_plan: bool | None = None
    lead_practitioner: Professional | None = None
    allocated_social_worker: Professional | None = None
    note: Text | None = None
    """Anything about the child that has no place of its own. Leaves in no default view."""
