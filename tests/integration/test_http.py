"""What a partner meets over HTTP: every answer that the contract promises."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

import httpx
import orjson
import psycopg
import pytest
import structlog
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import make_url

from adapters.outbound.fhir_xml import to_xml
from gateway.json_schemas import NAMES, json_schema
from schemas.fields import MODELS
from tests.builders import (
    HARM,
    PRACTICE,
    SCHOOL,
    a_child,
    a_notice,
    a_probable_sen_review,
    a_report,
    a_review,
    a_safeguarding_referral,
    body,
    changed,
)
from tests.integration.serving import FHIR, JSON, XML, Gateway, Partner, serving
from tests.services import driver_url, postgres_url, scratch_database
from tests.unit.adapters.fhir_writer import bundle_of

LIMIT = 64 * 1024
FRONT_DOOR, NIGHT_TEAM = "0300 123 7047", "01244 977277"
Answer = dict[str, Any]

UNUSED = "2e9200a1-2574-40e7-b8f1-3cabe22442c1"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(tmp_path_factory.mktemp("http") / "gateway.db", max_bytes=LIMIT) as running:
        yield running


@pytest.fixture(scope="module")
def trust(gateway: Gateway) -> Partner:
    """A health visiting service: it may send reviews, reports and referrals."""
    return gateway.partner("ods:RXA")


@pytest.fixture(scope="module")
def other_trust(gateway: Gateway) -> Partner:
    return gateway.partner("ods:RJR")


def problem(answer: httpx.Response, status: int, code: str) -> Answer:
    """What a JSON caller reads of a fault (RFC 9457)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said: Answer = answer.json()
    assert (said["status"], said["code"], said["type"]) == (status, code, "about:blank")
    assert said["title"]
    assert said["detail"]
    return said


def outcome(answer: httpx.Response, status: int) -> list[Answer]:
    """What a FHIR caller reads of a fault: the issues."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == FHIR
    said: Answer = answer.json()
    assert said["resourceType"] == "OperationOutcome"
    assert said["issue"]
    return said["issue"]


def xml_outcome(answer: httpx.Response, status: int) -> list[Answer]:
    """The same of one who reads XML."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == XML
    root = ElementTree.fromstring(answer.content)
    assert root.tag == "{http://hl7.org/fhir}OperationOutcome"
    issues = [
        {child.tag.partition("}")[2]: child.get("value") for child in issue} for issue in root
    ]
    assert issues
    return issues


def receipt(answer: httpx.Response, status: int = 202) -> Answer:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == JSON
    return answer.json()


def alone(message: Answer) -> Answer:
    """The message as the first of a record of its own."""
    return message | {"record": str(uuid4())}


# ── taken, and taken again ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("message", "media"),
    [(a_review(), JSON), (a_report(source={"odsCode": "RXA"}), JSON), (a_review(), FHIR)],
)
def test_a_message_is_answered_202_with_its_receipt_and_where_to_follow_it(
    trust: Partner, message: Answer, media: str
) -> None:
    answer = trust.post(message if media == JSON else bundle_of(message), media=media)
    said = receipt(answer)
    assert said["kind"] == message["kind"]
    assert answer.headers["location"] == f"/messages/{said['id']}"
    assert receipt(trust.get(answer.headers["location"]), 200) == said


def test_the_same_message_again_is_answered_200_and_nothing_is_decided_again(
    gateway: Gateway, trust: Partner
) -> None:
    message = a_probable_sen_review()
    first = trust.post(message)
    before = gateway.counts()
    for spelling in (body(message), orjson.dumps(message, option=orjson.OPT_INDENT_2)):
        again = trust.post(spelling)
        assert receipt(again, 200) == receipt(first)
        assert again.headers["location"] == first.headers["location"]
    assert gateway.counts() == before


def test_the_same_id_with_other_content_is_answered_409(trust: Partner) -> None:
    message = a_review()
    receipt(trust.post(message))
    said = problem(trust.post(changed(message, "child.sex", "male")), 409, "duplicate")
    assert "higher sequence" in said["detail"]


# ── what cannot be understood ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/messages", "/messages/check"])
def test_what_is_not_json_is_answered_400_with_line_and_column(trust: Partner, path: str) -> None:
    said = problem(trust.post(b'{\n  "kind": ,\n}', path), 400, "not-well-formed")
    assert (said["line"], said["column"]) == (2, 11)
    assert "(line 2, column 11)" in said["detail"]
    [issue] = outcome(trust.post(b'{\n  "kind": ,\n}', path, FHIR), 400)
    assert issue["code"] == "structure"
    assert "line 2, column" in issue["diagnostics"]


