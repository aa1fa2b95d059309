"""An alert as a FHIR R4 message: what our own parser reads of it is what the alert said."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.inbound import fhir
from adapters.inbound.fhir import r4, resources
from adapters.inbound.fhir.reading import Reading
from adapters.outbound import FORMATS
from adapters.outbound.fhir_objects import without_empty
from adapters.outbound.fhir_r4 import REASONS
from schemas.message import BODY, KINDS, Kind, Message
from schemas.rules import broken
from tests.builders import a_child, tables
from tests.conformance import conforms
from tests.strategies import messages, whole_messages
from tests.unit.adapters.alerts import (
    ALERT,
    CHANGES,
    SAMPLES,
    any_fields,
    as_fhir_holds_it,
    event,
    fields_of,
    sample,
    stored,
)
from tests.unit.adapters.fhir_writer import bundle_of

Json = dict[str, Any]
WHOLE_BUNDLE = conforms("UK Core R4", "alert", "rendered", direction="out")


def rendered(body: bytes) -> Json:
    return orjson.loads(FORMATS["fhir-r4"].render(body))  # type: ignore[no-any-return]


def of_type(bundle: Json, kind: str) -> list[Json]:
    resources_ = [entry["resource"] for entry in bundle["entry"]]
    return [one for one in resources_ if one["resourceType"] == kind]


def read_back(body: bytes) -> Json:
    """What the tables of paths read, before the canonical model asks for what a view has cut."""
    bundle = rendered(body)
    faults = resources.check(r4.PROFILE, bundle)
    kind = resources.header_of(bundle)["eventCoding"]["code"]
    reading = Reading(r4.PROFILE, r4.PROFILE.events[kind], bundle, tables())
    assert [*faults, *reading.faults] == []
    return without_empty(reading.document)  # type: ignore[no-any-return]


@WHOLE_BUNDLE
@pytest.mark.parametrize("change", CHANGES[:2])
@pytest.mark.parametrize("name", SAMPLES)
def test_every_kind_reads_as_it_was(name: str, change: str) -> None:
    body = sample(name, change)
    parsed = fhir.parse(FORMATS["fhir-r4"].render(body), tables())
    assert fields_of(parsed.message.document()) == event(body)["data"]["fields"]
    assert (parsed.message.id, parsed.message.sequence) == (ALERT, 3)
    assert parsed.message.action == REASONS[change]
    assert parsed.message.professional is not None
    assert parsed.message.professional.name == "Zoë Łoś"
    assert parsed.message.source.key == "ods:RXA"


@pytest.mark.parametrize("kind", KINDS)
def test_every_message_has_a_bundle_that_reads_as_it_was(kind: Kind) -> None:
    @whole_messages(25)
    @given(messages(kind))
    def check(message: Message) -> None:
        document = without_empty(as_fhir_holds_it(message))
        assume(not [*broken(document)])  # a body that states nothing is none
        parsed = fhir.parse(orjson.dumps(bundle_of(document)), tables())
        assert without_empty(parsed.message.document()) == document
        assert parsed.event == kind

    check()


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_view_lets_through_reads_as_it_was(kind: Kind) -> None:
    @whole_messages(15)
    @given(any_fields(kind, cut=True))
    def check(fields: Json) -> None:
        assert missing(without_empty(fields), fields_of(read_back(stored(kind, fields)))) == []

    check()


def test_a_skill_is_told_with_its_note() -> None:
    skill = {"skill": "Joins two words", "result": "not-achieved", "note": "Asked of her mother"}
    fields = {"review": {"developmentalSkills": [skill]}}
    assert fields_of(read_back(stored("healthy-child-review", fields))) == fields


def missing(said: Any, read: Any, at: str = "") -> list[str]:
    """Where something that was said is not read."""
    if isinstance(said, dict) and isinstance(read, dict):
        return [
            place
            for name, value in said.items()
            for place in missing(value, read.get(name), f"{at}/{name}")
        ]
    if isinstance(said, list) and isinstance(read, list) and len(said) == len(read):
        pairs = enumerate(zip(said, read, strict=True))
        return [p for index, (a, b) in pairs for p in missing(a, b, f"{at}/{index}")]
    return [] if said == read else [at]


@WHOLE_BUNDLE
@pytest.mark.parametrize("kind", KINDS)
def test_a_withdrawal_names_the_focus_an_error_and_nothing_of_the_child(kind: Kind) -> None:
    bundle = rendered(stored(kind, {}, "withdrawn"))
    header, focus = (entry["resource"] for entry in bundle["entry"])
    assert header["reason"]["coding"][0]["code"] == "delete"
    assert header["eventCoding"]["code"] == kind
    assert focus["status"] == "entered-in-error"
    assert focus.keys() <= {
        "resourceType",
        "id",
        "meta",
        "status",
        "class",
        "code",
        "intent",
        "subject",
    }
    assert not {"sender", "author"} & header.keys()
    assert focus.get("subject", {}).keys() <= {"extension"}


def test_the_same_alert_is_the_same_bytes() -> None:
    body = sample("speech-therapy-report")
    assert FORMATS["fhir-r4"].render(body) == FORMATS["fhir-r4"].render(body)
    ids = [entry["fullUrl"] for entry in rendered(body)["entry"]]
    assert len(set(ids)) == len(ids)


def test_the_basis_travels_in_the_header() -> None:
    [alert] = rendered(sample("referral"))["entry"][0]["resource"]["extension"]
    [basis] = [one for one in alert["extension"] if one["url"] == "basis"]
    said = {one["url"]: one["valueString"] for one in basis["extension"]}
    assert said["id"] == "s23"
    assert said["power"] == "CFA 2014 s.23"


@pytest.mark.parametrize(
    ("agreement", "status", "kind"),
    [
        ({"status": "given"}, "active", "permit"),
        ({"status": "refused"}, "rejected", "deny"),
        ({"status": "withdrawn"}, "inactive", None),
        ({"status": "not-asked"}, "proposed", None),
        ({"status": "not-known"}, "draft", None),
        ({"by": "Sam"}, "draft", None),
        (None, "draft", None),
    ],
)
def test_only_an_agreement_that_was_given_is_an_active_consent(
    agreement: Json | None, status: str, kind: str | None
) -> None:
    sharing = {"safeContact": "yes"} | ({"agreement": agreement} if agreement else {})
    body = stored("referral", {"child": a_child(), "sharing": sharing})
    [consent] = of_type(rendered(body), "Consent")
    assert consent["status"] == status
    assert consent.get("provision", {}).get("type") == kind


def test_findings_travel_as_they_were_computed() -> None:
    finding = {"about": "communication", "level": "concern", "origin": "computed", "rule": "asq3"}
    body = stored("healthy-child-review", {"findings": [finding]})
    [encounter] = of_type(rendered(body), "Encounter")
    [written] = [one for one in encounter["extension"] if one["url"].endswith("/finding")]
    assert {
        m["url"]: m.get("valueString") or m["valueCode"] for m in written["extension"]
    } == finding


@pytest.mark.parametrize("kind", KINDS)
def test_a_view_that_lets_nothing_through_leaves_a_message_without_a_child(kind: Kind) -> None:
    bundle = rendered(stored(kind, {}))
    [patient] = of_type(bundle, "Patient")
    assert patient.keys() == {"resourceType", "id", "meta"}
    assert BODY[kind] not in orjson.dumps(of_type(bundle, "Consent")).decode()


@whole_messages(20)
@given(
    st.sampled_from(KINDS).flatmap(
        lambda kind: st.tuples(st.just(kind), any_fields(kind, cut=True))
    )
)
def test_no_resource_is_without_its_profile(drawn: tuple[Kind, Json]) -> None:
    for entry in rendered(stored(*drawn))["entry"]:
        resource = entry["resource"]
        assert resource["meta"]["profile"][0].endswith(f"/UKCore-{resource['resourceType']}")
