"""What comes to the MESH mailbox is taken once, answered, and leaves the mailbox only when on disk."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.journal import Codec, JournalAway
from gateway.mesh.client import Mesh, MeshAway
from tests.builders import a_notice, a_probable_sen_review, body
from tests.end_to_end.running import FHIR as SAMPLES
from tests.integration.mesh.conftest import Office
from tests.mesh import ANSWERS, NOTICES, PARTNER, REVIEWS, STRANGER, Box, Way

FHIR = (SAMPLES / "r4/review.json").read_bytes()
JSON = body(a_probable_sen_review())


@pytest.mark.conforms(
    standard="MESH", event="healthy-child-review", format="JSON", direction="in", outcome="taken"
)
def test_a_review_is_taken_and_its_receipt_goes_back(office: Office, partner: Box) -> None:
    sent = partner.send(FHIR, local_id="our number 7")
    office.turn()
    (receipt,) = office.receipts()
    assert partner.status(sent) == "acknowledged"
    assert [a.state for a in receipt.alerts] == ["due"] * len(receipt.alerts) != []
    message, answer = partner.take(ANSWERS)
    assert (message.local_id, message.subject) == (sent, "our number 7")
    assert answer["id"] == receipt.id
    (credential,) = {row[0] for row in office.rows("SELECT credential_id FROM message")}
    assert credential == f"mesh:{PARTNER}"
    office.turn()
    assert partner.all(ANSWERS) == [], "answered once"
    assert office.rows("SELECT reply FROM letter") == [(None,)], "an answer goes once it is sent"


def test_a_review_in_many_packed_chunks_is_taken(office: Office, partner: Box) -> None:
    size = len(gzip.compress(FHIR)) // 3
    partner.send(FHIR, max_chunk_size=len(FHIR) // 3, compress=True)
    partner.send(gzip.compress(JSON), NOTICES, max_chunk_size=size, compressed=True)
    office.turn()
    assert len(office.receipts()) == 2


@pytest.mark.conforms(
    standard="MESH", event="healthy-child-review", format="JSON", direction="in", outcome="refused"
)
@pytest.mark.parametrize(
    ("content", "workflow", "mailbox", "status", "why"),
    [
        (JSON, NOTICES, STRANGER, 403, "unknown mailbox"),
        (JSON, "OTHER_WORKFLOW", PARTNER, 415, "unknown workflow"),
        (body(a_notice()), NOTICES, PARTNER, 403, "not allowed"),
        (JSON.replace(b'"sent"', b'"sendt"'), NOTICES, PARTNER, 422, "NotUnderstood"),
        (b"{", REVIEWS, PARTNER, 400, "NotWellFormed"),
        (gzip.compress(JSON)[:-20], NOTICES, PARTNER, 400, "unreadable"),
        (b" " * 1_100_000, NOTICES, PARTNER, 413, "too large"),
        (gzip.compress(b" " * 50_000_000), NOTICES, PARTNER, 413, "too large"),
    ],
    ids=["mailbox", "workflow", "kind", "422", "400", "half", "large", "bomb"],
)  # fmt: skip
def test_what_is_not_taken_is_recorded_answered_and_leaves_the_mailbox(
    content: bytes,
    workflow: str,
    mailbox: str,
    status: int,
    why: str,
    office: Office,
    mesh: str,
    codec: Codec,
) -> None:
    with Box(mesh, mailbox) as box:
        sent = box.send(content, workflow)
        office.turn()
        assert box.status(sent) == "acknowledged"
        answers = box.all(ANSWERS)
    ((who, was, because, kept),) = office.kept_refused(codec)
    assert (who, was, because) == (
        "ods:RXA" if mailbox == PARTNER else f"mesh:{STRANGER}", status, why
    )  # fmt: skip
    assert kept == (None if status in (403, 413) or why == "unreadable" else content)
    assert not office.receipts()
    if workflow == "OTHER_WORKFLOW":
        assert answers == []
        return
    ((message, answer),) = answers
    assert message.local_id == sent
    if workflow == REVIEWS:
        assert answer["resourceType"] == "OperationOutcome"
    else:
        assert answer["status"] == status


@pytest.mark.parametrize("content", [JSON, b"{"], ids=["taken", "refused"])
def test_an_acknowledgement_that_is_lost_has_no_effect_but_the_next(
    content: bytes, office: Office, partner: Box, way: Way, codec: Codec
) -> None:
    sent = partner.send(content, NOTICES)
    way.breaks("PUT .*acknowledged")
    office.turn()
    assert way.reached.is_set()
    assert partner.status(sent) == "accepted"
    way.clear()
    office.poller._put_off.clear()
    office.turn()
    assert partner.status(sent) == "acknowledged"
    assert len(office.receipts()) + len(office.kept_refused(codec)) == 1
    assert len(partner.all(ANSWERS)) == 1


def test_the_same_message_sent_again_is_answered_as_it_stands(office: Office, partner: Box) -> None:
    partner.send(JSON, NOTICES)
    partner.send(JSON, NOTICES)
    office.turn()
    (receipt,) = office.receipts()
    assert [answer["id"] for _, answer in partner.all(ANSWERS)] == [receipt.id] * 2


def test_one_that_cannot_be_fetched_holds_up_nothing(
    office: Office, partner: Box, way: Way
) -> None:
    first, second = partner.send(FHIR), partner.send(JSON, NOTICES)
    way.breaks(f"GET .*{first}")
    office.turn()
    assert (partner.status(first), partner.status(second)) == ("accepted", "acknowledged")
    way.clear()
    office.turn()
    assert partner.status(first) == "accepted", "it is left alone for a while"
    office.poller._put_off.clear()
    office.turn()
    assert partner.status(first) == "acknowledged"


def test_nothing_leaves_the_mailbox_while_the_journal_is_away(office: Office, partner: Box) -> None:
    sent = partner.send(FHIR)
    office.journal.close()
    with pytest.raises(JournalAway):
        office.turn()
    assert partner.status(sent) == "accepted"


def test_a_wrong_password_is_told_from_an_absence(office: Office, way: Way) -> None:
    wrong = office.settings.model_copy(update={"mesh_password": SecretStr("another")})
    with Mesh(wrong) as mesh, pytest.raises(MeshAway) as denied:
        list(mesh.waiting())
    assert denied.value.code == "denied"
    lost = office.settings.model_copy(update={"mesh_url": "https://127.0.0.1:1", "mesh_ca": "/no"})
    with Mesh(lost) as mesh, pytest.raises(MeshAway) as certificate:
        list(mesh.waiting())
    assert certificate.value.code == "certificate"
    way.breaks("GET")
    with pytest.raises(MeshAway) as away:
        list(office.mesh.waiting())
    assert away.value.code == "away"


def test_a_revoked_mailbox_may_send_no_more(office: Office, partner: Box, codec: Codec) -> None:
    partner.send(JSON, NOTICES)
    office.turn()
    at = office.receipts()[0].received_at

    def revoke(tx: Any) -> bool:
        return bool(tx.revoke(f"mesh:{PARTNER}", at))

    assert office.journal.transact(revoke).result(30)
    partner.send(body(a_probable_sen_review()), NOTICES)
    office.turn()
    assert [row[:3] for row in office.kept_refused(codec)] == [("ods:RXA", 403, "not allowed")]
