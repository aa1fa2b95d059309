"""Reads the code tables from CSV texts and checks them, each alone and one against another.

TableFault   one or more tables are wrong: every fault with its file, row and column
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from schemas.codes.rows import Fault, R, Row, index, read_rows
from schemas.codes.tables import (
    DOMAINS,
    Ages,
    Asq3Code,
    Asq3Form,
    AsqSeCode,
    AsqSeForm,
    CodeTables,
    Points,
    SenType,
)
from schemas.fields import nearest
from schemas.identifiers import SnomedCode
from schemas.message import AreaOfNeed
from schemas.review import Asq3Domain

SNOMED = "http://snomed.info/sct"

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


class _Area(Row):
    code: AreaOfNeed
    description: str


class _Pointer(Row):
    asq3_domain: Asq3Domain
    area_of_need: AreaOfNeed | None = None
    note: str = ""


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
    asq3_codes = table("asq3_snomed.csv", Asq3Code, "snomed_code")
    asqse_codes = table("asqse_snomed.csv", AsqSeCode, "snomed_code")
    forms = table(FORMS, Asq3Form, "months")
    zones = table(ZONES, Points, "months")
    se_forms = table(SE_FORMS, AsqSeForm, "months")
    pointers = table(POINTERS, _Pointer, "asq3_domain")
    types = table(TYPES, SenType, "code")
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
        asq3_by_code=asq3_codes,
        asq3_forms=forms,
        asq3_monitoring_upper={months: row.by_domain() for months, row in zones.items()},
        asq3_area={domain: row.area_of_need for domain, row in pointers.items()},
        asqse_by_code={code: row.months for code, row in asqse_codes.items()},
        asqse_forms=se_forms,
        sen_types=types,
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


def _ages_that_overlap(file: str, forms: Iterable[Ages]) -> Iterator[Fault]:
    """No two questionnaires fit one age."""
    before: Ages | None = None
    for form in sorted(forms, key=lambda form: form.age_from):
        if form.age_to < form.age_from:
            yield Fault(file, "is younger than age_from; write an older one", form.line, "age_to")
        elif before and form.age_from <= before.age_to:
            months = before.months
            detail = f"is still an age of the {months} month questionnaire; write an older one"
            yield Fault(file, detail, form.line, "age_from")
        before = form


def _zones_that_do_not_fit(
    zones: Iterable[Points], forms: Mapping[Any, Asq3Form]
) -> Iterator[Fault]:
    """The monitoring zone begins at the cut-off of the same questionnaire."""
    for zone in zones:
        form = forms.get(zone.months)
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
