"""Code tables: what the shipped ones say, and how a wrong one is named."""

from dataclasses import FrozenInstanceError
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from gateway.tables import load_tables
from schemas.codes import SNOMED, TABLES, Age, CodeTables, TableFault, parse_tables
from schemas.identifiers import SnomedCode

DOMAINS = ("communication", "gross-motor", "fine-motor", "problem-solving", "personal-social")

# NHS national derivation (24, 27, 30) and ASQ-3 information summaries (33, 36).
CUT_OFFS = {
    24: ("25.17", "38.07", "35.16", "29.78", "31.54"),
    27: ("24.02", "28.01", "18.42", "27.62", "25.31"),
    30: ("33.30", "36.14", "19.25", "27.08", "32.01"),
    33: ("25.36", "34.80", "12.28", "26.92", "28.96"),
    36: ("30.99", "36.99", "18.07", "30.29", "35.33"),
}
MONITORING_UPPER = {
    24: (35, 45, 40, 35, 40),
    27: (35, 40, 30, 40, 35),
    30: (45, 45, 30, 40, 45),
    33: (40, 45, 25, 40, 40),
    36: (40, 45, 30, 40, 45),
}
AGES = {
    24: (Age(23, 0), Age(25, 15)),
    27: (Age(25, 16), Age(28, 15)),
    30: (Age(28, 16), Age(31, 15)),
    33: (Age(31, 16), Age(34, 15)),
    36: (Age(34, 16), Age(38, 30)),
}


@pytest.fixture(scope="module")
def tables() -> CodeTables:
    return load_tables()


def texts(**changed: str) -> dict[str, str]:
    """The shipped tables as texts, some of them changed."""
    shipped = {
        file.name: file.read_text(encoding="utf-8")
        for file in files("schemas.codes").iterdir()
        if file.name.endswith(".csv")
    }
    return shipped | {f"{name}.csv": text for name, text in changed.items()}


def shipped(name: str) -> str:
    return texts()[f"{name}.csv"]


def faults(given: dict[str, str]) -> list[str]:
    with pytest.raises(TableFault) as caught:
        parse_tables(given)
    assert str(caught.value).splitlines() == [str(fault) for fault in caught.value.faults]
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize("months", CUT_OFFS)
def test_every_cut_off_is_the_published_one(tables: CodeTables, months: int) -> None:
    expected = dict(zip(DOMAINS, map(Decimal, CUT_OFFS[months]), strict=True))
    form = tables.asq3_forms[months]
    assert form.months == months
    assert form.cut_offs == expected
    assert (form.age_from, form.age_to) == AGES[months]
    assert form.checked


@pytest.mark.parametrize("months", MONITORING_UPPER)
def test_every_upper_end_of_the_monitoring_zone_is_as_recorded(
    tables: CodeTables, months: int
) -> None:
    expected = dict(zip(DOMAINS, map(Decimal, MONITORING_UPPER[months]), strict=True))
    assert tables.asq3_monitoring_upper[months] == expected


def test_no_other_questionnaire_has_cut_offs(tables: CodeTables) -> None:
    assert set(tables.asq3_forms) == set(CUT_OFFS)
    assert set(tables.asq3_monitoring_upper) == set(MONITORING_UPPER)


def test_each_questionnaire_has_one_code_for_each_domain(tables: CodeTables) -> None:
    meant = [(code.months, code.domain) for code in tables.asq3_by_code.values()]
    assert len(set(meant)) == len(meant) == 21 * 5
    assert {domain for _, domain in meant} == set(DOMAINS)
    problem_solving = tables.asq3_by_code["953241000000104"]
    assert (problem_solving.months, problem_solving.domain) == (24, "problem-solving")
    personal_social = tables.asq3_by_code["953251000000101"]
    assert (personal_social.months, personal_social.domain) == (24, "personal-social")


def test_every_snomed_code_has_a_check_digit_that_fits(tables: CodeTables) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(SnomedCode)
    for code in [*tables.asq3_by_code, *tables.asqse_by_code, *tables.systems[SNOMED]]:
        assert adapter.validate_python(code) == code