@pytest.mark.parametrize("path", ["/messages", "/messages/check"])
def test_every_fault_is_answered_422_with_its_place(trust: Partner, path: str) -> None:
    message = changed(a_review(65), "child.nhsNumber", "9990001007") | {"extra": 1}
    said = problem(trust.post(message, path), 422, "not-understood")
    assert said["detail"] == "3 things are wrong with this message; nothing was accepted."
    assert {(e["pointer"], e["code"]) for e in said["errors"]} == {
        ("/review/asq3/scores/0/score", "value"),
        ("/child/nhsNumber", "nhs-number"),
        ("/extra", "unknown-property"),
    }
    assert all(error["detail"] for error in said["errors"])


def test_one_fault_gives_the_answer_its_code(trust: Partner) -> None:
    said = problem(trust.post(changed(a_review(), "child.nhsNumber", "1")), 422, "nhs-number")
    assert said["detail"] == "One thing is wrong with this message; nothing was accepted."


def test_every_fault_of_a_bundle_is_an_issue_with_its_fhirpath(trust: Partner) -> None:
    bundle = bundle_of(a_review())
    patient = next(
        e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"
    )
    patient["birthDate"] = "2024-13-01"
    for identifier in patient["identifier"]:
        identifier["value"] = "9990001007"
    issues = outcome(trust.post(bundle, media=FHIR), 422)
    places = [place for issue in issues for place in issue["expression"]]
    assert any("birthDate" in place for place in places)
    assert any("identifier" in place for place in places)
    assert all(place.startswith("Bundle.entry[") for place in places)
    codes = {c["code"] for i in issues for c in i["details"].get("coding", ())}
    assert "R01" in codes


def test_an_unknown_kind_or_event_is_answered_422_naming_what_is_taken(trust: Partner) -> None:
    said = problem(trust.post(a_review(kind="school-report")), 422, "not-supported")
    assert "healthy-child-review" in said["errors"][0]["detail"]
    bundle = bundle_of(a_review())
    bundle["entry"][0]["resource"]["eventCoding"]["code"] = "school-report"
    [issue] = outcome(trust.post(bundle, media=FHIR), 422)
    assert issue["code"] == "not-supported"
    assert "healthy-child-review" in issue["diagnostics"]
    assert issue["expression"] == ["Bundle.entry[0].resource.eventCoding.code"]


def test_a_message_as_fhir_xml_is_the_same_message_as_in_json(trust: Partner) -> None:
    bundle = bundle_of(a_review())
    sent = receipt(trust.post(to_xml(bundle), media=XML))
    assert receipt(trust.post(bundle, media=FHIR), 200)["id"] == sent["id"]


def test_what_is_wrong_with_fhir_xml_is_answered_as_xml_with_its_place(trust: Partner) -> None:
    sent = to_xml(bundle_of(a_review(child=a_child(nhsNumber="9990001007"))))
    [issue] = xml_outcome(trust.post(sent, media=XML), 422)
    assert issue["expression"].startswith("Bundle.entry[")
    assert issue["expression"].endswith(".identifier[0].value")
    [issue] = xml_outcome(trust.post(b"<Bundle>\n</Bandle>", media=XML), 400)
    assert issue["diagnostics"] == "This is not XML: mismatched tag (line 2, column 3)"
    [issue] = xml_outcome(trust.post(b"<!DOCTYPE Bundle><Bundle/>", media=XML), 422)
    assert "DOCTYPE" in issue["diagnostics"]


def test_xml_in_two_bytes_a_character_does_not_hide_harm(trust: Partner) -> None:
    broken = "<Bundle><url value='significant-harm'/>".encode("utf-16")
    [issue] = xml_outcome(trust.post(broken, media=XML), 400)
    assert FRONT_DOOR in issue["diagnostics"]


@pytest.mark.parametrize("media", [JSON, FHIR, XML])
def test_what_is_nested_too_deeply_is_answered_422(trust: Partner, media: str) -> None:
    answer = trust.post(b"<a>" * 20_000 if media == XML else b"[" * 30_000, media=media)
    if media == XML:
        assert xml_outcome(answer, 422)[0]["code"] == "too-costly"
    elif media == JSON:
        problem(answer, 422, "too-deep")
    else:
        assert outcome(answer, 422)[0]["code"] == "too-costly"


