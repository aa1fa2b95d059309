"""FHIR over HTTP: $process-message, metadata, and the Booking and Referral Standard's manner."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fhir.resources import R4B, STU3

from adapters.inbound import PARSERS
from adapters.inbound.fhir import PROFILES
from adapters.inbound.fhir.xml import read as from_xml
from adapters.outbound.fhir_xml import CONTENT_TYPE as FHIR_XML
from adapters.outbound.fhir_xml import to_xml
from adapters.outbound.operation_outcome import EMS, REC, STATUSES
from schemas.message import KINDS
from tests.builders import a_probable_sen_review, a_review, changed, corpus
from tests.integration.serving import FHIR, JSON, Gateway, Partner, serving
from tests.unit.adapters.fhir_reading import example, resource
from tests.unit.adapters.fhir_writer import bundle_of

LIMIT = 64 * 1024
PROCESS = "/fhir/$process-message"
MODELS = {"STU3": STU3, "R4": R4B}
BARS = {
    "standard": "Booking and Referral Standard R4",
    "event": "servicerequest-request",
    "format": "JSON",
}
Json = dict[str, Any]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(tmp_path_factory.mktemp("fhir") / "gateway.db", max_bytes=LIMIT) as running:
        yield running


@pytest.fixture(scope="module")
def partner(gateway: Gateway) -> Partner:
    everybody = [one.key for one in gateway.service.rules.directory.organisations()]
    return gateway.partner("ods:RXA", KINDS, everybody)


def process(partner: Partner, bundle: Any, media: str = FHIR, **headers: str) -> httpx.Response:
    return partner.post(bundle, PROCESS, media, **headers)


def traced(**changes: str) -> dict[str, str]:
    target = {"system": "https://fhir.nhs.uk/id/dos-service-id", "value": "2000099991"}
    headers = {
        "NHSD-Target-Identifier": base64.b64encode(json.dumps(target).encode()).decode(),
        "X-Request-Id": str(uuid4()),
        "X-Correlation-Id": str(uuid4()),
    }
    return {name: value for name, value in {**headers, **changes}.items() if value}


def a_bars_referral(**changes: str) -> Json:
    bundle: Json = example("bars/servicerequest-request.json")
    bundle["entry"][0]["fullUrl"] = f"urn:uuid:{uuid4()}"
    resource(bundle, "ServiceRequest").update(changes)
    return bundle


def header_of(answer: httpx.Response) -> Json:
    header: Json = resource(answer.json(), "MessageHeader")
    return header


def issues(answer: httpx.Response, status: int = 200) -> list[Json]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == FHIR
    said = answer.json()
    if said["resourceType"] == "Bundle":
        said = resource(said, "OperationOutcome")
    assert said["resourceType"] == "OperationOutcome"
    found: list[Json] = said["issue"]
    return found


# ── taken ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sample", "version"),
    [
        ("r4/review.json", "R4"),
        ("r4/report.json", "R4"),
        ("r4/notice.json", "R4"),
        ("r4/referral.json", "R4"),
        ("stu3/CH004.json", "STU3"),
        ("bars/servicerequest-request.json", "R4"),
    ],
)
def test_a_message_is_answered_by_a_message_in_its_version(
    partner: Partner, sample: str, version: str
) -> None:
    sent = example(sample)
    answer = process(partner, sent, **traced())
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    MODELS[version].get_fhir_model_class("Bundle").model_validate(bundle)
    assert bundle["type"] == "message"
    asked, header = resource(sent, "MessageHeader"), header_of(answer)
    event = "event" if version == "STU3" else "eventCoding"
    assert header[event] == asked[event]
    assert header["destination"][0]["endpoint"] == asked["source"]["endpoint"]
    if "destination" in asked:
        assert header["source"]["endpoint"] == asked["destination"][0]["endpoint"]
    first = sent["entry"][0]
    assert header["response"]["code"] == "ok"
    assert header["response"]["identifier"] == asked.get(
        "id", first["fullUrl"].removeprefix("urn:uuid:")
    )
    outcome = next(e for e in bundle["entry"] if e["resource"]["resourceType"][:3] == "Ope")
    assert header["response"]["details"]["reference"] == outcome["fullUrl"]
    code = [c["code"] for c in outcome["resource"]["issue"][0]["details"].get("coding", ())]
    assert code == (["R00"] if version == "STU3" else [])
    assert partner.get(answer.headers["location"]).status_code == 200


@pytest.mark.parametrize(
    ("sample", "version"),
    [
        pytest.param(
            "bars/servicerequest-request.json",
            "R4",
            marks=pytest.mark.conforms(
                **{**BARS, "format": "XML"}, direction="in", outcome="taken"
            ),
        ),
        ("stu3/CH004.json", "STU3"),
    ],
)
def test_what_comes_as_xml_is_answered_as_xml(partner: Partner, sample: str, version: str) -> None:
    sent, headers = example(sample), traced()
    in_json = process(partner, sent, **headers)
    in_xml = process(partner, to_xml(sent, version), FHIR_XML, **headers)
    assert in_xml.status_code == 200, in_xml.text
    assert in_xml.headers["content-type"].partition(";")[0] == FHIR_XML
    assert in_xml.headers["location"] == in_json.headers["location"], "it is the same message"
    bundle, faults = from_xml(in_xml.content, PROFILES)
    assert not faults
    assert resource(bundle, "MessageHeader")["response"] == header_of(in_json)["response"]
    refused = process(partner, b"<Bundle", FHIR_XML)
    assert refused.status_code == 400
    assert b"REC_BAD_REQUEST" in refused.content
    assert process(partner, sent, accept=FHIR_XML, **headers).content.startswith(b"<")


def test_whoever_reads_fhir_alone_learns_all_that_the_receipt_says(partner: Partner) -> None:
    message = changed(a_probable_sen_review(), "sharing.opinion.talkOffered", None)
    answer = process(partner, bundle_of(message))
    receipt = partner.get(answer.headers["location"]).json()
    found = issues(answer)
    assert {issue["severity"] for issue in found} == {"information"}
    said = "\n".join(issue["diagnostics"] for issue in found)
    assert receipt["id"] in said
    assert receipt["record"]["id"] in said
    kinds = [issue["details"]["text"] for issue in found]
    for name, kind in (("findings", "understood"), ("alerts", "alert"), ("held", "held")):
        assert receipt[name]
        assert kinds.count(kind) >= len(receipt[name])
    for held in receipt["held"]:
        for words in (held["detail"], held["do"], *(m["pointer"] for m in held["missing"])):
            assert words in said
    for alert in receipt["alerts"]:
        assert f"route {alert['route']}, basis {alert['basis']}" in said
    assert receipt["sentence"] in said


def test_the_same_message_again_is_answered_again_and_recorded_once(
    gateway: Gateway, partner: Partner
) -> None:
    bundle = bundle_of(a_review())
    first, before = process(partner, bundle), gateway.counts()
    again = process(partner, bundle)
    assert again.status_code == 200
    assert again.headers["location"] == first.headers["location"]
    assert header_of(again) == header_of(first)
    assert "was sent before" in issues(again)[0]["diagnostics"]
    assert gateway.counts() == before
    assert partner.post(bundle, media=FHIR).status_code == 200, "nor is it new to /messages"


# ── refused ──────────────────────────────────────────────────────────────────────────────────


def refusals(gateway: Gateway, partner: Partner, bundle: Json) -> dict[int, httpx.Response]:
    """One refusal of each kind; `bundle` is taken."""
    assert process(partner, bundle, **traced()).status_code == 200
    other = json.loads(json.dumps(bundle))
    resource(other, "Patient")["birthDate"] = "2024-01-01"
    elsewhere = json.loads(json.dumps(bundle).replace('"RXA"', '"RJR"'))
    broken = json.loads(json.dumps(bundle))
    resource(broken, "Patient")["identifier"][0]["value"] = "1234567890"
    resource(broken, "Patient")["birthDate"] = "yesterday"
    alone = gateway.partner("ods:RXA", KINDS)
    return {
        400: process(partner, b"{", **traced()),
        401: process(gateway.stranger, bundle, **traced()),
        403: process(alone, elsewhere, **traced()),
        409: process(partner, other, **traced()),
        413: process(partner, b" " * (LIMIT + 1), **traced()),
        415: process(partner, bundle, media=JSON, **traced()),
        422: process(partner, broken, **traced()),
    }


@pytest.mark.conforms(**BARS, direction="in", outcome="refused")
def test_each_refusal_has_the_codes_of_the_standard_and_every_fault_its_place(
    gateway: Gateway, partner: Partner
) -> None:
    for status, answer in refusals(gateway, partner, a_bars_referral()).items():
        for issue in issues(answer, status):
            [coding] = issue["details"]["coding"]
            assert coding == {"system": REC, "code": STATUSES[str(status)]["rec_code"]}, status
            assert issue["severity"] == "error"
            assert issue["diagnostics"]
            R4B.get_fhir_model_class("OperationOutcome").model_validate(answer.json())
            if status == 422:
                assert issue["expression"][0].startswith("Bundle.entry[2].resource.")
    assert len(issues(refusals(gateway, partner, a_bars_referral())[422], 422)) == 2


def test_a_refusal_in_stu3_has_the_codes_of_digital_child_health(partner: Partner) -> None:
    bundle = example("stu3/CH004.json")
    resource(bundle, "MessageHeader")["event"]["code"] = "CH999"
    [issue] = issues(process(partner, bundle), 422)
    coding = issue["details"]["coding"][0]
    assert (coding["system"], coding["code"]) == (EMS, "R09")


def test_what_is_answered_with_a_code_is_what_the_standard_publishes() -> None:
    folder = corpus("bars-r4/OperationOutcome")
    if not folder.is_dir():
        pytest.skip("no published messages here")
    published = {
        (int(status), code, kind)
        for status, code, kind in (path.stem.split("-", 2) for path in folder.glob("*.json"))
    }
    ours = {
        (int(status), row["rec_code"], row["rec_issue_type"])
        for status, row in STATUSES.items()
        if status not in ("405", "413", "415")
    }
    assert ours <= published
    shapes = {
        frozenset(issue) | frozenset(f"details.{name}" for name in issue["details"])
        for path in folder.glob("*.json")
        for issue in json.loads(path.read_bytes())["issue"]
    }
    assert shapes == {
        frozenset({"severity", "code", "details", "details.coding", "diagnostics"})
    }, "each of these stands in ours too"


def test_harm_is_told_first_whatever_else_is_wrong(partner: Partner) -> None:
    bundle = a_bars_referral()
    reason = resource(bundle, "ServiceRequest")["reasonCode"][0]
    reason["coding"][0]["code"] = "58"
    resource(bundle, "Patient")["birthDate"] = "yesterday"
    [first, *_] = issues(process(partner, bundle, **traced()), 422)
    assert first["diagnostics"].startswith("NOT DELIVERED. Telephone")


def test_no_journal_no_acceptance(tmp_path: Path) -> None:
    with serving(tmp_path / "gateway.db") as gateway:
        partner = gateway.partner()
        gateway.service.journal.close()
        answer = process(partner, a_bars_referral(), **traced())
    assert answer.headers["retry-after"] == "5"
    [issue] = issues(answer, 503)
    assert issue["details"]["coding"][0]["code"] == "REC_SERVICE_UNAVAILABLE"


# ── Booking and Referral Standard ────────────────────────────────────────────────────────────


@pytest.mark.conforms(**BARS, direction="out", outcome="rendered")
def test_a_referral_is_corrected_and_cancelled_by_what_the_answer_named(partner: Partner) -> None:
    sent = a_bars_referral()
    sent["id"] = str(uuid4())
    del resource(sent, "ServiceRequest")["identifier"]
    first = process(partner, sent, **traced())
    referral = resource(first.json(), "ServiceRequest")
    assert header_of(first)["focus"] == [
        {"reference": first.json()["entry"][2]["fullUrl"]},
    ]
    ends = []
    for number, status in enumerate(("active", "revoked", "entered-in-error")):
        bundle = a_bars_referral(id=referral["id"], status=status)
        bundle["timestamp"] = f"2026-11-21T0{number}:00:00Z"
        del resource(bundle, "ServiceRequest")["identifier"]
        resource(bundle, "MessageHeader")["reason"]["coding"][0]["code"] = "update"
        answer = process(partner, bundle, **traced())
        assert resource(answer.json(), "ServiceRequest")["status"] == status
        ends.append(partner.get(answer.headers["location"]).json())
    records = {end["record"]["id"] for end in ends if "record" in end}
    assert len(records) == 1
    assert [end["action"] for end in ends] == ["update", "retract", "retract"]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"NHSD-Target-Identifier": ""}, "required"),
        ({"NHSD-Target-Identifier": "not base64"}, "value"),
        ({"NHSD-Target-Identifier": base64.b64encode(b"7").decode()}, "value"),
        ({"NHSD-Target-Identifier": base64.b64encode(b'{"value": "7"}').decode()}, "value"),
        ({"X-Request-Id": ""}, "required"),
        ({"X-Request-Id": "1"}, "value"),
        ({"X-Correlation-Id": "<script>"}, "value"),
    ],
)
@pytest.mark.conforms(**BARS, direction="in", outcome="refused")
def test_the_headers_of_the_standard_are_asked_for(
    gateway: Gateway, partner: Partner, changes: dict[str, str], fault: str
) -> None:
    before = gateway.counts()
    answer = process(partner, a_bars_referral(), **traced(**changes))
    [issue] = issues(answer, 400)
    [name] = changes
    assert issue["expression"] == [f"http.{name}"]
    assert issue["code"] == fault
    assert issue["details"]["coding"][0]["code"] == "REC_BAD_REQUEST"
    assert gateway.counts() == before | {"refused": before["refused"] + 1}
    assert gateway.query(
        "SELECT count(*) FROM refused WHERE why = 'headers' AND bytes IS NULL"
    ) == [(0,)]


def test_all_headers_that_lack_are_told_at_once_and_no_other_event_needs_them(
    partner: Partner,
) -> None:
    assert len(issues(process(partner, a_bars_referral()), 400)) == 3
    assert process(partner, bundle_of(a_review())).status_code == 200


def test_what_traces_a_call_stands_on_every_answer_where_it_is_a_uuid(
    gateway: Gateway, partner: Partner
) -> None:
    ids = {name: value for name, value in traced().items() if name.startswith("X-")}
    for answer in (
        process(partner, bundle_of(a_review()), **ids),
        process(partner, b"{", **ids),
        process(gateway.stranger, b"{", **ids),
        gateway.client.get("/fhir/metadata", headers=ids),
        gateway.client.get("/fhir/nothing", headers=ids),
    ):
        assert {name: answer.headers.get(name) for name in ids} == ids
    wrong = process(partner, b"{", **{"X-Request-Id": "7", "X-Correlation-Id": "a b"})
    assert "x-request-id" not in wrong.headers
    assert "x-correlation-id" not in wrong.headers


# ── metadata ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("version", ["STU3", "R4"])
def test_metadata_lists_the_events_that_are_taken_and_no_others(
    gateway: Gateway, version: str
) -> None:
    accept = f"{FHIR}; fhirVersion={'3.0' if version == 'STU3' else '4.0'}"
    answer = gateway.client.get("/fhir/metadata", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == FHIR
    said = answer.json()
    MODELS[version].get_fhir_model_class("CapabilityStatement").model_validate(said)
    assert said["fhirVersion"] == {"STU3": "3.0.2", "R4": "4.0.1"}[version]
    assert "resource" not in said["rest"][0]
    [messaging] = said["messaging"]
    if version == "STU3":
        events = [(e["code"]["system"], e["code"]["code"]) for e in messaging["event"]]
    else:
        definitions = {f"#{one['id']}": one["eventCoding"] for one in said["contained"]}
        named = [one["definition"] for one in messaging["supportedMessage"]]
        events = [(definitions[n]["system"], definitions[n]["code"]) for n in named]
    taken = [c for profile in PROFILES if profile.version == version for c in profile.events]
    assert sorted(code for _, code in events) == sorted(taken)
    for system, code in events:
        assert understood(gateway, version, {"system": system, "code": code})
        assert not understood(gateway, version, {"system": system, "code": f"{code}-not"})


def understood(gateway: Gateway, version: str, event: Json) -> bool:
    """Tell whether the parser takes an event; what else such a message lacks does not matter."""
    element = "event" if version == "STU3" else "eventCoding"
    header = {"resourceType": "MessageHeader", element: event}
    bundle = {"resourceType": "Bundle", "type": "message", "entry": [{"resource": header}]}
    answer = gateway.partner().check(bundle, media=FHIR, accept=JSON)
    assert answer.status_code == 422
    places = [fault["pointer"] for fault in answer.json()["errors"]]
    return f"Bundle.entry[0].resource.{element}.code" not in places


def test_metadata_says_in_which_shapes_a_message_comes(gateway: Gateway) -> None:
    said = gateway.client.get("/fhir/metadata").json()["contained"]
    foci = {one["eventCoding"]["code"]: one["focus"] for one in said}
    assert {code: [one["code"] for one in of] for code, of in foci.items()} == {
        "servicerequest-request": ["ServiceRequest"],
        "healthy-child-review": ["Encounter", "QuestionnaireResponse"],
        "speech-therapy-report": ["DiagnosticReport", "Composition"],
        "sen-support-notice": ["QuestionnaireResponse", "Condition", "Flag"],
        "referral": ["ServiceRequest"],
    }
    for of in foci.values():
        assert {one["min"] for one in of} == {int(len(of) == 1)}, "one of several, or this one"


def test_metadata_is_r4_unless_asked_and_says_where_to_send(gateway: Gateway) -> None:
    said = gateway.client.get("/fhir/metadata").json()
    assert said["fhirVersion"] == "4.0.1"
    assert said["format"] == [name for name in PARSERS if "fhir" in name]
    assert said["rest"][0]["operation"][0]["name"] == "process-message"
    address = said["messaging"][0]["endpoint"][0]["address"]
    assert address == f"{gateway.service.settings.public_url}{PROCESS}"


@pytest.mark.parametrize(("asked", "version"), [("3.0", b"3.0.2"), ("4.0", b"4.0.1")])
def test_metadata_comes_as_xml_where_it_is_asked_for(
    gateway: Gateway, asked: str, version: bytes
) -> None:
    accept = f"{FHIR_XML}; fhirVersion={asked}"
    answer = gateway.client.get("/fhir/metadata", headers={"accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == FHIR_XML
    assert b'<fhirVersion value="%s"' % version in answer.content


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/fhir/Patient", 404, "REC_NOT_FOUND"),
        ("POST", "/fhir/", 404, "REC_NOT_FOUND"),
        ("GET", PROCESS, 405, "REC_BAD_REQUEST"),
        ("POST", "/fhir/metadata", 405, "REC_BAD_REQUEST"),
    ],
)
def test_all_else_under_fhir_is_answered_in_fhir(
    gateway: Gateway, method: str, path: str, status: int, code: str
) -> None:
    answer = gateway.client.request(method, path, headers={"accept": JSON})
    [issue] = issues(answer, status)
    assert issue["details"]["coding"][0]["code"] == code