def test_a_domain_points_to_an_area_of_need_or_to_none(tables: CodeTables) -> None:
    assert tables.asq3_area == {
        "communication": "communication-and-interaction",
        "gross-motor": "sensory-and-or-physical",
        "fine-motor": "sensory-and-or-physical",
        "problem-solving": "cognition-and-learning",
        "personal-social": None,
    }
    assert {area for area in tables.asq3_area.values() if area} <= set(tables.areas)


def test_needs_have_the_area_of_the_code_of_practice(tables: CodeTables) -> None:
    assert tables.sen_types["SLCN"].area == "communication-and-interaction"
    assert tables.sen_types["SPLD"].area == "cognition-and-learning"
    assert tables.sen_types["SEMH"].area == "social-emotional-and-mental-health"
    assert tables.sen_types["HI"].area == "sensory-and-or-physical"
    assert tables.sen_types["OTH"].area is None
    assert set(tables.sen_provisions) == {"N", "K", "E"}


def test_an_obsolete_or_unknown_spelling_is_not_guessed(tables: CodeTables) -> None:
    assert tables.sen_type_aliases["NSA*"] == "NSA"
    assert tables.sen_type_aliases["PLD"] is None
    assert tables.sen_type_aliases["BESD"] is None
    assert tables.sen_provision_aliases["SEN support"] == "K"
    assert tables.sen_provision_aliases["S"] is None


def test_codes_that_begin_with_noughts_keep_them(tables: CodeTables) -> None:
    encounters = tables.systems[
        "https://fhir.nhs.uk/STU3/CodeSystem/DCH-ChildHealthEncounterType-1"
    ]
    assert encounters["0020"] == "2-2 ½ Year Heath Visitor Review"
    assert "20" not in encounters
    events = tables.systems["https://fhir.nhs.uk/STU3/CodeSystem/DCH-ChildHealthEventType-1"]
    assert events["CH004"] == "Assessment Scales"


def test_every_table_has_its_source_in_the_readme() -> None:
    readme = (files("schemas.codes") / "README.md").read_text(encoding="utf-8")
    assert set(texts()) == set(TABLES)
    for name in TABLES:
        (row,) = [line for line in readme.splitlines() if line.startswith(f"| {name} |")]
        assert all(cell.strip() for cell in row.strip("|").split("|"))


def test_the_tables_cannot_be_changed(tables: CodeTables) -> None:
    with pytest.raises(FrozenInstanceError):
        tables.areas = {}  # type: ignore[misc]


def test_a_wrong_cell_is_named_by_file_row_and_column() -> None:
    wrong = shipped("asq3_cutoffs").replace("28.01", "61").replace("19.25", "19,25")
    wrong = wrong.replace("31 months 16 days", "31 months")
    broken = shipped("asq3_snomed").replace("952611000000105", "9.52611E+14")
    assert faults(texts(asq3_cutoffs=wrong, asq3_snomed=broken)) == [
        "asq3_snomed.csv, row 2, column snomed_code: is not written as a SNOMED CT code "
        "(11 characters); write its 6 to 18 digits as a string (a number loses the last of them), "
        "of which the last checks the others",
        "asq3_cutoffs.csv, row 3, column gross-motor: should be less than or equal to 60",
        "asq3_cutoffs.csv, row 4: has 10 cells, and the header has 9; "
        "quote a cell that holds a comma",
        "asq3_cutoffs.csv, row 5, column age_from: is not an age; write it as `23 months 0 days`",
    ]


def test_a_wrong_heading_is_named_with_the_one_that_was_meant() -> None:
    wrong = shipped("asq3_cutoffs").replace("gross-motor", "gross_motor", 1)
    assert faults(texts(asq3_cutoffs=wrong)) == [
        "asq3_cutoffs.csv, row 1, column gross_motor: is not a column of this file; "
        "did you mean `gross-motor`?",
        "asq3_cutoffs.csv, row 1, column gross-motor: is missing; add the column",
    ]