@pytest.mark.parametrize("media", ["text/plain", "application/xml", "", "application/jsonp"])
def test_a_media_type_that_is_not_taken_is_answered_415_naming_those_that_are(
    trust: Partner, media: str
) -> None:
    said = problem(trust.post(a_review(), media=media), 415, "not-supported")
    assert JSON in said["detail"]
    assert FHIR in said["detail"]


def test_a_charset_beside_the_media_type_is_no_other_media_type(trust: Partner) -> None:
    receipt(trust.post(a_review(), media="Application/JSON; charset=utf-8"))


def chunks(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), 8192):
        yield content[start : start + 8192]


@pytest.mark.parametrize("path", ["/messages", "/messages/check"])
@pytest.mark.parametrize("size", [LIMIT + 1, 3_000_000])
@pytest.mark.parametrize("sent", [bytes, chunks], ids=["with its length", "in chunks"])
def test_a_message_over_the_limit_is_answered_413(
    trust: Partner, path: str, size: int, sent: Callable[[bytes], Any]
) -> None:
    headers = {"authorization": f"Bearer {trust.key}", "content-type": JSON}
    answer = trust.client.post(path, content=sent(b" " * size), headers=headers)
    assert f"{LIMIT} bytes" in problem(answer, 413, "too-large")["detail"]


def test_a_message_without_end_is_not_read_to_its_end(gateway: Gateway, trust: Partner) -> None:
    headers = {"authorization": f"Bearer {trust.key}", "content-type": JSON}
    trust.client.post("/messages", content=chunks(b" " * 5_000_000), headers=headers)
    [(read,)] = gateway.query("SELECT size FROM refused ORDER BY received_at DESC LIMIT 1")
    assert LIMIT < read < 10 * LIMIT


def test_a_message_of_just_the_limit_is_read(trust: Partner) -> None:
    sent = body(a_review())
    receipt(trust.post(sent + b" " * (LIMIT - len(sent))))


@pytest.mark.parametrize("length", [2**63, 2**64 - 1])
@pytest.mark.parametrize("knows_a_key", [True, False])
def test_a_length_that_no_message_has_is_answered_and_breaks_nothing(
    gateway: Gateway, trust: Partner, length: int, knows_a_key: bool
) -> None:
    url = gateway.client.base_url
    head = (
        f"POST /messages HTTP/1.1\r\nHost: {url.host}\r\nContent-Type: {JSON}\r\n"
        f"Authorization: Bearer {trust.key if knows_a_key else 'none'}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    )
    with socket.create_connection((url.host, url.port or 80), timeout=10) as connection:
        connection.sendall(head.encode())
        status = connection.recv(4096).split(b" ")[1]
    assert status == (b"413" if knows_a_key else b"401")


# ── who may ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer unknown", "Basic dXNlcjpwYXNz", "Bearer \xe9"],
)
def test_without_a_known_key_everything_of_messages_is_answered_401(
    gateway: Gateway, authorization: str | None
) -> None:
    headers: dict[str, str | bytes] = {"content-type": JSON}
    if authorization is not None:
        headers["authorization"] = authorization.encode("latin-1")
    for method, path in [
        ("POST", "/messages"),
        ("POST", "/messages/check"),
        ("GET", f"/messages/{UNUSED}"),
    ]:
        answer = gateway.client.request(method, path, content=body(a_review()), headers=headers)
        problem(answer, 401, "unauthorised")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_revoked_key_opens_nothing(gateway: Gateway) -> None:
    partner = gateway.partner("ods:RXA")
    gateway.service.journal.transact(
        lambda tx: tx.revoke(partner.credential, datetime.now(UTC))
    ).result()
    problem(partner.post(a_review()), 401, "unauthorised")


@pytest.mark.parametrize("path", ["/messages", "/messages/check"])
def test_a_caller_may_not_send_in_anothers_name(trust: Partner, path: str) -> None:
    said = problem(trust.post(a_review(source={"odsCode": "RJR"}), path), 403, "forbidden")
    assert "ods:RXA" in said["detail"]
    assert "ods:RJR" in said["detail"]


@pytest.mark.parametrize("path", ["/messages", "/messages/check"])
def test_a_caller_may_not_send_a_kind_for_which_it_is_not_registered(
    gateway: Gateway, path: str
) -> None:
    school = gateway.partner(f"urn:{SCHOOL}")
    said = problem(school.post(a_review(source={"urn": SCHOOL}), path), 403, "forbidden")
    assert "sen-support-notice" in said["detail"]
    assert school.post(a_notice(), path).status_code in (200, 202)


