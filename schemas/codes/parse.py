"""Reads the code tables from CSV texts and checks them, each alone and one against another.

TableFault   one or more tables are wrong: every fault with its file, row and column
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from schemas.codes.rows import Fault, R, Row, index, read_rows
from schemas.codes.tables import Age, Asq3Code, Asq3Form, AsqSeForm, CodeTables, SenType
from schemas.fields import nearest
from schemas.identifiers import SnomedCode
from schemas.message import AreaOfNeed
from schemas.review import Asq3Domain

SNOMED = "http://snomed.info/sct"

DOMAINS: tuple[Asq3Domain, ...] = get_args(Asq3Domain)

AREAS = "areas_of_need.csv"
FORMS = "asq3_cutoffs.csv"
ZONES = "asq3_monitoring_upper.csv"
POINTERS = "asq3_domain_to_area.csv"
SE_FORMS = "asqse_cutoffs.csv"
TYPES = "dfe_sen_type.csv"
PROVISIONS = "dfe_sen_provision.csv"
ALIASES = "sen_type_aliases.csv"
NEEDS = "dch_special_educational_need.csv"
CODE_SYSTEMS = (
    "dch_association_type.csv",
    "dch_educational_assessment_outcome.csv",
    "dch_encounter_type.csv",
    "dch_event_type.csv",
    "dch_message_event_type.csv",
    "dch_professional_comment_type.csv",
    "dch_professional_type.csv",
    "dch_reason_for_referral.csv",
    "dch_referral_urgency.csv",
    "dch_source_of_referral.csv",
)
"""Files of the shape system, code, display."""

TABLES = (
    AREAS,
    FORMS,
    POINTERS,
    ZONES,
    "asq3_snomed.csv",
    SE_FORMS,
    "asqse_snomed.csv",
    PROVISIONS,
    TYPES,
    ALIASES,
    "snomed_speech_language.csv",
    NEEDS,
    *CODE_SYSTEMS,
)
"""Every file there must be, by its name."""


class TableFault(ValueError):
    """One or more code tables are wrong. `faults` names each, with file, row and column."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


def _age(written: str) -> Age:
    found = re.fullmatch(r"(\d+) months (\d+) days", written)
    if not found or int(found[2]) > 30:
        raise PydanticCustomError("age", "is not an age; write it as `23 months 0 days`")
    return Age(int(found[1]), int(found[2]))


_Months = Annotated[int, Field(gt=0)]
_Score = Annotated[Decimal, Field(ge=0, le=60)]


class _Area(Row):
    code: AreaOfNeed
    description: str


class _Asq3Code(Row):
    snomed_code: SnomedCode
    questionnaire_months: _Months
    domain: Asq3Domain
    display: str


class _AsqSeCode(Row):
    snomed_code: SnomedCode
    questionnaire_months: _Months
    display: str


class _Points(Row):
    """Points of one questionnaire, a column for each domain."""

    questionnaire_months: _Months
    communication: _Score
    gross_motor: _Score = Field(alias="gross-motor")
    fine_motor: _Score = Field(alias="fine-motor")
    problem_solving: _Score = Field(alias="problem-solving")
    personal_social: _Score = Field(alias="personal-social")
    checked: str

    def by_domain(self) -> dict[Asq3Domain, Decimal]:
        return {domain: getattr(self, domain.replace("-", "_")) for domain in DOMAINS}


class _Ages(Row):
    """For which ages a questionnaire is."""

    questionnaire_months: _Months
    age_from: Annotated[Age, BeforeValidator(_age)]
    age_to: Annotated[Age, BeforeValidator(_age)]


class _Form(_Points, _Ages):
    pass


class _SeForm(_Ages):
    cut_off: Annotated[Decimal, Field(ge=0, le=465)]
    checked: str


class _Pointer(Row):
    asq3_domain: Asq3Domain
    area_of_need: AreaOfNeed | None = None
    note: str = ""


class _SenType(Row):
    code: str
    description: str
    area_of_need: AreaOfNeed | None = None


class _SenProvision(Row):
    code: str
    description: str


class _SenAlias(Row):
    kind: Literal["provision", "type"]
    seen: str
    canonical: str | None = None
    note: str = ""
    seen_in: str


class _Coding(Row):
    system: Annotated[str, Field(pattern="^https?://")]
    code: str
    display: str


class _Need(_Coding):
    area_of_need: AreaOfNeed | None = None


class _SpeechLanguage(Row):
    snomed_code: SnomedCode
    term: str
    evidence: str


