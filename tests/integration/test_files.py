"""`POST /files` and `GET /files/{id}`: a clerk's file, and what becomes of each pupil."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gateway.cli.send import Away, post_many
from gateway.files import filing
from gateway.files.statement import STATED
from gateway.files.telling import DO_IN_A_FILE, IN_A_FILE, UNMAPPED
from gateway.journal.tables import metadata
from gateway.receipts import LATE
from tests.builders import a_notice, changed
from tests.integration.journal.test_files import an_upload, entries
from tests.integration.serving import JOURNAL_KEY, Gateway, Partner, serving
from tests.mesh import Way
from tests.school_files import SCHOOL_HEADER, a_ctf, a_need, a_pupil, a_upn
from tests.services import scratch_database

SCHOOL, OTHER_SCHOOL, SUPPLIER = "urn:199901", "urn:199902", "ods:8Z921"
K = [("2025-09-01", "N"), ("2026-01-05", "K")]
LIMIT = 2_000_000
TOLD = "?parentsToldOn=2026-01-09&parentsToldBy=Ruth%20Okafor,%20SENCO"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(tmp_path_factory.mktemp("files") / "gateway.db", max_file_bytes=LIMIT) as running:
        yield running


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    """One gateway for all tests, its journal empty for each."""
    assert running.file is not None
    with closing(sqlite3.connect(running.file)) as connection, connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(f"DELETE FROM {table.name}")
    return running


@pytest.fixture
def school(gateway: Gateway) -> Partner:
    return gateway.partner(SCHOOL)


def send(
    partner: Partner, body: bytes, query: str = TOLD, media: str = "application/xml"
) -> httpx.Response:
    return partner.post(body, f"/files{query}", media)


def taken(partner: Partner, body: bytes, query: str = TOLD) -> dict[str, Any]:
    answer = send(partner, body, query)
    assert answer.status_code in (200, 202), answer.text
    receipt: dict[str, Any] = answer.json()
    assert receipt["state"] == "done"
    assert answer.headers["location"] == f"/files/{receipt['id']}"
    return receipt


def statuses(receipt: dict[str, Any]) -> list[str]:
    return [record["status"] for record in receipt["records"]]


def with_statement(partner: Partner, body: bytes, statement: Any) -> httpx.Response:
    """Send a file with a statement beside it, as a browser or curl does."""
    files = {
        "file": ("8969901_CTF_896LLLL_001.xml", body, "application/xml"),
        "statement": ("", orjson.dumps(statement), "application/json"),
    }
    headers = {"authorization": f"Bearer {partner.key}"}
    return partner.client.post("/files", files=files, headers=headers)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_each_pupil_of_a_file_settles_on_its_own(tmp_path: Any, database: str) -> None:
    body = a_ctf(
        a_pupil(1, K, [a_need("SLCN")]),
        a_pupil(2),
        a_pupil(3, K, UPN="TEMP123"),
        a_pupil(4, [("2025-09-01", "N")]),
    )

    def check(gateway: Gateway) -> None:
        school = gateway.partner(SCHOOL)
        receipt = taken(school, body)
        assert receipt["format"] == "Common Transfer File"
        assert receipt["source"] == SCHOOL
        assert receipt["counts"] == {"accepted": 1, "nothing": 2, "refused": 1}
        first, second, third, fourth = receipt["records"]
        assert first["alerts"][0]["agency"] == "education"
        assert "tick the box" in second["notes"][0]
        assert third["faults"][0]["place"] == "/CTfile/CTFpupilData/Pupil[3]/UPN"
        assert third["faults"][0]["code"] == "upn"
        assert "no special educational needs" in fourth["notes"][0]
        message = school.get(f"/messages/{first['message']}").json()
        assert (message["kind"], message["status"]) == ("sen-support-notice", "recorded")
        assert school.get(f"/files/{receipt['id']}").json() == receipt
        assert gateway.partner(OTHER_SCHOOL).get(f"/files/{receipt['id']}").status_code == 404

    if database == "sqlite":
        with serving(tmp_path / "gateway.db") as gateway:
            check(gateway)
    else:
        with scratch_database() as url, serving(url, journal_key=JOURNAL_KEY) as gateway:
            check(gateway)


def test_the_same_file_again_makes_nothing_new(gateway: Gateway, school: Partner) -> None:
    body = a_ctf(a_pupil(1, K), a_pupil(2))
    first = taken(school, body)
    counts = gateway.counts()
    again = send(school, body)
    assert (again.status_code, again.json()) == (200, first)
    assert gateway.counts() == counts


def test_the_same_pupils_next_term_make_nothing_new(gateway: Gateway, school: Partner) -> None:
    taken(school, a_ctf(a_pupil(1, K, [a_need("SLCN")])))
    counts = gateway.counts()
    receipt = taken(
        school, a_ctf(a_pupil(1, K, [a_need("SLCN")]), DateTime="2026-11-23T10:00:00"), query=""
    )
    assert statuses(receipt) == ["repeated"]
    after = gateway.counts()
    assert {n for n in counts if counts[n] != after[n]} == {"upload", "entry"}


def test_a_changed_set_of_needs_updates_the_record_and_so_does_changing_it_back(
    school: Partner,
) -> None:
    a, b = [a_need("SLCN")], [a_need("SLCN"), a_need("SEMH", 2)]
    versions = []
    for day, needs in ((20, a), (21, b), (22, a), (23, [])):
        sent = f"2026-11-{day}T10:00:00"
        (record,) = taken(school, a_ctf(a_pupil(1, K, needs), DateTime=sent))["records"]
        assert record["status"] == "accepted"
        message = school.get(f"/messages/{record['message']}").json()
        versions.append(message["record"]["version"])
        assert record["alerts"]
    assert versions == [1, 2, 3, 4]


def test_a_file_mended_by_hand_stands_over_the_one_before(school: Partner) -> None:
    """Its DateTime is the same, for it was not exported anew."""
    taken(school, a_ctf(a_pupil(1, K, [a_need("SLCN")])))
    for need in ("SEMH", "SLCN", "MLD"):
        (record,) = taken(school, a_ctf(a_pupil(1, K, [a_need(need)]), DestSchool=None))["records"]
        message = school.get(f"/messages/{record['message']}").json()
        assert record["alerts"]
        assert not message.get("questions")


def test_a_file_that_is_older_than_what_stands_changes_nothing(school: Partner) -> None:
    taken(school, a_ctf(a_pupil(1, K, [a_need("SLCN")])))
    (record,) = taken(
        school, a_ctf(a_pupil(1, K, [a_need("SEMH")]), DateTime="2026-10-01T10:00:00")
    )["records"]
    assert record["status"] == "accepted"
    assert "alerts" not in record


def test_what_was_stated_with_one_file_stands_when_the_next_is_silent(school: Partner) -> None:
    first = taken(school, a_ctf(a_pupil(1, K, [a_need("SLCN")])))
    assert first["records"][0]["alerts"]
    (record,) = taken(
        school, a_ctf(a_pupil(1, K, [a_need("MLD")]), DateTime="2026-11-22T10:00:00"), query=""
    )["records"]
    assert record["alerts"]
    assert "held" not in record


def test_the_same_file_with_the_statement_that_was_missing_lets_go_what_was_held(
    school: Partner,
) -> None:
    body = a_ctf(a_pupil(1, K))
    (held,) = taken(school, body, query="")["records"]
    assert held["held"][0]["missing"]
    assert "alerts" not in held
    (let_go,) = taken(school, body)["records"]
    assert let_go["alerts"][0]["change"] == "created"


def test_a_file_says_in_its_own_words_what_is_missing_and_what_came_later(school: Partner) -> None:
    (held,) = taken(school, a_ctf(a_pupil(1, K, [a_need("DYSL")])), query="")["records"]
    assert held["held"][0]["do"] == DO_IN_A_FILE["condition-missing"]
    assert held["notes"] == [UNMAPPED]
    (older,) = taken(school, a_ctf(a_pupil(1, K), DateTime="2026-01-06T10:00:00"))["records"]
    assert older["notes"] == [IN_A_FILE[LATE]]


def test_a_notice_sent_as_json_keeps_what_a_file_is_silent_about(
    gateway: Gateway, school: Partner
) -> None:
    notice = changed(a_notice(), "notice.outcomes", ["Asks for help."])
    notice = changed(changed(notice, "child.upn", a_upn(1)), "notice.start", "2026-01-05")
    notice = changed(notice, "notice.needs", [{"type": "SLCN", "rank": 1}])
    first = school.post(notice).json()
    body = a_ctf(a_pupil(1, K, [a_need("SEMH")]))
    (record,) = taken(school, body, query="")["records"]
    message = school.get(f"/messages/{record['message']}").json()
    assert message["record"]["id"] == first["record"]["id"]
    assert message["record"]["version"] == 2
    kept = gateway.service.journal.read(lambda tx: tx.parts(first["record"]["id"]))[-1][1]
    assert b"Asks for help." in kept
    assert b"SEMH" in kept
    assert b"SLCN" not in kept


def test_a_statement_is_laid_under_every_pupil_and_for_single_ones(school: Partner) -> None:
    statement = {
        "source": {"urn": "199901"},
        "professional": {"name": "Ruth Okafor", "role": "SENCO"},
        "byRecord": {a_upn(2): {"notice": {"parentsTold": {"on": "2026-01-09"}}}, "X": {}},
    }
    answer = with_statement(school, a_ctf(a_pupil(1, K), a_pupil(2, K)), statement)
    assert answer.status_code == 202
    receipt = answer.json()
    first, second = receipt["records"]
    assert first["held"]
    assert second["alerts"]
    assert "1 statement(s) for single records name nobody in this file." in receipt["notes"]


@pytest.mark.parametrize(
    ("statement", "places"),
    [
        (b"{", ["statement"]),
        ([], ["statement"]),
        ({"sharring": {}}, ["statement/sharring"]),
        ({"source": "RXA"}, ["statement/source"]),
        ({"notice": {"parentsTold": {"on": "Tuesday"}}}, ["statement/notice/parentsTold/on"]),
        ({"sharing": {"agreement": {}}}, ["statement/sharing/agreement/status"]),
        ({"byRecord": []}, ["statement/byRecord"]),
        ({"byRecord": {"A": {"id": "1"}}}, ["statement/byRecord"]),
    ],
)
def test_a_wrong_statement_refuses_the_file_once(
    gateway: Gateway, school: Partner, statement: Any, places: list[str]
) -> None:
    given = orjson.Fragment(statement) if isinstance(statement, bytes) else statement
    answer = with_statement(school, a_ctf(a_pupil(1, K), a_pupil(2, K)), given)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == places
    assert gateway.counts()["upload"] == 0


def test_a_statement_about_harm_is_answered_with_the_telephone_numbers(school: Partner) -> None:
    harm = {"harm": {"cause": "A bruise."}}
    answer = with_statement(school, a_ctf(a_pupil(1, K)), {"sharing": harm})
    assert answer.status_code == 422
    assert answer.json()["telephone"]["frontDoor"]
    single = {"byRecord": {a_upn(1): {"sharing": harm}}}
    answer = with_statement(school, a_ctf(a_pupil(1, K), a_pupil(2, K)), single)
    assert answer.json()["telephone"]["frontDoor"]
    assert statuses(answer.json()) == ["refused", "accepted"]
    (fault,) = answer.json()["records"][0]["faults"]
    assert fault["place"] == "statement/sharing/harm"


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"Reference,Surname,Safeguarding concern\r\nR-1,Ashdown,bruise\r\n", "text/csv", 422),
        (b"<CTfile><Safeguarding>", "application/xml", 400),
        (b"safeguarding", "multipart/form-data", 400),
        (
            a_ctf(SourceSchool={**SCHOOL_HEADER["SourceSchool"], "SchoolName": "SAFEGUARDING"})
            .replace(b"9901", b"9902"),
            "application/xml",
            403,
        ),
    ],
    ids=["unknown column", "not well-formed", "no parts", "another school's"],
)  # fmt: skip
def test_a_file_that_is_not_taken_and_speaks_of_harm_has_the_numbers_first(
    school: Partner, body: bytes, media: str, status: int
) -> None:
    answer = send(school, body, media=media)
    assert answer.status_code == status, answer.text
    assert answer.json()["telephone"]["frontDoor"] in answer.json()["detail"]


def a_file_of(estab: str) -> bytes:
    return a_ctf(a_pupil(1, K), SourceSchool={**SCHOOL_HEADER["SourceSchool"], "Estab": estab})


@pytest.mark.parametrize(
    ("estab", "words"),
    [("9902", ["896/9902", OTHER_SCHOOL, SCHOOL]), ("0001", ["896/0001", "not in the directory"])],
)
def test_another_school_s_file_is_forbidden(
    gateway: Gateway, school: Partner, estab: str, words: list[str]
) -> None:
    answer = send(school, a_file_of(estab))
    assert answer.status_code == 403
    assert all(word in answer.json()["detail"] for word in words)
    assert gateway.counts()["upload"] == 0


def test_a_supplier_sends_for_the_schools_that_it_may_speak_for(gateway: Gateway) -> None:
    supplier = gateway.partner(SUPPLIER, speaks_for=[SCHOOL, OTHER_SCHOOL])
    assert taken(supplier, a_file_of("9902"))["source"] == OTHER_SCHOOL
    assert taken(supplier, a_file_of("9901"))["source"] == SCHOOL
    assert send(supplier, a_file_of("9903")).status_code == 403
    wrong = with_statement(supplier, a_file_of("9901"), {"source": OTHER_SCHOOL})
    assert wrong.status_code == 403


def test_what_a_school_may_not_send_is_forbidden_record_by_record(gateway: Gateway) -> None:
    school = gateway.partner(SCHOOL, kinds=["referral"])
    receipt = taken(school, a_ctf(a_pupil(1, K), a_pupil(2)))
    assert statuses(receipt) == ["forbidden", "nothing"]


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"<CTfile>", "application/xml", 400),
        (b"<Message/>", "application/xml", 422),
        (b"no XML at all", "application/xml", 422),
        (b"", "application/xml", 422),
        (a_ctf(a_pupil(1, K)), "text/html", 415),
        (b"x", "multipart/form-data", 400),
        (b"--b\r\n\r\nx", "multipart/form-data; boundary=b", 400),
        (b"--b\r\n\r\nx\r\n--b--", "multipart/form-data; boundary=b", 400),
        (
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\nx\r\n--b--',
            "multipart/form-data; boundary=b",
            422,
        ),
        (b"<CTfile>" + b" " * LIMIT, "application/xml", 413),
    ],
)
def test_of_what_is_no_file_the_hash_is_noted_and_no_byte(
    gateway: Gateway, school: Partner, body: bytes, media: str, status: int
) -> None:
    noted = "SELECT count(bytes), count(bytes_hash) FROM refused"
    [(_, before)] = gateway.query(noted)
    answer = send(school, body, media=media)
    assert answer.status_code == status, answer.text
    assert gateway.query(noted) == [(0, before + (status in (400, 422)))]


def test_a_key_is_needed(gateway: Gateway) -> None:
    assert send(gateway.stranger, a_ctf(a_pupil(1, K))).status_code == 401
    assert gateway.stranger.get(f"/files/{'0' * 8}").status_code == 401


def test_nothing_of_the_file_but_the_reduced_records_is_kept(
    gateway: Gateway, school: Partner
) -> None:
    """Neither in columns nor in sealed blobs: contacts, meals, and pupils of whom nothing follows."""
    secret = "Birdwhistle"
    body = a_ctf(
        a_pupil(1, K, Contacts={"Contact": {"Surname": secret}}, Forename="Plainly"),
        a_pupil(2, Surname=secret),
        a_pupil(3, K, Surname=secret, UPN="TEMP1"),
    )
    taken(school, body)
    codec = gateway.service.journal.codec
    blobs = [
        codec.open(blob)
        for table, columns in (
            ("upload", ["notes"]),
            ("entry", ["work", "said"]),
            ("message", ["bytes", "canonical", "receipt"]),
            ("refused", ["bytes"]),
        )
        for column in columns
        for (blob,) in gateway.query(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")
    ]
    assert any(b"Plainly" in blob for blob in blobs)
    assert not any(secret.encode() in blob for blob in blobs)
    assert gateway.query("SELECT count(*) FROM entry WHERE work IS NOT NULL") == [(0,)]
    assert b"Plainly" not in gateway.on_disk()


def test_one_record_that_breaks_harms_no_other(
    gateway: Gateway, school: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = gateway.service.intake
    settle = type(intake).settle

    def breaking(self: Any, tx: Any, incoming: Any) -> Any:
        if incoming.message.child.upn == a_upn(2):
            raise RuntimeError("a fault of ours")
        return settle(self, tx, incoming)

    monkeypatch.setattr(type(intake), "settle", breaking)
    receipt = taken(school, a_ctf(*(a_pupil(n, K) for n in (1, 2, 3))))
    assert statuses(receipt) == ["accepted", "refused", "accepted"]
    assert receipt["records"][1]["faults"][0]["code"] == "broken"


def test_a_file_that_no_key_opens_holds_up_no_other_and_is_seen(
    gateway: Gateway, school: Partner
) -> None:
    journal = gateway.service.journal
    lost = an_upload(received_at=datetime(2026, 1, 1, tzinfo=UTC))
    journal.transact(lambda tx: tx.add_upload(lost, entries("waiting", "waiting"))).result()
    try:
        with journal._writing.begin() as connection:
            connection.exec_driver_sql(f"UPDATE upload SET notes = x'00' WHERE id = '{lost.id}'")
            connection.exec_driver_sql(
                f"UPDATE entry SET work = x'00' WHERE upload_id = '{lost.id}'"
            )
        receipt = taken(school, a_ctf(a_pupil(70, K)))
        assert statuses(receipt) == ["accepted"]
        shown = gateway.service.metrics.render().decode()
        assert "gateway_file_records_waiting 2.0" in shown
        age = re.search(r"^gateway_file_oldest_seconds (\S+)", shown, re.MULTILINE)
        assert age
        assert float(age[1]) > 86400
    finally:
        with journal._writing.begin() as connection:
            connection.exec_driver_sql(f"DELETE FROM entry WHERE upload_id = '{lost.id}'")
            connection.exec_driver_sql(f"DELETE FROM upload WHERE id = '{lost.id}'")


def test_a_long_file_is_answered_while_it_is_worked_on(
    gateway: Gateway, school: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.api.files.PATIENCE", 0.0)
    answer = send(school, a_ctf(*(a_pupil(n, K) for n in range(1, 3 * filing.TOGETHER))))
    assert answer.status_code == 202
    receipt = answer.json()
    assert receipt["state"] == "working"
    while receipt["state"] == "working":
        receipt = school.get(answer.headers["location"]).json()
    assert receipt["counts"] == {"accepted": 3 * filing.TOGETHER - 1}


def test_who_waits_for_a_file_is_told_when_the_gateway_goes_away(
    gateway: Gateway, school: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`gateway watch` and `gateway send` then try again, and do not end with a traceback."""
    monkeypatch.setattr("gateway.api.files.PATIENCE", 0.0)
    file = a_ctf(*(a_pupil(n, K) for n in range(1, 3 * filing.TOGETHER)))
    headers = {"Authorization": f"Bearer {school.key}"}
    with Way(str(gateway.client.base_url)) as way:
        way.breaks("GET /files/")
        with httpx.Client(base_url=way.url, headers=headers) as http:
            with pytest.raises(Away):
                post_many(http, file, "application/xml", b"{}")
            assert way.reached.is_set()
            way.clear()
            answer = post_many(http, file, "application/xml", b"{}")
    assert answer.json()["counts"] == {"accepted": 3 * filing.TOGETHER - 1}