def test_who_speaks_for_another_sends_and_reads_in_its_name(
    gateway: Gateway, trust: Partner
) -> None:
    supplier = gateway.partner("ods:8Z921", speaks_for=["ods:RXA"])
    sent = supplier.post(a_review())
    assert receipt(trust.get(sent.headers["location"]), 200) == receipt(sent)
    own = trust.post(a_review())
    assert receipt(supplier.get(own.headers["location"]), 200) == receipt(own)


def test_another_organisation_cannot_tell_a_receipt_from_one_that_never_was(
    trust: Partner, other_trust: Partner
) -> None:
    sent = trust.post(a_probable_sen_review())
    hidden = other_trust.get(sent.headers["location"])
    never = other_trust.get(f"/messages/{UNUSED}")
    assert problem(hidden, 404, "not-found") == problem(never, 404, "not-found")
    assert hidden.headers.keys() == never.headers.keys()


def test_a_safeguarding_referral_is_shown_to_the_very_key_that_sent_it(
    gateway: Gateway, trust: Partner, other_trust: Partner
) -> None:
    sent = trust.post(a_safeguarding_referral())
    assert receipt(trust.get(sent.headers["location"]), 200) == receipt(sent)
    supplier = gateway.partner("ods:8Z921", speaks_for=["ods:RXA"])
    for other in (gateway.partner("ods:RXA"), supplier, other_trust):
        problem(other.get(sent.headers["location"]), 404, "not-found")


def test_sending_anothers_safeguarding_referral_again_shows_nothing_of_what_became_of_it(
    gateway: Gateway, trust: Partner
) -> None:
    message = a_safeguarding_referral()
    receipt(trust.post(message))
    again = gateway.partner("ods:RXA").post(message)
    assert "alerts" not in again.json()
    assert "record" not in again.json()


# ── addresses, methods and formats ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path", ["/messages/not-an-id", "/messages/1", f"/messages/{UNUSED}", "/nowhere", "/schemas/x"]
)
def test_what_is_not_there_is_answered_404(trust: Partner, path: str) -> None:
    problem(trust.get(path), 404, "not-found")
    assert outcome(trust.get(path, accept=FHIR), 404)[0]["code"] == "not-found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/messages", "POST"),
        ("DELETE", "/messages/check", "POST"),
        ("POST", "/metrics", "GET"),
    ],
)
def test_a_method_that_an_address_does_not_know_is_answered_as_every_other_fault(
    trust: Partner, method: str, path: str, allowed: str
) -> None:
    answer = trust.client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("accept", "media", "speaks"),
    [
        (None, JSON, "problem"),
        (None, FHIR, "outcome"),
        ("*/*", FHIR, "outcome"),
        ("*/*", JSON, "problem"),
        (FHIR, JSON, "outcome"),
        (JSON, FHIR, "problem"),
        ("application/problem+json", FHIR, "problem"),
        ("application/fhir+json; fhirVersion=4.0", JSON, "outcome"),
        ("application/fhir+json, application/json;q=0.5", JSON, "outcome"),
        ("text/html", JSON, "problem"),
        ("application/fhir+json;q=0.5, application/json", FHIR, "problem"),
        ("application/json;q=0.2, application/fhir+json;q=0.9", JSON, "outcome"),
        ("application/fhir+json;q=0, */*", JSON, "problem"),
        ("APPLICATION/FHIR+JSON ;Q=high", JSON, "outcome"),
        ("application/fhir+json;q*=utf-8''1, */*;q*0=1;q*=0", JSON, "outcome"),
        (XML, JSON, "xml"),
        (None, XML, "xml"),
        (f"{XML};q=0.9, {FHIR};q=0.8", FHIR, "xml"),
        (f"{XML};q=0.7, {FHIR};q=0.8", XML, "outcome"),
        (JSON, XML, "problem"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON, "problem"),
    ],
)
def test_a_fault_is_told_in_the_format_that_accept_asks_for_then_in_that_of_the_message(
    gateway: Gateway, trust: Partner, accept: str | None, media: str, speaks: str
) -> None:
    headers = {"accept": accept} if accept else {}
    told = {"problem": problem, "outcome": outcome, "xml": xml_outcome}[speaks]
    arguments: tuple[Any, ...] = ("unauthorised",) if speaks == "problem" else ()
    told(gateway.stranger.post({}, media=media, **headers), 401, *arguments)
    told(trust.post(b"{", media=media, **headers), 400, *(["not-well-formed"] * len(arguments)))


