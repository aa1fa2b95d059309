"""What the code tables say, as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from schemas.message import AreaOfNeed
from schemas.review import Asq3Domain


@dataclass(frozen=True, order=True)
class Age:
    """A child's age: completed months, and the days over them."""

    months: int
    days: int


@dataclass(frozen=True)
class Asq3Code:
    """What a SNOMED CT code of an ASQ-3 score means."""

    months: int
    """The questionnaire's month."""
    domain: Asq3Domain
    display: str


@dataclass(frozen=True)
class Asq3Form:
    """One ASQ-3 questionnaire: for which ages, and with which cut-offs."""

    months: int
    """The questionnaire's month, by which it is called."""
    age_from: Age
    """The youngest age that it fits; for a child born early, corrected until 24 months."""
    age_to: Age
    """The oldest age that it fits, this day included."""
    cut_offs: Mapping[Asq3Domain, Decimal]
    """In points, 0 to 60. A score below it is 2 standard deviations or more under the mean."""
    checked: str
    """How well the row is supported."""


@dataclass(frozen=True)
class AsqSeForm:
    """One ASQ:SE-2 questionnaire: for which ages, and with which cut-off."""

    months: int
    age_from: Age
    """The youngest age that it fits."""
    age_to: Age
    """The oldest age that it fits, this day included."""
    cut_off: Decimal
    """In points, 0 to 465. A total above it calls for a closer look: higher is worse."""
    checked: str
    """How well the row is supported."""


@dataclass(frozen=True)
class SenType:
    """A type of need in the school census and SEN2."""

    code: str
    description: str
    area: AreaOfNeed | None
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
