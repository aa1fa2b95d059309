"""What the FHIR library lets through is refused here, in JSON and in XML, exactly where it stands."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from adapters.errors import NotUnderstood, NotWellFormed
from adapters.inbound import fhir
from adapters.outbound.fhir_xml import to_xml
from tests.unit.adapters.fhir_reading import TABLES, example, place, read, resource

SAMPLES = {"STU3": "stu3/CH004.json", "R4": "r4/review.json"}
VERSIONS = pytest.mark.parametrize("version", SAMPLES)
JSON, XML = "JSON", "XML"
NOWHERE = {"reference": "urn:uuid:00000000-0000-4000-8000-00000000dead"}
FAMILY = "name[0].family"


def refused(bundle: Any, version: str, form: str) -> set[tuple[str, str]]:
    """Return where the faults are, and their codes."""
    body = json.dumps(bundle).encode() if form == JSON else to_xml(bundle, version)
    with pytest.raises(NotUnderstood) as error:
        (fhir.parse if form == JSON else fhir.parse_xml)(body, TABLES)
    return {(fault.pointer, fault.code) for fault in error.value.faults}


def planted(version: str, kind: str, path: str, value: Any) -> Any:
    """Return a sample with a value at a path of its Bundle, or of its first resource of a type."""
    bundle = example(SAMPLES[version])
    node = bundle if kind == "Bundle" else resource(bundle, kind)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    for part in parents:
        node = node[part] if isinstance(part, int) else node.setdefault(part, {})
    node[last] = value
    return bundle


@VERSIONS
@pytest.mark.parametrize("form", [JSON, XML])
@pytest.mark.parametrize(
    ("kind", "path", "value", "where", "code"),
    [
        ("Patient", "multipleBirthInteger", 1.5, "multipleBirthInteger", "value"),
        ("Patient", "multipleBirthInteger", 1e30, "multipleBirthInteger", "value"),
        ("Bundle", "total", -1, "total", "value"),
        ("Patient", "birthDate", "2024-02-30", "birthDate", "partial-date"),
        ("Patient", "birthDate", "2024-13-01", "birthDate", "partial-date"),
        ("Patient", "birthDate", "0000-01-01", "birthDate", "partial-date"),
        ("Patient", "birthDate", "2024-05-14T10:00:00Z", "birthDate", "partial-date"),
        ("Patient", "deceasedDateTime", "2026-02-30", "deceasedDateTime", "value"),
        ("Encounter", "period/start", "2026-02-30", "period.start", "value"),
        ("Encounter", "period/start", "2026-11-17T25:00:00Z", "period.start", "value"),
        ("Encounter", "period/start", "2026-11-17T24:00:00Z", "period.start", "value"),
        ("Encounter", "period/start", "2026-11-17T10:00:60Z", "period.start", "value"),
        ("Encounter", "period/start", "2026-11-17T10:00:00", "period.start", "value"),
        ("Patient", "gender", "girl", "gender", "value"),
        ("Patient", "address/0/use", "house", "address[0].use", "value"),
        ("Patient", "name/0/use", "first", "name[0].use", "value"),
        ("Practitioner", "telecom", [{"system": "telephone"}], "telecom[0].system", "value"),
        ("Observation", "status", "done", "status", "value"),
        ("Patient", "id", "a b", "id", "value"),
        ("Patient", "name/0/family", "", FAMILY, "value"),
        ("Patient", "extension", [{"valueString": "a"}], "extension[0].url", "required"),
        ("Patient", "extension", [{"url": "u", "valueString": "a", "valueBoolean": True}],
         "extension[0]", "value"),
        ("MessageHeader", "focus", [NOWHERE], "focus[0].reference", "reference"),
        ("Encounter", "subject", NOWHERE, "subject.reference", "reference"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_where_it_stands(
    version: str, form: str, kind: str, path: str, value: Any, where: str, code: str
) -> None:
    bundle = planted(version, kind, path, value)
    above = "Bundle" if kind == "Bundle" else place(bundle, kind)
    found = refused(bundle, version, form)
    assert (f"{above}.{where}", code) in found
    # What is missing because of it is told too, and nothing else.
    assert {one for _, one in found} <= {code, "required", "reference", "body-missing"}


@VERSIONS
@pytest.mark.parametrize(
    ("kind", "path", "value", "where", "code"),
    [
        ("Patient", "multipleBirthInteger", "2", "multipleBirthInteger", "value"),
        ("Patient", "active", "true", "active", "value"),
        ("Patient", "active", 1, "active", "value"),
        ("Patient", "birthDate", 1715644800, "birthDate", "value"),
        ("Bundle", "total", "5", "total", "value"),
        ("Bundle", "total", True, "total", "value"),
        ("Patient", "name/0/family", "Row\0lands", FAMILY, "control-character"),
        ("Patient", "name/0/family", "Row\x1blands", FAMILY, "control-character"),
        ("Patient", "name/0/family", "Row\ufffelands", FAMILY, "control-character"),
    ],
)  # fmt: skip
def test_what_only_json_can_say_wrong_is_refused_where_it_stands(
    version: str, kind: str, path: str, value: Any, where: str, code: str
) -> None:
    bundle = planted(version, kind, path, value)
    above = "Bundle" if kind == "Bundle" else place(bundle, kind)
    assert refused(bundle, version, JSON) == {(f"{above}.{where}", code)}


def second_of_one_id(bundle: Any) -> str:
    bundle["entry"][2]["resource"]["id"] = "same"
    again = copy.deepcopy(bundle["entry"][2]) | {"fullUrl": "urn:uuid:" + "5" * 32}
    bundle["entry"].append(again)
    return f"Bundle.entry[{len(bundle['entry']) - 1}].resource.id"


def contained_twice(bundle: Any) -> str:
    inside = {"resourceType": "Organization", "id": "same", "name": "One"}
    resource(bundle, "Practitioner")["contained"] = [inside, inside | {"name": "Two"}]
    return f"{place(bundle, 'Practitioner')}.contained[1].id"


def contained_in_what_is_contained(bundle: Any) -> str:
    inside = {"resourceType": "Organization", "id": "a", "name": "One"}
    outside = {"resourceType": "Organization", "id": "b", "name": "Two", "contained": [inside]}
    resource(bundle, "Practitioner")["contained"] = [outside]
    return f"{place(bundle, 'Practitioner')}.contained[0].contained"


def second_header(bundle: Any) -> str:
    second = copy.deepcopy(bundle["entry"][0]) | {"fullUrl": "urn:uuid:" + "5" * 32}
    second["resource"].pop("id", None)
    bundle["entry"].append(second)
    return f"Bundle.entry[{len(bundle['entry']) - 1}].resource"


def header_that_is_not_first(bundle: Any) -> str:
    bundle["entry"][:2] = reversed(bundle["entry"][:2])
    return "Bundle.entry[0].resource"


def header_that_is_missing(bundle: Any) -> str:
    del bundle["entry"][0]
    return "Bundle.entry[0].resource"


def address_used_twice(bundle: Any) -> str:
    bundle["entry"][2]["fullUrl"] = bundle["entry"][1]["fullUrl"]
    return "Bundle.entry[2].fullUrl"


def resource_of_another_kind(bundle: Any) -> str:
    bundle["entry"].append({"resource": {"resourceType": "Immunization"}})
    return f"Bundle.entry[{len(bundle['entry']) - 1}].resource.resourceType"


def code_that_does_not_exist(bundle: Any) -> str:
    """A score by a code of which two digits changed places."""
    score, where = first_score(bundle)
    coding = score["code"]["coding"][0]
    coding["code"] = coding["code"].replace("953", "935", 1)
    return f"{where}.code.coding[0].code"


def first_score(bundle: Any) -> tuple[Any, str]:
    """Return the first Observation with a number, contained or not, and its FHIRPath."""
    for number, entry in enumerate(bundle["entry"]):
        above = f"Bundle.entry[{number}].resource"
        inside = enumerate(entry["resource"].get("contained", ()))
        contained = [(inner, f"{above}.contained[{index}]") for index, inner in inside]
        for one, where in [(entry["resource"], above), *contained]:
            if "valueQuantity" in one:
                return one, where
    raise AssertionError("the sample has no score")


@VERSIONS
@pytest.mark.parametrize("form", [JSON, XML])
@pytest.mark.parametrize(
    ("plant", "code"),
    [
        (second_of_one_id, "value"),
        (contained_twice, "value"),
        (contained_in_what_is_contained, "unknown-property"),
        (second_header, "not-supported"),
        (header_that_is_not_first, "required"),
        (header_that_is_missing, "required"),
        (address_used_twice, "value"),
        (resource_of_another_kind, "not-supported"),
        (code_that_does_not_exist, "snomed-code"),
    ],
)
def test_a_bundle_that_is_no_message_is_refused_where_it_is_none(
    version: str, form: str, plant: Callable[[Any], str], code: str
) -> None:
    bundle = example(SAMPLES[version])
    where = plant(bundle)
    found = refused(bundle, version, form)
    assert (where, code) in found
    # Whoever leads to what is not there any more is told too.
    assert {one for _, one in found} <= {code, "required", "reference", "organisation-code"}


@VERSIONS
@pytest.mark.parametrize(
    "text", ["NaN", "-Infinity", "1e999", "025", "+25", ".5", "0x19", '"\\ud800"']
)
def test_json_that_json_does_not_know_is_refused_with_its_place(version: str, text: str) -> None:
    body = json.dumps(planted(version, "Bundle", "total", "HERE")).replace('"HERE"', text)
    with pytest.raises(NotWellFormed) as error:
        fhir.parse(body.encode(), TABLES)
    assert error.value.line == 1
    assert error.value.column


@VERSIONS
@pytest.mark.parametrize(
    "text", ["NaN", "INF", "1e999", "025", "+25", ".5", "0x19", "two", "true", ""]
)
def test_xml_whose_number_is_none_is_refused_where_it_stands(version: str, text: str) -> None:
    body = to_xml(planted(version, "Bundle", "total", 987654), version)
    body = body.replace(b"987654", text.encode())
    with pytest.raises(NotUnderstood) as error:
        fhir.parse_xml(body, TABLES)
    assert [(fault.pointer, fault.code) for fault in error.value.faults] == [
        ("Bundle.total", "value")
    ]


@VERSIONS
def test_a_property_sent_twice_is_refused_at_each_depth(version: str) -> None:
    bundle = example(SAMPLES[version])
    patient = resource(bundle, "Patient")
    patient["name"][0] |= {"family": "Rowlands", "TWICE": "Barrow"}
    bundle["TWICE-TOO"] = "message"
    body = json.dumps(bundle).replace("TWICE-TOO", "type").replace("TWICE", "family")
    with pytest.raises(NotUnderstood) as error:
        fhir.parse(body.encode(), TABLES)
    where = place(bundle, "Patient")
    assert {(fault.pointer, fault.code) for fault in error.value.faults} == {
        ("Bundle.type", "duplicate-property"),
        (f"{where}.name[0].family", "duplicate-property"),
    }
    assert "Barrow" not in str(error.value)


@VERSIONS
@pytest.mark.parametrize("text", ["25", "25.0", "25.00", "2.5e1", "250E-1"])
def test_a_score_is_the_same_number_however_it_is_written(version: str, text: str) -> None:
    bundle = example(SAMPLES[version])
    score, _ = first_score(bundle)
    score["valueQuantity"]["value"] = 25
    right = read(bundle).canonical
    score["valueQuantity"]["value"] = 54321
    as_json = json.dumps(bundle).replace("54321", text).encode()
    as_xml = to_xml(bundle, version).replace(b"54321", text.encode())
    assert fhir.parse(as_json, TABLES).canonical == right
    assert fhir.parse_xml(as_xml, TABLES).canonical == right


@VERSIONS
@pytest.mark.parametrize("url", ["https://sender.example/code/unknown", "http://snomed.info/sct"])
def test_a_well_formed_code_that_no_map_has_is_borne(version: str, url: str) -> None:
    bundle = example(SAMPLES[version])
    other = {"system": url, "code": "1199999999997"}
    bundle["entry"].append(
        {
            "fullUrl": "urn:uuid:" + "5" * 32,
            "resource": {
                "resourceType": "Observation",
                "status": "final",
                "code": {"coding": [other]},
                "valueString": "seen",
            },
        }
    )
    parsed = read(bundle)
    assert other["code"] in {coding.code for coding in parsed.unmapped}