def test_a_fhir_caller_reads_each_kind_of_fault_as_an_outcome(
    gateway: Gateway, trust: Partner
) -> None:
    message = a_review()
    receipt(trust.post(message))
    answers = {
        401: gateway.stranger.post({}, media=FHIR),
        403: trust.post(bundle_of(a_review(source={"odsCode": "RJR"})), media=FHIR),
        404: trust.get(f"/messages/{UNUSED}", accept=FHIR),
        409: trust.post(changed(message, "child.sex", "male"), accept=FHIR),
        413: trust.post(b" " * (LIMIT + 1), media=FHIR),
        415: trust.post(b"<Bundle/>", media="application/fhir+turtle"),
    }
    codes = {status: outcome(answer, status)[0]["code"] for status, answer in answers.items()}
    assert codes == {
        401: "login",
        403: "forbidden",
        404: "not-found",
        409: "duplicate",
        413: "too-long",
        415: "not-supported",
    }


# ── check ────────────────────────────────────────────────────────────────────────────────────


def test_a_check_stores_nothing(gateway: Gateway, trust: Partner) -> None:
    before = gateway.counts()
    for sent in (
        a_probable_sen_review(),
        a_safeguarding_referral(),
        changed(a_review(), "child.generalPractice", None),
        changed(a_review(), "review.date", "today"),
        a_review(source={"odsCode": "RJR"}),
        b"{",
    ):
        trust.check(sent)
    assert gateway.counts() == before


def test_a_check_says_who_would_be_told_what_would_be_held_and_what_is_asked(
    trust: Partner,
) -> None:
    message = changed(a_probable_sen_review(), "sharing.opinion.words", None)
    said = receipt(trust.check(message), 200)
    assert said["status"] == "checked"
    assert {(a["route"], a["state"]) for a in said["alerts"]} == {("A", "would-go")}
    [held] = said["held"]
    assert held["missing"] == [
        {"pointer": "/sharing/opinion/words", "detail": "the opinion in words"}
    ]
    assert any("nothing was stored" in note for note in said["notes"])
    [question] = receipt(trust.check(a_review(25)), 200)["questions"]
    assert question["detail"].startswith("Communication 25 is below 33.30")


@pytest.mark.parametrize(
    "message",
    [
        alone(a_probable_sen_review()),
        alone(a_safeguarding_referral()),
        alone(changed(a_review(), "child.generalPractice", None)),
        alone(changed(a_probable_sen_review(), "child.address", None)),
    ],
    ids=["told", "harm", "counted", "held"],
)
def test_a_check_answers_the_same_whether_or_not_the_message_was_sent(
    trust: Partner, message: Answer
) -> None:
    first = trust.check(message)
    receipt(trust.post(message))
    retract = message | {
        "id": str(uuid4()),
        "action": "retract",
        "retractReason": "entered-in-error",
    }
    retract_before = trust.check(retract).json()
    receipt(trust.post(retract))
    other = changed(message, "child.familyName", "Other")
    for later in (trust.check(message), trust.check(other)):
        assert receipt(later, 200) == receipt(first, 200)
    assert trust.check(retract).json() == retract_before
    assert retract_before["notes"][0].startswith("This retract is well-formed.")


# ── what is kept of what was refused ─────────────────────────────────────────────────────────


def refused_rows(gateway: Gateway) -> list[tuple[Any, ...]]:
    return gateway.query(
        "SELECT organisation, status, why, size, bytes, bytes_hash, expires_at FROM refused"
        " ORDER BY received_at"
    )


CANARY = "Zq7CanaryOfTheDisk"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b'{"child": {"familyName": "' + CANARY.encode() + b'"', 400),
        (body(changed(a_review(), "child.familyName", CANARY) | {"extra": 1}), 422),
    ],
)
def test_the_bytes_of_a_400_and_a_422_are_kept_sealed_for_30_days(
    gateway: Gateway, trust: Partner, sent: bytes, status: int
) -> None:
    assert trust.post(sent).status_code == status
    organisation, noted, why, size, sealed, _, expires = refused_rows(gateway)[-1]
    assert (organisation, noted, size) == ("ods:RXA", status, len(sent))
    assert why in ("NotWellFormed", "NotUnderstood")
    assert gateway.service.journal.codec.open(sealed) == sent
    assert expires is not None
    assert CANARY.encode() not in gateway.on_disk()


