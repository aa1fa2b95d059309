"""What is refused: every fault at once, where it stands, without a value, and never a crash."""

from __future__ import annotations

import copy
import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import NotUnderstood, NotWellFormed, Refused
from adapters.inbound import fhir
from tests.strategies import whole_messages
from tests.unit.adapters.fhir_reading import SAMPLES, TABLES, example, faults, place, resource
from tests.unit.adapters.stu3_bundles import a_review


def test_what_is_no_json_is_refused_with_line_and_column() -> None:
    with pytest.raises(NotWellFormed) as refused:
        fhir.parse(b'{"resourceType":\n  "Bundle",,}', TABLES)
    assert (refused.value.line, refused.value.column) == (2, 12)


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"resourceType": "Patient"}, "Bundle.resourceType", "not-supported"),
        ({"type": "collection"}, "Bundle.type", "not-supported"),
        ({"entry": []}, "Bundle.entry[0].resource", "required"),
        ({"entry": "x"}, "Bundle.entry[0].resource", "required"),
        ({"entry": [{"resource": {"resourceType": "Patient"}}]}, "Bundle.entry[0].resource", "required"),
        ({"timestamp": None}, "Bundle", "required"),
        ({"timestamp": "yesterday"}, "Bundle.timestamp", "value"),
        ({"surprise": 1}, "Bundle.surprise", "unknown-property"),
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(change: Any, pointer: str, code: str) -> None:
    bundle = {**example("r4/review.json"), **change}
    assert faults(bundle)[pointer][0] == code


@pytest.mark.parametrize("body", [b"[]", b"5", b'"x"', b"null"])
def test_json_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        fhir.parse(body, TABLES)


def test_an_unknown_event_or_kind_is_told_what_is_taken() -> None:
    bundle = example("r4/review.json")
    header = bundle["entry"][0]["resource"]
    header["eventCoding"]["code"] = "prescription"
    [(code, detail)] = faults(bundle).values()
    assert code == "not-supported"
    assert "`healthy-child-review`, `speech-therapy-report`" in detail
    del header["eventCoding"]
    header["eventUri"] = "https://sender.example/event"
    [(code, detail)] = faults(bundle).values()
    assert code == "not-supported"
    assert "`eventCoding` (R4" in detail


def test_a_resource_that_a_message_does_not_hold_is_refused() -> None:
    for kind in ("Immunization", "NoSuchThing", "Bundle", 5, None):
        for bundle in (a_review(), example("r4/review.json")):
            bundle["entry"].append({"resource": {"resourceType": kind}})
            where = f"Bundle.entry[{len(bundle['entry']) - 1}].resource.resourceType"
            assert faults(bundle)[where][0] == "not-supported"
        bundle = a_review()
        resource(bundle, "Observation")["contained"].append({"resourceType": kind})
        where = f"{place(bundle, 'Observation')}.contained[1].resourceType"
        assert faults(bundle)[where][0] == "not-supported"


def test_a_full_url_used_twice_is_refused() -> None:
    bundle = a_review()
    bundle["entry"][2]["fullUrl"] = (
        bundle["entry"][1]["fullUrl"].upper().replace("URN:UUID", "urn:uuid")
    )
    assert faults(bundle)["Bundle.entry[2].fullUrl"][0] == "value"


def test_a_reference_that_is_read_and_leads_nowhere_is_refused() -> None:
    bundle = a_review()
    bundle["entry"][0]["resource"]["responsible"]["reference"] = "Organization/unknown"
    resource(bundle, "Observation")["related"][0]["target"]["reference"] = "#unknown"
    found = faults(bundle)
    for pointer in (
        "Bundle.entry[0].resource.responsible.reference",
        f"{place(bundle, 'Observation')}.related[0].target.reference",
    ):
        assert found[pointer][0] == "reference"
        assert "unknown" not in found[pointer][1]


def test_what_changes_the_meaning_and_is_not_understood_is_refused() -> None:
    bundle = example("r4/review.json")
    resource(bundle, "Patient")["modifierExtension"] = [{"url": "x", "valueBoolean": True}]
    bundle["implicitRules"] = "https://sender.example/rules"
    found = faults(bundle)
    assert found[f"{place(bundle, 'Patient')}.modifierExtension"][0] == "not-supported"
    assert found["Bundle.implicitRules"][0] == "not-supported"


@pytest.mark.parametrize("depth", [70, 2000, 200_000])
def test_what_is_nested_too_deeply_is_refused_cheaply(depth: int) -> None:
    body = b'{"resourceType":"Bundle","entry":' + b"[" * depth + b"]" * depth + b"}"
    with pytest.raises(NotUnderstood) as refused:
        fhir.parse(body, TABLES)
    assert [fault.code for fault in refused.value.faults] == ["too-deep"]