def parse_tables(texts: Mapping[str, str]) -> CodeTables:
    """Read all code tables from their CSV texts, by file name.

    Raises:
        TableFault: a table is missing, unknown or wrong; every fault of all tables at once.
    """
    faults = [Fault(name, "is missing") for name in TABLES if name not in texts]
    for name in sorted(texts.keys() - set(TABLES)):
        known = nearest(name, TABLES) or f"; known are {', '.join(TABLES)}"
        faults.append(Fault(name, f"is not a code table{known}"))

    def table(name: str, model: type[R], *key: str) -> dict[Any, R]:
        rows = read_rows(name, texts[name], model, faults) if name in texts else []
        return index(name, rows, key, faults)

    areas = table(AREAS, _Area, "code")
    asq3_codes = table("asq3_snomed.csv", _Asq3Code, "snomed_code")
    asqse_codes = table("asqse_snomed.csv", _AsqSeCode, "snomed_code")
    forms = table(FORMS, _Form, "questionnaire_months")
    zones = table(ZONES, _Points, "questionnaire_months")
    se_forms = table(SE_FORMS, _SeForm, "questionnaire_months")
    pointers = table(POINTERS, _Pointer, "asq3_domain")
    types = table(TYPES, _SenType, "code")
    provisions = table(PROVISIONS, _SenProvision, "code")
    aliases = table(ALIASES, _SenAlias, "kind", "seen")
    speech = table("snomed_speech_language.csv", _SpeechLanguage, "snomed_code")
    needs = table(NEEDS, _Need, "system", "code")
    codings = [table(name, _Coding, "system", "code") for name in CODE_SYSTEMS]

    # One table is held against another only where both are right in themselves: no echoes.
    faulty = {fault.file for fault in faults}
    codes: dict[str, Mapping[Any, Row]] = {"type": types, "provision": provisions}
    for files, found in (
        ((AREAS,), _absent(AREAS, "code", get_args(AreaOfNeed), areas)),
        ((POINTERS,), _absent(POINTERS, "asq3_domain", DOMAINS, pointers)),
        ((FORMS,), _ages_that_overlap(FORMS, forms.values())),
        ((SE_FORMS,), _ages_that_overlap(SE_FORMS, se_forms.values())),
        ((FORMS, ZONES), _zones_that_do_not_fit(zones.values(), forms)),
        ((TYPES, PROVISIONS, ALIASES), _aliases_of_nothing(aliases.values(), codes)),
    ):
        if faulty.isdisjoint(files):
            faults += found
    if faults:
        raise TableFault(tuple(faults))

    systems = {SNOMED: {code: row.term for code, row in speech.items()}}
    coded: list[_Coding] = [row for rows in codings for row in rows.values()]
    for row in (*coded, *needs.values()):
        systems.setdefault(row.system, {})[row.code] = row.display
    return CodeTables(
        asq3_by_code={
            code: Asq3Code(row.questionnaire_months, row.domain, row.display)
            for code, row in asq3_codes.items()
        },
        asq3_forms={
            months: Asq3Form(months, row.age_from, row.age_to, row.by_domain(), row.checked)
            for months, row in forms.items()
        },
        asq3_monitoring_upper={months: row.by_domain() for months, row in zones.items()},
        asq3_area={domain: row.area_of_need for domain, row in pointers.items()},
        asqse_by_code={code: row.questionnaire_months for code, row in asqse_codes.items()},
        asqse_forms={
            months: AsqSeForm(months, row.age_from, row.age_to, row.cut_off, row.checked)
            for months, row in se_forms.items()
        },
        sen_types={
            code: SenType(code, row.description, row.area_of_need) for code, row in types.items()
        },
        dch_needs={(row.system, row.code): row.area_of_need for row in needs.values()},
        sen_provisions={code: row.description for code, row in provisions.items()},
        sen_type_aliases=_aliases(aliases.values(), "type"),
        sen_provision_aliases=_aliases(aliases.values(), "provision"),
        areas={code: row.description for code, row in areas.items()},
        systems=systems,
    )


def _absent(
    file: str, column: str, wanted: Iterable[str], found: Mapping[Any, Row]
) -> Iterator[Fault]:
    for word in wanted:
        if word not in found:
            yield Fault(file, f"has no row for {word}; add one", column=column)


def _ages_that_overlap(file: str, forms: Iterable[_Ages]) -> Iterator[Fault]:
    """No two questionnaires fit one age."""
    before: _Ages | None = None
    for form in sorted(forms, key=lambda form: form.age_from):
        if form.age_to < form.age_from:
            yield Fault(file, "is younger than age_from; write an older one", form.line, "age_to")
        elif before and form.age_from <= before.age_to:
            months = before.questionnaire_months
            detail = f"is still an age of the {months} month questionnaire; write an older one"
            yield Fault(file, detail, form.line, "age_from")
        before = form


def _zones_that_do_not_fit(zones: Iterable[_Points], forms: Mapping[Any, _Form]) -> Iterator[Fault]:
    """The monitoring zone begins at the cut-off of the same questionnaire."""
    for zone in zones:
        form = forms.get(zone.questionnaire_months)
        if form is None:
            detail = "has no cut-offs in asq3_cutoffs.csv; give them there or drop this row"
            yield Fault(ZONES, detail, zone.line, "questionnaire_months")
            continue
        cut_offs = form.by_domain()
        for domain, points in zone.by_domain().items():
            if points < cut_offs[domain]:
                detail = f"is below the cut-off; write {cut_offs[domain]} or more"
                yield Fault(ZONES, detail, zone.line, domain)


def _aliases_of_nothing(
    aliases: Iterable[_SenAlias], codes: Mapping[str, Mapping[Any, Row]]
) -> Iterator[Fault]:
    for alias in aliases:
        if alias.canonical and alias.canonical not in codes[alias.kind]:
            known = ", ".join(codes[alias.kind])
            detail = f"is no code of SEN {alias.kind}; write one of {known}, or nothing"
            yield Fault(ALIASES, detail, alias.line, "canonical")


def _aliases(rows: Iterable[_SenAlias], kind: str) -> dict[str, str | None]:
    return {row.seen: row.canonical for row in rows if row.kind == kind}