def test_of_a_401_a_403_and_a_413_only_who_when_why_and_how_much_is_noted(tmp_path: Path) -> None:
    with serving(tmp_path / "gateway.db", max_bytes=LIMIT) as gateway:
        trust = gateway.partner("ods:RXA")
        message = changed(a_review(source={"odsCode": "RJR"}), "child.familyName", CANARY)
        gateway.stranger.post(message)
        trust.post(message)
        trust.post(body(message) + b" " * LIMIT)
        size = len(body(message))
        assert [row[:6] for row in refused_rows(gateway)] == [
            (None, 401, "no or unknown key", size, None, None),
            ("ods:RXA", 403, "not allowed", size, None, None),
            ("ods:RXA", 413, "too large", size + LIMIT, None, None),
        ]
        assert CANARY.encode() not in gateway.on_disk()


def test_whoever_has_no_key_cannot_fill_the_disk(tmp_path: Path) -> None:
    with serving(tmp_path / "gateway.db") as gateway:
        for _ in range(40):
            gateway.stranger.post(b"{}")
        assert 1 <= len(refused_rows(gateway)) <= 20
        assert samples(gateway)["gateway_answers_total['no or unknown key']"] == 40


# ── safeguarding ─────────────────────────────────────────────────────────────────────────────


def carries_the_numbers(answer: httpx.Response, words: str = "NOT DELIVERED") -> None:
    assert words in answer.text
    assert FRONT_DOOR in answer.text
    assert NIGHT_TEAM in answer.text


def test_a_safeguarding_referral_that_is_taken_is_not_delivered_and_says_whom_to_call(
    trust: Partner,
) -> None:
    message = a_safeguarding_referral()
    for answer in (trust.post(message), trust.post(message)):
        said = answer.json()
        assert said["warning"].startswith("NOT DELIVERED.")
        assert said["telephone"] == {"frontDoor": FRONT_DOOR, "nightTeam": NIGHT_TEAM}
        assert [(a["route"], a["urgency"], a["state"]) for a in said["alerts"]] == [
            ("J", "urgent", "due")
        ]


@pytest.mark.parametrize(
    "message",
    [
        changed(a_safeguarding_referral(), "sharing.harm.cause", None),
        changed(a_safeguarding_referral(), "sharing.harm.by", None),
        changed(a_safeguarding_referral(), "sharing", None),
        changed(a_safeguarding_referral(), "child.nhsNumber", "9990001007"),
        a_safeguarding_referral(extra=1),
        changed(a_safeguarding_referral(), "sharing.harm.publicInterest", "because"),
        changed(a_safeguarding_referral(), "sent", None),
        a_review(conclusions=[{"kind": "significant-harm"}]),
        a_review(sharing={"harm": HARM}, extra=1),
    ],
    ids=[
        "no cause",
        "nobody named",
        "no harm",
        "wrong number",
        "unknown property",
        "unknown word",
        "not dated",
        "in a review",
        "in a review with another fault",
    ],
)
@pytest.mark.parametrize("accept", [JSON, FHIR])
def test_a_message_of_harm_that_is_refused_says_whom_to_call_whatever_is_wrong_with_it(
    trust: Partner, message: Answer, accept: str
) -> None:
    answer = trust.post(message, accept=accept)
    assert answer.status_code == 422
    carries_the_numbers(answer)
    if accept == JSON:
        assert answer.json()["telephone"] == {"frontDoor": FRONT_DOOR, "nightTeam": NIGHT_TEAM}


def test_a_safeguarding_bundle_that_is_refused_says_whom_to_call(trust: Partner) -> None:
    bundle = bundle_of(a_safeguarding_referral())
    patient = next(
        e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"
    )
    patient["identifier"][0]["value"] = "9990001007"
    answer = trust.post(bundle, media=FHIR)
    outcome(answer, 422)
    carries_the_numbers(answer)


def test_a_safeguarding_referral_that_was_cut_off_says_whom_to_call(trust: Partner) -> None:
    answer = trust.post(body(a_safeguarding_referral())[:-1])
    problem(answer, 400, "not-well-formed")
    carries_the_numbers(answer)


def test_no_other_answer_frightens_with_the_numbers(trust: Partner) -> None:
    for answer in (trust.post(a_review()), trust.post(changed(a_review(), "sent", None))):
        assert FRONT_DOOR not in answer.text


# ── the journal is away ──────────────────────────────────────────────────────────────────────


def not_accepted(answer: httpx.Response) -> Answer:
    said = problem(answer, 503, "not-accepted")
    assert int(answer.headers["retry-after"]) > 0
    assert "Nothing was accepted" in said["detail"]
    return said


