"""Alerts go to a service's own MESH mailbox too, and are followed until they were fetched."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.outbound import FORMATS
from gateway.cli.mesh import mesh as command
from gateway.delivery.mesh import MeshChannel
from gateway.directory import Directory
from gateway.journal import Codec, Journal
from gateway.journal.deliveries import MOST_FAILURES
from gateway.mesh.client import Mesh
from gateway.metrics import Metrics
from gateway.relay import Relay
from tests.builders import OPINION, a_probable_sen_review, body
from tests.end_to_end.running import eventually
from tests.integration.mesh.conftest import Office
from tests.mesh import (
    ALERTS,
    NOTICES,
    PARTNER,
    TEAM,
    Box,
    Way,
    an_area,
    mesh_settings,
    report_failure,
)


def take(office: Office, partner: Box, **changes: object) -> None:
    """Take a review that concludes probable SEN, by MESH."""
    partner.send(body(a_probable_sen_review(**{"record": "r-1", **changes})), NOTICES)
    office.turn()


def metric(office: Office, name: str) -> float:
    """Sum a gauge over the MESH channel."""
    lines = Metrics(office.journal, "mailbox").render().decode().splitlines()
    mine = [line for line in lines if line.startswith(name + '{channel="mesh"')]
    return sum(float(line.split()[-1]) for line in mine)


def try_again(office: Office) -> None:
    """Let the time pass after which what failed is sent again, and send it."""
    with office.journal._writing.begin() as connection:
        connection.exec_driver_sql("UPDATE delivery SET next_at = '2020-01-01 00:00:00.000000'")
    office.turn()
    office.deliver()


@pytest.mark.conforms(
    standard="MESH",
    event="healthy-child-review",
    format="JSON",
    direction="out",
    outcome="rendered",
)
def test_an_alert_arrives_and_counts_as_delivered_once_it_was_fetched(
    office: Office, partner: Box
) -> None:
    take(office, partner)
    assert office.beside() == [("due", None)]
    assert metric(office, "gateway_deliveries_due") == 1
    office.deliver()
    assert office.beside() == [("sent", None)]
    assert metric(office, "gateway_deliveries_sent") == 1
    ((message, event),) = partner.all(ALERTS)
    assert message.content_type == "application/cloudevents+json"
    assert message.local_id == event["id"]
    assert event["data"]["service"]["id"] == TEAM
    try_again(office)
    assert office.beside() == [("sent", None)], "MESH has it, and nobody fetched it"
    message.acknowledge()
    try_again(office)
    assert office.beside() == [("delivered", None)]
    (receipt,) = office.receipts()
    assert [a.state for a in receipt.alerts] == ["due", "due"], (
        "the agencies' queues are another way"
    )
    assert metric(office, "gateway_deliveries_sent") == 0


def test_what_mesh_could_not_deliver_is_seen_and_sent_again_a_few_times(
    office: Office, partner: Box, mesh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(office, partner)
    office.deliver()
    for failure in range(1, MOST_FAILURES + 1):
        (reference,) = office.rows("SELECT reference FROM delivery WHERE channel = 'mesh'")[0]
        report_failure(mesh, reference)
        office.turn()
        assert office.beside() == [("failed", "mesh-14")]
        assert metric(office, "gateway_deliveries_failed") == 1
        office.turn()
        assert office.beside() == [("failed", "mesh-14")], "not at once"
        try_again(office)
        again = failure < MOST_FAILURES
        assert office.beside() == [("sent", None) if again else ("failed", "mesh-14")]
    for name, value in office.environment.items():
        monkeypatch.setenv(name, value)
    command(retry_failed=True)
    assert office.beside() == [("due", "mesh-14")]


def test_a_report_of_what_is_not_ours_is_taken_out_and_changes_nothing(
    office: Office, partner: Box, mesh: str
) -> None:
    report_failure(mesh, "NO_SUCH_MESSAGE")
    take(office, partner)
    assert office.rows("SELECT status FROM letter WHERE mailbox = 'MESH'") == [(404,)]
    assert list(office.mesh.waiting()) == []


def test_a_newer_version_replaces_what_came_back(office: Office, partner: Box, mesh: str) -> None:
    take(office, partner)
    office.deliver()
    (reference,) = office.rows("SELECT reference FROM delivery WHERE channel = 'mesh'")[0]
    correct(office, partner)
    report_failure(mesh, reference)
    office.turn()
    assert office.beside() == [("superseded", "mesh-14"), ("due", None)]


def correct(office: Office, partner: Box) -> None:
    """Correct the review in what only the team may see."""
    opinion = OPINION | {"words": "It is hearing, and not speech."}
    later = "2026-11-17T16:20:00+00:00"
    take(office, partner, action="update", sent=later, sharing={"opinion": opinion})


def retract(office: Office, partner: Box) -> None:
    """Retract the review."""
    take(
        office,
        partner,
        action="retract",
        retractReason="entered-in-error",
        sent="2026-11-17T17:20:00+00:00",
        sharing=None,
        conclusions=None,
    )


@pytest.mark.parametrize("sent_before", [True, False])
def test_a_withdrawal_goes_where_an_alert_was_ever_sent(
    sent_before: bool, office: Office, partner: Box
) -> None:
    take(office, partner)
    office.journal.deliveries.mailbox("education", 9)  # the agency was told in any case
    if sent_before:
        office.deliver()
    retract(office, partner)
    office.deliver()
    changes = [event["data"]["change"] for _, event in partner.all(ALERTS)]
    assert changes == (["created", "withdrawn"] if sent_before else [])


def test_a_mailbox_that_is_refused_is_backed_off_from_alone(
    journal: Journal, codec: Codec, way: Way, partner: Box, tmp_path: Path
) -> None:
    area = an_area(tmp_path, mailbox="X26NOBODY")
    practices = area / "practices.csv"
    lines = [line + "," for line in practices.read_text().splitlines()]
    lines[0] += "mailbox"
    at = next(n for n, line in enumerate(lines) if line.startswith("N81992"))
    lines[at] += PARTNER
    practices.write_text("\n".join(lines) + "\n")
    main = area / "directory.yaml"
    main.write_text(main.read_text() + f"  practices: {{workflow: {ALERTS}}}\n")
    directory = Directory.load(area)
    office = Office(journal, codec, directory, **mesh_settings(way.url, area))
    with office.mesh, office.lane._mesh:
        take(office, partner)
        take(office, partner, record="r-2")
        office.deliver()
        assert sorted(office.beside()) == [
            ("due", "mesh-12"), ("due", "put-off"), ("sent", None), ("sent", None)
        ]  # fmt: skip
        assert partner.all(ALERTS)[0][1]["data"]["service"]["id"] == "practice-n81992"
        assert office.lane._refusing.keys() == {TEAM}


def test_while_mesh_is_away_alerts_wait_and_then_go(office: Office, partner: Box, way: Way) -> None:
    take(office, partner)
    way.breaks("POST .*outbox")
    office.deliver()
    assert office.beside() == [("due", "away")]
    way.clear()
    office.lane._away._until = 0.0
    try_again(office)
    assert len(partner.all(ALERTS)) == 1


def test_an_alert_of_a_service_that_has_no_mailbox_any_more_waits_to_be_seen(
    office: Office, partner: Box
) -> None:
    take(office, partner)
    office.lane._ends.clear()
    office.deliver()
    assert office.beside() == [("due", "no-endpoint")]


@pytest.mark.parametrize(
    ("name", "media_type", "begins"),
    [
        ("fhir-r4", "application/fhir+json; fhirVersion=4.0", b'{"resourceType":"Bundle"'),
        ("fhir-stu3+xml", "application/fhir+xml; fhirVersion=3.0", b"<Bundle"),
        ("referral-form+html", "text/html; charset=utf-8", b"<!DOCTYPE html>"),
    ],
)
def test_an_alert_arrives_in_the_format_that_its_endpoint_asks_for(
    journal: Journal,
    codec: Codec,
    partner: Box,
    way: Way,
    tmp_path: Path,
    name: str,
    media_type: str,
    begins: bytes,
) -> None:
    area = an_area(tmp_path, format=name)
    office = Office(journal, codec, Directory.load(area), **mesh_settings(way.url, area))
    with office.mesh, office.lane._mesh:
        take(office, partner)
        office.deliver()
    (message,) = partner.raw(ALERTS)
    assert message.content_type.lower() == media_type.lower()
    assert begins in message.read()[:80]


def test_an_alert_that_cannot_be_rendered_is_seen_and_holds_up_no_other(
    office: Office, partner: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render(stored: bytes) -> bytes:
        if stored == first:
            raise KeyError("name of a child")
        return stored

    take(office, partner)
    (due,) = office.journal.deliveries.claim("mesh", "nobody", 1, 0)
    first = due.body
    broken = FORMATS["cloudevents"]._replace(render=render)
    monkeypatch.setattr("gateway.delivery.mesh.FORMATS", {"cloudevents": broken})
    take(office, partner, id="2", record="r-2")
    office.deliver()
    assert office.beside() == [("due", "not-rendered"), ("sent", None)]
    assert metric(office, "gateway_deliveries_due") == 1


def test_what_mesh_answers_beyond_understanding_holds_up_nothing(
    office: Office, partner: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(office, partner)
    office.deliver()

    def odd(*_: object) -> None:
        raise KeyError("status")

    monkeypatch.setattr(Mesh, "track", odd)
    monkeypatch.setattr(Mesh, "send", odd)
    partner.send(body(a_probable_sen_review(id="2", record="r-2")), NOTICES)
    try_again(office)
    assert len(office.receipts()) == 2
    assert office.rows("SELECT state, last_error FROM letter WHERE state = 'due'") == [
        ("due", "KeyError")
    ]
    assert office.beside()[0] == ("sent", None)


@pytest.fixture
def relaying(office: Office) -> Iterator[Relay]:
    """An embedded relay at work."""
    relay = Relay(office.settings, office.journal)
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(relay.run(stop),))
    thread.start()
    yield relay
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


def test_an_embedded_relay_delivers_by_mesh(office: Office, partner: Box, relaying: Relay) -> None:
    take(office, partner)
    message, event = partner.take(ALERTS)
    assert event["data"]["change"] == "created"
    assert relaying.state == "embedded"
    eventually(lambda: office.beside() == [("sent", None)])
    assert message.local_id == event["id"]


def test_two_relays_send_an_alert_once(
    office: Office, partner: Box, journal: Journal, directory: Directory
) -> None:
    take(office, partner)
    other = MeshChannel(journal, office.settings, directory, "another")
    with other._mesh:
        office.deliver()
        asyncio.run(other._deliver_some())
    assert len(partner.all(ALERTS)) == 1


def test_of_a_restricted_child_no_receipt_tells_that_a_service_has_a_mailbox(
    office: Office, partner: Box
) -> None:
    take(office, partner)
    office.deliver()
    assert office.beside() == [("sent", None)]
    hidden = {"opinion": OPINION, "restricted": True}
    take(office, partner, id="hidden", sent="2026-11-17T16:20:00+00:00", sharing=hidden)
    assert [alert.change for alert in office.receipts()[1].alerts][-1] == "withdrawn"
    assert office.beside() == []
