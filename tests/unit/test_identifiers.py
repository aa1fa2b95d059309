"""Identifiers: what is read, how it is kept, and how a wrong one is refused."""

import csv
import json
import re
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError
from stdnum.gb import upn

from schemas import identifiers
from schemas.identifiers import (
    LaCode,
    Laestab,
    NhsNumber,
    OdsCode,
    OrganisationKey,
    Postcode,
    SnomedCode,
    Upn,
    Urn,
)

DATA = Path(__file__).parent / "data"

TYPES = {
    "nhs_number": NhsNumber,
    "upn": Upn,
    "urn": Urn,
    "laestab": Laestab,
    "ods_code": OdsCode,
    "la_code": LaCode,
    "postcode": Postcode,
    "snomed_code": SnomedCode,
    "organisation_key": OrganisationKey,
}


def read(code: str, written: object) -> str:
    """Read one value as an identifier, from strict JSON as a message does."""
    adapter: TypeAdapter[str] = TypeAdapter(TYPES[code])
    return adapter.validate_json(json.dumps(written), strict=True)


def refusal(code: str, written: object) -> str:
    """The one sentence with which a wrong value is refused."""
    with pytest.raises(ValidationError) as caught:
        read(code, written)
    (error,) = caught.value.errors()
    assert error["type"] == code
    return error["msg"]


def vectors(name: str) -> list[tuple[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as rows:
        return [(row["value"], row["expected"]) for row in csv.DictReader(rows)]


@pytest.mark.parametrize(("value", "expected"), vectors("nhs_number_vectors.csv"))
def test_nhs_numbers_are_read_and_refused_as_the_vectors_say(value: str, expected: str) -> None:
    if expected == "valid":
        assert read("nhs_number", value) == value.replace(" ", "").replace("-", "")
    else:
        assert "write its ten digits" in refusal("nhs_number", value)


@pytest.mark.parametrize(("value", "expected"), vectors("upn_vectors.csv"))
def test_upns_are_read_and_refused_as_the_vectors_say(value: str, expected: str) -> None:
    if expected == "valid":
        assert read("upn", value) == value
    else:
        assert "write its check letter" in refusal("upn", value)


def test_a_pupil_of_an_authority_founded_after_2011_has_a_upn_like_any_other() -> None:
    westmorland_and_furness = "943200012345"
    written = upn.calc_check_digit(westmorland_and_furness) + westmorland_and_furness
    assert not upn.is_valid(written), "the library has learnt of it: its own rule will do"
    assert read("upn", written) == written


@given(st.from_regex(r"[0-9]{12}", fullmatch=True))
def test_exactly_one_check_letter_fits_the_twelve_digits_of_a_upn(digits: str) -> None:
    fitting = 0
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        try:
            read("upn", letter + digits)
        except ValidationError:
            continue
        fitting += 1
    assert fitting == 1


@pytest.mark.parametrize(
    ("code", "written", "kept"),
    [
        ("upn", "z896200012345", "Z896200012345"),
        ("urn", "199901", "199901"),
        ("urn", "9999011", "9999011"),
        ("urn", "51234", "51234"),
        ("laestab", "8969901", "8969901"),
        ("laestab", "896/9901", "8969901"),
        ("laestab", "896-9901", "8969901"),
        ("ods_code", "rxa", "RXA"),
        ("ods_code", "N81991", "N81991"),
        ("la_code", "896", "896"),
        ("postcode", "CH65 9ZZ", "CH65 9ZZ"),
        ("postcode", "cw79zz", "CW7 9ZZ"),
        ("postcode", "  ch1  0zz ", "CH1 0ZZ"),
        ("postcode", "W1A0AX", "W1A 0AX"),
        ("postcode", "ZZ99 3VZ", "ZZ99 3VZ"),
        ("snomed_code", "953211000000100", "953211000000100"),
        ("snomed_code", "308452008", "308452008"),
        ("organisation_key", "ods:rxa", "ods:RXA"),
        ("organisation_key", "urn:199901", "urn:199901"),
        ("organisation_key", "la:896", "la:896"),
    ],
)
def test_each_spelling_is_kept_as_one(code: str, written: str, kept: str) -> None:
    assert read(code, written) == kept
    assert {read(code, written): "a key"}[kept] == "a key"


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("nhs_number", "９９９０００００１８"),  # full-width digits
        ("nhs_number", "9990000018\n"),
        ("urn", "1234"),
        ("urn", "EY123456"),
        ("urn", "12345678"),
        ("laestab", "896990"),
        ("laestab", "LLL9901"),
        ("ods_code", "Q9"),
        ("ods_code", "RXA-01"),
        ("ods_code", "A" * 13),
        ("la_code", "75"),
        ("la_code", "W06000005"),
        ("postcode", "SK10"),
        ("postcode", "CH65 9CC"),  # C, I, K, M, O and V never stand in the second half
        ("postcode", "Chester"),
        ("snomed_code", "953211000000101"),  # wrong check digit
        ("snomed_code", "0953211000000100"),
        ("snomed_code", "12345"),
        ("organisation_key", "RTQ"),
        ("organisation_key", "ODS:RXA"),
        ("organisation_key", "la:cheshire"),
        *((code, "") for code in TYPES),
    ],
)
def test_a_wrong_one_is_refused_in_one_sentence_that_never_quotes_it(
    code: str, written: str
) -> None:
    sentence = refusal(code, written)
    assert re.fullmatch(r"is (not|empty)[^;]*; write [^.;]*", sentence)
    assert not written or written not in sentence


@pytest.mark.parametrize("code", TYPES)
def test_a_number_is_not_taken_for_an_identifier(code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read(code, 9990000018)
    assert caught.value.errors()[0]["type"] == "string_type"


@pytest.mark.parametrize("code", TYPES)
def test_the_json_schema_shows_pattern_description_and_examples_that_are_right(code: str) -> None:
    class Holder(BaseModel):
        value: TYPES[code]  # type: ignore[valid-type]

    schema = Holder.model_json_schema()["properties"]["value"]
    assert schema["type"] == "string"
    assert schema["description"]
    assert schema["examples"]
    for example in schema["examples"]:
        jsonschema.validate(example, schema)
        read(code, example)


@pytest.mark.parametrize("code", TYPES)
def test_the_pattern_of_the_json_schema_lets_all_through_that_is_read(code: str) -> None:
    schema = TypeAdapter(TYPES[code]).json_schema()

    @settings(max_examples=50, deadline=None)
    @given(st.from_regex(schema["pattern"], fullmatch=True) | st.text(max_size=12))
    def check(written: str) -> None:
        try:
            kept = read(code, written)
        except ValidationError:
            return
        jsonschema.validate(written, schema)
        jsonschema.validate(kept, schema)
        assert read(code, kept) == kept, "what is kept is read as itself"

    check()


def test_every_type_of_the_module_is_tested_here() -> None:
    annotated = {
        name for name, value in vars(identifiers).items() if hasattr(value, "__metadata__")
    }
    assert len(annotated) == len(TYPES)