@pytest.mark.parametrize(
    "filling",
    [
        {"entry": [1] * 300_000},
        {f"u{number}": 1 for number in range(60_000)},
        {"extension": [{"url": "x"}] * 60_000},
    ],
    ids=["entries", "unknown elements", "extensions"],
)
def test_a_message_of_nothing_but_faults_is_refused_cheaply(filling: Any) -> None:
    bundle = example("r4/review.json")
    holder = bundle if "entry" in filling else resource(bundle, "Patient")
    for name, value in filling.items():
        holder[name] = holder.get(name, []) + value if isinstance(value, list) else value
    before = time.process_time()
    assert [code for code, _ in faults(bundle).values()] == ["too-large"]
    assert time.process_time() - before < 2, "one such message holds up everybody else's"


def test_all_faults_are_told_at_once_without_a_value() -> None:
    bundle = example("r4/review.json")
    patient = resource(bundle, "Patient")
    patient["identifier"][0]["value"] = "9990002011"
    patient["name"][0]["family"] = "Row\u0000lands"
    patient["birthDate"] = "2024-02-30"
    patient["surname"] = "Rowlands"
    resource(bundle, "Observation", 0)["valueQuantity"]["value"] = "25"
    del resource(bundle, "Encounter")["status"]
    found = faults(bundle)
    where = place(bundle, "Patient")
    assert {pointer: code for pointer, (code, _) in found.items()} == {
        f"{where}.identifier[0].value": "nhs-number",
        f"{where}.name[0].family": "control-character",
        f"{where}.birthDate": "partial-date",
        f"{where}.surname": "unknown-property",
        f"{place(bundle, 'Observation')}.valueQuantity.value": "value",
        place(bundle, "Encounter"): "required",
        f"{place(bundle, 'Encounter')}.status": "required",
    }
    text = str(found)
    assert not any(value in text for value in ("9990002011", "Rowlands", "2024-02-30"))


JUNK: list[Any] = [
    None, 5, -1.5, "x", "", True, [], {}, [[]], [None], ["x"], {"a": 1}, "9" * 400, 10**30, "\u0000",
    {"reference": "urn:uuid:none"}, {"reference": 5}, {"url": "x"}, {"url": 5, "extension": [5]},
    {"linkId": "a", "answer": ["x"]}, {"code": ["x"]}, [{"coding": [{"system": 5, "code": "58"}]}],
    {"value": {"url": 1}}, [5, {"url": "x", "valueString": {"url": "y"}}], {"resourceType": "Bundle"},
]  # fmt: skip


def places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [above] if above else []
    if isinstance(value, dict):
        found += [one for key, inner in value.items() for one in places(inner, (*above, key))]
    elif isinstance(value, list):
        found += [one for i, inner in enumerate(value) for one in places(inner, (*above, i))]
    return found


DOCUMENTS = {name: example(name) for name in SAMPLES}
PLACES = {name: places(document) for name, document in DOCUMENTS.items()}


@st.composite
def broken(draw: st.DrawFn) -> Any:
    """Return one of the examples with junk in up to three places."""
    name = draw(st.sampled_from(sorted(DOCUMENTS)))
    document = copy.deepcopy(DOCUMENTS[name])
    for where in draw(st.lists(st.sampled_from(PLACES[name]), min_size=1, max_size=3)):
        holder = document
        try:
            for key in where[:-1]:
                holder = holder[key]
            holder[where[-1]] = copy.deepcopy(draw(st.sampled_from(JUNK)))
        except (TypeError, KeyError, IndexError):
            continue  # an earlier piece of junk took the place away
    return document


@whole_messages(200)
@given(broken())
def test_wrong_types_anywhere_are_taken_or_refused_and_nothing_else(document: Any) -> None:
    try:
        fhir.parse(json.dumps(document).encode(), TABLES)
    except NotUnderstood as refused:
        for fault in refused.faults:
            assert leads_somewhere(fault.pointer, document), fault
    except Refused:
        pytest.fail("it was JSON")


def leads_somewhere(pointer: str, document: Any) -> bool:
    """Tell whether a FHIRPath leads to a value of a Bundle, or to where one should be."""
    value: Any = {"Bundle": document}
    parts = re.findall(r"[^.\[\]]+|\[\d+\]", pointer)
    for index, part in enumerate(parts):
        try:
            value = value[int(part[1:-1]) if part[0] == "[" else part]
        except (KeyError, IndexError, TypeError):
            return index == len(parts) - 1 or pointer == "Bundle.entry[0].resource"
    return True