@pytest.mark.conforms(
    standard="Common Transfer File", event="CTfile", format="XML", direction="in", outcome="carried"
)
def test_a_type_of_need_that_is_in_no_table_travels_word_for_word(school: Partner) -> None:
    (record,) = taken(school, a_ctf(a_pupil(1, K, [a_need("PLD"), a_need("SLCN", 2)])))["records"]
    message = school.get(f"/messages/{record['message']}").json()
    assert [coding["code"] for coding in message["unmapped"]] == ["PLD"]


RIGHT = a_ctf(a_pupil(1, K, [a_need("SLCN")]))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*STATED, "parentsTold", "on", a_upn(1), ""]), inner)
    ),
    max_leaves=8,
)
FUZZ = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.generate],
)


@FUZZ
@given(st.dictionaries(st.sampled_from([*STATED, "source", "byRecord", "x"]), VALUES, max_size=3))
def test_whatever_is_stated_is_answered(school: Partner, statement: Any) -> None:
    given = orjson.Fragment(json.dumps(statement))  # orjson takes no integer beyond 64 bits
    assert with_statement(school, RIGHT, given).status_code in (200, 202, 403, 422)


@FUZZ
@given(st.integers(0, len(RIGHT) - 1), st.integers(0, 30), st.binary(max_size=8))
def test_whatever_the_file_is_it_is_answered(
    school: Partner, at: int, cut: int, put: bytes
) -> None:
    answer = send(school, RIGHT[:at] + put + RIGHT[at + cut :])
    assert answer.status_code in (200, 202, 400, 403, 422)


@pytest.mark.parametrize(
    "body",
    [
        RIGHT.replace(b"FSMhistory", b"x" * 9000),
        RIGHT.replace(b"CTFpupilData", b"y" * 9000),
        RIGHT.replace(b"2026-11-20T10:00:00", b"1800-01-01T10:00:00"),
        RIGHT.replace(b"2026-11-20T10:00:00", b"0001-01-01T00:00:00"),
        RIGHT.replace(b"2026-01-05", b"0001-01-01"),
        RIGHT.replace(b"EATON1", b"E" * 100_000),
        RIGHT.replace(b"SANDSTONE", b" \n "),
    ],
)
def test_what_is_out_of_all_bounds_is_answered(school: Partner, body: bytes) -> None:
    assert send(school, body).status_code == 202


@pytest.mark.parametrize("levels", [30, 900, 5000])
def test_a_statement_may_not_be_nested_without_end(school: Partner, levels: int) -> None:
    deep = b'{"byRecord":' + b"[" * levels + b"]" * levels + b"}"
    assert with_statement(school, RIGHT, orjson.Fragment(deep)).status_code == 422
