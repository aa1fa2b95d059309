"""What the code tables say: rows as they stand in their files, and all tables together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, get_args

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from schemas.codes.rows import Row
from schemas.identifiers import SnomedCode
from schemas.message import AreaOfNeed
from schemas.review import Asq3Domain

DOMAINS: tuple[Asq3Domain, ...] = get_args(Asq3Domain)


@dataclass(frozen=True, order=True)
class Age:
    """A child's age: completed months, and the days over them."""

    months: int
    days: int


def _age(written: str) -> Age:
    found = re.fullmatch(r"(\d+) months (\d+) days", written)
    if not found or int(found[2]) > 30:
        raise PydanticCustomError("age", "is not an age; write it as `23 months 0 days`")
    return Age(int(found[1]), int(found[2]))


Months = Annotated[int, Field(gt=0, alias="questionnaire_months")]
"""The month by which a questionnaire is called."""
_Score = Annotated[Decimal, Field(ge=0, le=60)]


class Asq3Code(Row):
    """What a SNOMED CT code of an ASQ-3 score means."""

    snomed_code: SnomedCode
    months: Months
    domain: Asq3Domain
    display: str


class AsqSeCode(Row):
    """What a SNOMED CT code of an ASQ:SE-2 total means."""

    snomed_code: SnomedCode
    months: Months
    display: str


class Points(Row):
    """Points of one ASQ-3 questionnaire, 0 to 60: a column for each domain."""

    months: Months
    communication: _Score
    gross_motor: _Score = Field(alias="gross-motor")
    fine_motor: _Score = Field(alias="fine-motor")
    problem_solving: _Score = Field(alias="problem-solving")
    personal_social: _Score = Field(alias="personal-social")
    checked: str
    """How well the row is supported."""

    def by_domain(self) -> dict[Asq3Domain, Decimal]:
        """Return the points of each domain."""
        return {domain: getattr(self, domain.replace("-", "_")) for domain in DOMAINS}


class Ages(Row):
    """For which ages a questionnaire is; for a child born early, corrected until 24 months."""

    months: Months
    age_from: Annotated[Age, BeforeValidator(_age)]
    """The youngest age that it fits."""
    age_to: Annotated[Age, BeforeValidator(_age)]
    """The oldest age that it fits, this day included."""


class Asq3Form(Points, Ages):
    """One ASQ-3 questionnaire: for which ages, and with which cut-offs."""

    @property
    def cut_offs(self) -> Mapping[Asq3Domain, Decimal]:
        """In points. A score below it is 2 standard deviations or more under the mean."""
        return self.by_domain()


class AsqSeForm(Ages):
    """One ASQ:SE-2 questionnaire: for which ages, and with which cut-off."""

    cut_off: Annotated[Decimal, Field(ge=0, le=465)]
    """In points, 0 to 465. A total above it calls for a closer look: higher is worse."""
    checked: str
    """How well the row is supported."""


class SenType(Row):
    """A type of need in the school census and SEN2."""

    code: str
    description: str
    area: Annotated[AreaOfNeed | None, Field(alias="area_of_need")] = None
    """The broad area of need (SEND Code of Practice 2015, chapter 6); None where it has none."""


@dataclass(frozen=True, kw_only=True)
class CodeTables:
    """All code tables. Read once at start and passed to whoever needs them."""

    asq3_by_code: Mapping[str, Asq3Code]
    """SNOMED CT code of a domain's score to what it means."""
    asq3_forms: Mapping[int, Asq3Form]
    """By the questionnaire's month. Only those whose cut-offs are known."""
    asq3_monitoring_upper: Mapping[int, Mapping[Asq3Domain, Decimal]]
    """By the questionnaire's month: the highest score, in points, still in the monitoring zone."""
    asq3_area: Mapping[Asq3Domain, AreaOfNeed | None]
    """The area of need that a domain points to, for health services' eyes. Scores never route."""
    asqse_by_code: Mapping[str, int]
    """SNOMED CT code of an ASQ:SE-2 total to the questionnaire's month."""
    asqse_forms: Mapping[int, AsqSeForm]
    """By the questionnaire's month. Only those whose cut-off is given."""
    sen_types: Mapping[str, SenType]
    """By the DfE's code, such as `SLCN`."""
    dch_needs: Mapping[tuple[str, str], AreaOfNeed | None]
    """System and code of a need by the NHS's list, or of its SNOMED CT counterpart, to the area. That
    list is not the DfE's: no code of one is one of the other."""
    sen_provisions: Mapping[str, str]
    """DfE code of SEN provision (N, K, E) to its description."""
    sen_type_aliases: Mapping[str, str | None]
    """A spelling that is met to the DfE's code of a type. None: carried word for word."""
    sen_provision_aliases: Mapping[str, str | None]
    """A spelling that is met to the DfE's code of a provision. None: history only."""
    areas: Mapping[AreaOfNeed, str]
    """The four broad areas of need, by id."""
    systems: Mapping[str, Mapping[str, str]]
    """URI of a code system to its codes and their displays: Digital Child Health, and of SNOMED CT
    those of speech and language therapy."""
