"""An alert as a FHIR STU3 message, and both versions as XML."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from fhir.resources.STU3 import get_fhir_model_class
from hypothesis import given
from hypothesis import strategies as st

from adapters.inbound import fhir
from adapters.inbound.fhir import stu3
from adapters.inbound.fhir.reading import Reading
from adapters.outbound import FORMATS
from adapters.outbound.fhir_stu3 import SCALES
from schemas.message import KINDS, Kind
from tests.builders import tables
from tests.conformance import conforms
from tests.strategies import whole_messages
from tests.unit.adapters.alerts import CHANGES, SAMPLES, any_fields, sample, stored, strings

Json = dict[str, Any]
ASQ3_CODE = {"system": "http://snomed.info/sct", "code": "953311000000105"}
CODED = {
    "type": "two-year-review",
    "outcome": "completed",
    "date": "2026-11-17",
    "asq3": {
        "scores": [
            {"domain": "communication", "questionnaireMonths": 30, "score": 25.0, "code": ASQ3_CODE}
        ]
    },
}


def rendered(body: bytes) -> Json:
    return orjson.loads(FORMATS["fhir-stu3"].render(body))  # type: ignore[no-any-return]


def resource(bundle: Json, kind: str) -> Json:
    found = [entry["resource"] for entry in bundle["entry"]]
    return next(one for one in found if one["resourceType"] == kind)


@conforms("Digital Child Health STU3", "alert", "rendered", direction="out")
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", SAMPLES)
def test_every_kind_is_what_stu3_has(name: str, change: str) -> None:
    bundle = rendered(sample(name, change))
    get_fhir_model_class("Bundle").model_validate(bundle)
    header = bundle["entry"][0]["resource"]
    assert {"event", "timestamp", "source"} <= header.keys()
    action = header["extension"][0]["valueCodeableConcept"]["coding"][0]["code"]
    assert action == {"created": "new", "updated": "update", "withdrawn": "delete"}[change]


@whole_messages(25)
@given(
    st.sampled_from(KINDS).flatmap(
        lambda kind: st.tuples(st.just(kind), any_fields(kind, cut=True))
    )
)
def test_whatever_a_view_lets_through_is_what_stu3_has(drawn: tuple[Kind, Json]) -> None:
    body = stored(*drawn)
    get_fhir_model_class("Bundle").model_validate(rendered(body))
    r4 = set(strings(orjson.loads(FORMATS["fhir-r4"].render(body))["entry"]))
    lost = {value for value in strings(drawn[1]) if value in r4} - set(
        strings(rendered(body)["entry"])
    )
    assert lost <= _TRANSLATED


_TRANSLATED = {
    word
    for rows in stu3.PROFILE.tables.values()
    for row in rows
    if row.canonical in ("review.type", "child.nhsNumberStatus") and row.words
    for word in row.words.values()
}
"""Our words, for which STU3 has national codes."""


def test_a_review_with_scores_is_the_national_event_and_reads_as_it_was() -> None:
    fields = {"child": {"nhsNumber": "9990001006", "birthDate": "2024-05-14"}, "review": CODED}
    bundle = rendered(stored("healthy-child-review", fields))
    assert bundle["entry"][0]["resource"]["event"] == SCALES
    parsed = fhir.parse(orjson.dumps(bundle), tables()).message.document()
    assert parsed["child"] == fields["child"]
    assert parsed["review"] == CODED
    assert parsed["professional"]["name"] == "Zoë Łoś"
    assert parsed["source"]["odsCode"] == "RXA"


def test_the_status_of_an_nhs_number_is_the_nhs_data_dictionary_s() -> None:
    child = {"nhsNumber": "9990001006", "nhsNumberStatus": "number-present-and-verified"}
    bundle = rendered(stored("healthy-child-review", {"child": child, "review": CODED}))
    profile = stu3.PROFILE
    reading = Reading(profile, profile.events["CH004"], bundle, tables())
    assert child.items() <= reading.document["child"].items()


@pytest.mark.parametrize("name", ["speech-therapy-report", "sen-support-notice", "referral"])
def test_what_no_national_event_holds_goes_under_our_own(name: str) -> None:
    header = rendered(sample(name))["entry"][0]["resource"]
    assert header["event"]["code"] == name
    assert "profile" not in header["meta"]


def test_a_referral_is_a_referral_request() -> None:
    request = resource(rendered(sample("referral")), "ReferralRequest")
    assert request["intent"] == "proposal"
    assert request["serviceRequested"][0]["coding"][0]["code"] == "308452008"
    assert request["requester"].keys() == {"agent", "onBehalfOf"}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("version", ["fhir-r4", "fhir-stu3"])
def test_the_same_goes_as_xml(version: str, name: str, change: str) -> None:
    body = sample(name, change)
    xml = FORMATS[f"{version}+xml"].render(body)
    assert xml.startswith(b"<?xml")
    full_urls = [e["fullUrl"] for e in orjson.loads(FORMATS[version].render(body))["entry"]]
    assert [xml.count(f'fullUrl value="{url}"'.encode()) for url in full_urls] == [1] * len(
        full_urls
    )