def test_an_empty_cell_is_named() -> None:
    wrong = shipped("dfe_sen_type").replace("SLCN,Speech language and communication needs", "SLCN,")
    assert faults(texts(dfe_sen_type=wrong)) == [
        "dfe_sen_type.csv, row 6, column description: is empty; "
        "this column needs a value in every row"
    ]


def test_a_code_that_is_given_twice_is_named_with_its_first_row() -> None:
    last = shipped("asq3_snomed").splitlines()[-1]
    assert faults(texts(asq3_snomed=shipped("asq3_snomed") + last + "\n")) == [
        "asq3_snomed.csv, row 107, column snomed_code: "
        "is given a second time, after row 106; keep one"
    ]


def test_tables_that_contradict_one_another_are_named() -> None:
    forms = shipped("asq3_cutoffs").replace("25 months 16 days", "25 months 15 days")
    zones = shipped("asq3_monitoring_upper").replace("24,35,", "24,25,").replace("36,40", "42,40")
    aliases = shipped("sen_type_aliases").replace("SpLD,SPLD", "SpLD,SPL")
    found = faults(texts(asq3_cutoffs=forms, asq3_monitoring_upper=zones, sen_type_aliases=aliases))
    assert found[:3] == [
        "asq3_cutoffs.csv, row 3, column age_from: "
        "is still an age of the 24 month questionnaire; write an older one",
        "asq3_monitoring_upper.csv, row 2, column communication: "
        "is below the cut-off; write 25.17 or more",
        "asq3_monitoring_upper.csv, row 6, column questionnaire_months: "
        "has no cut-offs in asq3_cutoffs.csv; give them there or drop this row",
    ]
    assert found[3].startswith(
        "sen_type_aliases.csv, row 15, column canonical: is no code of SEN type; write one of SPLD,"
    )


def test_a_missing_and_an_unknown_table_are_named() -> None:
    given = texts(asq3_cutoff="questionnaire_months\n")
    del given["areas_of_need.csv"]
    assert faults(given) == [
        "areas_of_need.csv: is missing",
        "asq3_cutoff.csv: is not a code table; did you mean `asq3_cutoffs.csv`?",
    ]


def test_a_deployment_replaces_the_licensed_cut_offs(tmp_path: Path) -> None:
    licensed = shipped("asq3_cutoffs").replace("25.17", "26.5")
    (tmp_path / "asq3_cutoffs.csv").write_text("\ufeff" + licensed, encoding="utf-8")
    tables = load_tables(tmp_path)
    assert tables.asq3_forms[24].cut_offs["communication"] == Decimal("26.5")
    assert tables.sen_types["SLCN"].code == "SLCN"


def test_the_cut_offs_of_the_asq_se_2_say_that_nobody_verified_them(tables: CodeTables) -> None:
    cut_offs = {months: form.cut_off for months, form in tables.asqse_forms.items()}
    assert cut_offs == {24: 65, 30: 85, 36: 105}
    assert all("not verified" in form.checked for form in tables.asqse_forms.values())
    assert set(cut_offs) <= set(tables.asqse_by_code.values())


def test_a_deployment_without_a_licence_empties_the_tables_of_points(tmp_path: Path) -> None:
    for name in ("asq3_cutoffs", "asq3_monitoring_upper", "asqse_cutoffs"):
        (tmp_path / f"{name}.csv").write_text(shipped(name).splitlines()[0], encoding="utf-8")
    tables = load_tables(tmp_path)
    assert not tables.asq3_forms
    assert not tables.asq3_monitoring_upper
    assert not tables.asqse_forms
    assert tables.asq3_by_code


def test_a_table_in_another_encoding_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "areas_of_need.csv").write_bytes(b"code,description\nx,caf\xe9\n")
    with pytest.raises(TableFault, match=r"areas_of_need\.csv: is not UTF-8; save it as"):
        load_tables(tmp_path)


def test_a_folder_of_tables_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableFault, match="is not a folder"):
        load_tables(tmp_path / "nowhere")