@contextmanager
def shut(url: str) -> Iterator[None]:
    """Let nobody into a database of PostgreSQL, and throw out who is in."""
    name = make_url(url).database
    with psycopg.connect(driver_url(postgres_url()), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        try:
            yield
        finally:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with scratch_database() as url:
        yield url


@pytest.fixture(scope="module")
def on_postgres(database: str) -> Iterator[Gateway]:
    with serving(database) as running:
        yield running


@pytest.fixture
def known(on_postgres: Gateway) -> Partner:
    """A caller whom the gateway has just seen."""
    partner = on_postgres.partner("ods:RXA")
    receipt(partner.check(a_review()), 200)
    return partner


@pytest.mark.postgresql
def test_while_the_journal_is_away_nothing_is_accepted_and_it_is_sent_again_later(
    database: str, known: Partner
) -> None:
    message = a_probable_sen_review()
    with shut(database):
        said = not_accepted(known.post(message))
        assert "127.0.0.1" not in said["detail"]
        assert (make_url(database).database or "?") not in said["detail"]
        [issue] = outcome(known.post(message, accept=FHIR), 503)
        assert issue["code"] == "transient"
        not_accepted(known.get(f"/messages/{UNUSED}"))
    assert receipt(known.post(message))["record"]["version"] == 1


@pytest.mark.postgresql
@pytest.mark.parametrize("accept", [JSON, FHIR])
def test_a_safeguarding_referral_that_cannot_be_written_says_whom_to_call(
    database: str, known: Partner, accept: str
) -> None:
    with shut(database):
        answer = known.post(a_safeguarding_referral(), accept=accept)
    assert answer.status_code == 503
    carries_the_numbers(answer)
    if accept == JSON:
        assert answer.json()["telephone"] == {"frontDoor": FRONT_DOOR, "nightTeam": NIGHT_TEAM}


@pytest.mark.postgresql
def test_it_says_so_too_where_the_caller_could_not_be_looked_up(
    database: str, on_postgres: Gateway
) -> None:
    partner = on_postgres.partner("ods:RXA")
    with shut(database):
        answer = partner.post(a_safeguarding_referral())
    not_accepted(answer)
    carries_the_numbers(answer)


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"{", 400),
        (body(a_review(extra=1)), 422),
        (body(changed(a_safeguarding_referral(), "sharing.harm.cause", None)), 422),
    ],
    ids=["not JSON", "a fault", "harm without a cause"],
)
def test_a_message_that_cannot_be_understood_is_answered_even_while_the_journal_is_away(
    database: str, known: Partner, sent: bytes, status: int
) -> None:
    with shut(database):
        answer = known.post(sent)
    assert answer.status_code == status
    if b"safeguarding" in sent:
        carries_the_numbers(answer)


@pytest.mark.postgresql
def test_a_stranger_is_denied_or_told_to_come_again_while_the_journal_is_away(
    database: str, on_postgres: Gateway
) -> None:
    with shut(database):
        answers = [on_postgres.stranger.post(a_review()).status_code for _ in range(2)]
    assert set(answers) == {401}


@pytest.mark.postgresql
def test_readiness_says_when_the_journal_cannot_be_written_and_liveness_does_not_care(
    database: str, on_postgres: Gateway
) -> None:
    stranger = on_postgres.stranger
    assert stranger.get("/health/ready").status_code == 200
    with shut(database):
        away = stranger.get("/health/ready")
        assert (away.status_code, away.json()["status"]) == (503, "unavailable")
        assert stranger.get("/health/live").status_code == 200
        assert stranger.get("/metrics").status_code == 200
    assert stranger.get("/health/ready").json()["journal"] == "writable"


