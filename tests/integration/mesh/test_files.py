"""A school's file comes by MESH: whole or not at all, and its receipt goes back when all is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.directory import Directory
from gateway.journal import Codec, Journal
from gateway.mesh.client import MeshAway
from tests.integration.mesh.conftest import Office
from tests.mesh import ANSWERS, FILES, PARTNER, Box, Way, an_area, mesh_settings
from tests.school_files import a_ctf, a_need, a_pupil
from tests.unit.adapters.file_reading import a_csv, example

K = [("2025-09-01", "N"), ("2026-01-05", "K")]
TOLD = {"notice": {"parentsTold": {"on": "2026-01-09", "by": "Ruth Okafor, SENCO"}}}


def a_file(*numbers: int) -> bytes:
    return a_ctf(*(a_pupil(n, K, [a_need("SLCN")]) for n in numbers))


def with_statement(file: bytes, statement: Any) -> bytes:
    """What a sender puts together without any library: RFC 7578."""
    return b"".join(
        (
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n',
            file,
            b'\r\n--x\r\nContent-Disposition: form-data; name="statement"\r\n\r\n',
            orjson.dumps(statement),
            b"\r\n--x--\r\n",
        )
    )


@pytest.fixture(scope="module")
def area(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An area in which the partner is a school."""
    return an_area(tmp_path_factory.mktemp("school"), senders={PARTNER: "urn:199901"})


@pytest.fixture
def office(journal: Journal, codec: Codec, area: Path, way: Way) -> Iterator[Office]:
    """A gateway that knows the school; `settle` does what its worker does."""
    office = Office(journal, codec, Directory.load(area), **mesh_settings(way.url, area))
    with office.mesh, office.lane._mesh:
        yield office


def settle(office: Office) -> None:
    for upload in office.journal.read(lambda tx: tx.waiting_uploads()):
        while office.filing._settle_next(upload):
            pass


@pytest.mark.conforms(
    standard="MESH", event="sen-support-notice", format="XML", direction="in", outcome="taken"
)
def test_a_file_with_its_statement_is_taken_and_its_receipt_comes_when_all_is_done(
    office: Office, partner: Box
) -> None:
    body = with_statement(a_file(1, 2, 3), TOLD)
    sent = partner.send(body, FILES, local_id="our 7", max_chunk_size=len(body) // 3, compress=True)
    office.turn()
    assert partner.status(sent) == "acknowledged"
    assert office.rows("SELECT count(*) FROM entry") == [(3,)], "all of it is on disk by then"
    assert partner.all(ANSWERS) == []
    settle(office)
    office.turn()
    message, answer = partner.take(ANSWERS)
    assert (message.local_id, message.subject) == (sent, "our 7")
    assert (answer["state"], answer["counts"]) == ("done", {"accepted": 3})
    assert [one["alerts"][0]["agency"] for one in answer["records"]] == ["education"] * 3
    assert {row[0] for row in office.rows("SELECT credential_id FROM upload")} == {
        f"mesh:{PARTNER}"
    }
    office.turn()
    assert partner.all(ANSWERS) == [], "answered once"
    assert office.rows("SELECT reply FROM letter") == [(None,)]


def test_without_a_statement_nothing_is_said_to_have_been_told(
    office: Office, partner: Box
) -> None:
    partner.send(a_file(1), FILES)
    office.turn()
    settle(office)
    office.turn()
    _, answer = partner.take(ANSWERS)
    (held,) = answer["records"][0]["held"]
    assert held["missing"][0]["pointer"].startswith("/notice/parentsTold")


def test_a_table_and_a_file_that_is_larger_than_a_message_come_the_same_way(
    office: Office, partner: Box
) -> None:
    partner.send(a_csv(example("sen-support-notice")), FILES)
    large = a_file(*range(100, 104)).replace(b"<Contacts>", b"<Contacts>" + b" " * 300_000)
    assert len(large) > office.settings.max_bytes
    partner.send(large, FILES)
    office.turn()
    assert office.rows("SELECT count(*) FROM upload") == [(2,)]
    assert office.rows("SELECT count(*) FROM entry") == [(5,)]


def test_the_same_file_sent_again_is_answered_with_the_receipt_as_it_stands(
    office: Office, partner: Box
) -> None:
    for _ in range(2):
        partner.send(a_file(1), FILES)
    office.turn()
    settle(office)
    office.turn()
    first, second = (answer for _, answer in partner.all(ANSWERS))
    assert first == second
    assert office.rows("SELECT count(*) FROM message") == [(1,)]


def test_an_acknowledgement_or_an_answer_that_is_lost_has_no_effect_but_the_next(
    office: Office, partner: Box, way: Way
) -> None:
    sent = partner.send(a_file(1), FILES)
    way.breaks("PUT .*acknowledged")
    office.turn()
    assert way.reached.is_set()
    assert partner.status(sent) == "accepted"
    way.clear()
    office.poller._put_off.clear()
    settle(office)
    way.breaks(f"POST .*outbox {ANSWERS}")
    with pytest.raises(MeshAway):
        office.turn()
    assert partner.status(sent) == "acknowledged"
    way.clear()
    office.turn()
    assert len(partner.all(ANSWERS)) == 1
    assert office.rows("SELECT count(*) FROM upload") == [(1,)]
    assert office.rows("SELECT count(*) FROM message") == [(1,)]


@pytest.mark.conforms(
    standard="MESH", event="sen-support-notice", format="XML", direction="in", outcome="refused"
)
@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (a_file(1)[:-30], 400, "not-well-formed"),
        (b"--x\r\nno end", 400, "not-well-formed"),
        (with_statement(a_file(1), {"notise": {}}), 422, "unknown-property"),
        (b"a letter", 422, "not-supported"),
        (with_statement(a_file(1), {"source": "urn:199902"}), 403, "forbidden"),
        (a_file(1).replace(b"<Estab>9901", b"<Estab>9902"), 403, "forbidden"),
        (with_statement(a_file(1), {"sharing": {"harm": {}}}), 422, "safeguarding-elsewhere"),
    ],
    ids=["half", "parts", "statement", "letter", "source", "school", "harm"],
)
def test_what_is_not_taken_is_answered_and_of_a_file_no_bytes_are_kept(
    content: bytes, status: int, code: str, office: Office, partner: Box, codec: Codec
) -> None:
    partner.send(content, FILES)
    office.turn()
    _, answer = partner.take(ANSWERS)
    assert (answer["status"], answer["code"]) == (status, code)
    assert ("telephone" in answer) == (code == "safeguarding-elsewhere")
    ((who, was, _, kept),) = office.kept_refused(codec)
    assert (who, was, kept) == ("urn:199901", status, None)
    assert office.rows("SELECT count(*) FROM upload") == [(0,)]


def test_an_answer_that_no_key_opens_holds_up_no_other(office: Office, partner: Box) -> None:
    first = partner.send(a_file(1), FILES)
    partner.send(a_file(2), FILES)
    office.turn()
    settle(office)
    with office.journal._writing.begin() as connection:
        connection.exec_driver_sql("UPDATE letter SET reply = x'00' WHERE id = ?", (first,))
    office.turn()
    assert len(partner.all(ANSWERS)) == 1