def test_a_file_that_another_process_holds_is_a_journal_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.journal.engine.BUSY_SECONDS", 0.2)
    with serving(tmp_path / "gateway.db") as gateway:
        trust, message = gateway.partner("ods:RXA"), a_safeguarding_referral()
        with closing(sqlite3.connect(tmp_path / "gateway.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            answer = trust.post(message)
            not_accepted(answer)
            carries_the_numbers(answer)
            assert gateway.stranger.get("/health/ready").status_code == 503
        assert receipt(trust.post(message))["record"]["version"] == 1


# ── operation ────────────────────────────────────────────────────────────────────────────────


def test_an_embedded_gateway_is_alive_and_ready(gateway: Gateway) -> None:
    assert gateway.stranger.get("/health/live").json() == {"status": "ok"}
    assert gateway.stranger.get("/health/ready").json() == {
        "status": "ok",
        "journal": "writable",
        "broker": "embedded",
    }


def test_a_gateway_whose_relay_was_never_heard_of_is_degraded_and_takes_messages(
    tmp_path: Path,
) -> None:
    with serving(tmp_path / "gateway.db", amqp_url="amqp://nobody@127.0.0.1:1/") as gateway:
        ready = gateway.stranger.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert ready.json()["broker"] == "silent"
        receipt(gateway.partner("ods:RXA").post(a_review()))


def samples(gateway: Gateway) -> dict[str, float]:
    answer = gateway.stranger.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        f"{one.name}{sorted(one.labels.values())}": one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
        if not one.name.endswith(("_created", "_seconds"))
    }


def test_the_metrics_count_what_happened(gateway: Gateway, trust: Partner) -> None:
    before = samples(gateway)
    message = alone(a_probable_sen_review())
    for sent in (message, message, changed(message, "child.sex", "male"), {"kind": "x"}, b"{"):
        trust.post(sent)
    gateway.stranger.post(message)
    after = samples(gateway)
    grown = {
        name: value - before.get(name, 0)
        for name, value in after.items()
        if value != before.get(name, 0)
    }
    review = "healthy-child-review"
    assert grown == {
        f"gateway_messages_total['{review}', 'recorded']": 1,
        f"gateway_messages_total['{review}', 'repeated']": 1,
        f"gateway_alerts_total['created', 'education', '{review}']": 1,
        f"gateway_alerts_total['created', 'health', '{review}']": 1,
        "gateway_answers_total['duplicate']": 1,
        "gateway_answers_total['not-understood']": 1,
        "gateway_answers_total['not-well-formed']": 1,
        "gateway_answers_total['no or unknown key']": 1,
        "gateway_deliveries_due['education', 'mailbox', 'routine']": 1,
        "gateway_deliveries_due['health', 'mailbox', 'routine']": 1,
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_schemas_are_served_as_they_are_committed(gateway: Gateway, name: str) -> None:
    answer = gateway.stranger.get(f"/schemas/{name}")
    assert answer.headers["content-type"] == "application/schema+json"
    assert answer.json() == json_schema(name)
    if name in MODELS:
        Draft202012Validator.check_schema(answer.json())


# ── nothing of a child in logs, metrics and faults ───────────────────────────────────────────

NAMES_OF_A_CHILD = [
    "Zq7Given",
    "Zq7Family",
    "Zq7Road",
    "Zq7Words",
    "9990001049",
    "2024-05-14",
    "CH65",
]


def with_canaries(message: Answer, **changes: Any) -> Answer:
    child = a_child(
        givenNames=["Zq7Given"],
        familyName="Zq7Family",
        nhsNumber="9990001049",
        generalPractice=PRACTICE,
        address={"lines": ["Zq7Road"], "postcode": "CH65 9ZZ"},
        note="Zq7Words",
    )
    return message | {"child": child} | changes


def test_logs_metrics_and_faults_hold_nothing_of_a_child(
    gateway: Gateway, trust: Partner, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    told = with_canaries(a_probable_sen_review())
    with structlog.testing.capture_logs() as events:
        taken = [trust.post(told), trust.post(with_canaries(a_safeguarding_referral()))]
        refused = [
            trust.post(changed(told, "child.familyName", "Zq7Other")),
            trust.post(with_canaries(a_review(), source={"odsCode": "RJR"})),
            trust.post(with_canaries(a_review(), id="Zq7" * 100)),
            trust.post(changed(with_canaries(a_review()), "child.sex", "Zq7Words")),
            trust.post(changed(with_canaries(a_review()), "child.birthDate", "2024-05-14Zq7")),
            trust.post(changed(with_canaries(a_review()), "child.nhsNumber", "9990001040")),
            trust.post(body(told)[:-1]),
            trust.post(bundle_of(with_canaries(a_review(), source={"odsCode": "RJR"})), media=FHIR),
            trust.post(body(told) + b" " * LIMIT),
            gateway.stranger.post(told),
        ]
    assert [answer.status_code for answer in taken] == [202, 202]
    assert {answer.status_code for answer in refused} == {400, 401, 403, 409, 413, 422}
    assert [event["event"] for event in events] == ["message", "message"]
    logged = repr(events) + caplog.text
    answered = " ".join(answer.text for answer in refused)
    counted = gateway.stranger.get("/metrics").text
    for canary in [*NAMES_OF_A_CHILD, "Zq7", "999000104"]:
        assert canary not in logged
        assert canary not in answered
        assert canary not in counted
