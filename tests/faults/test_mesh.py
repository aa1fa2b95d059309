"""A review comes by MESH and its alert goes by MESH, whatever process dies in between."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.builders import NHS_NUMBERS, a_child, a_probable_sen_review, body
from tests.end_to_end.running import FHIR, Serving, a_gateway, eventually, processes_with
from tests.mesh import (
    ALERTS,
    ANSWERS,
    FILES,
    NOTICES,
    Box,
    Way,
    a_sandbox,
    an_area,
    emptied,
    mesh_settings,
)
from tests.unit.adapters.file_reading import a_csv, example

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    with a_sandbox(tmp_path_factory.mktemp("mesh")) as url, Way(url) as way:
        emptied(url)
        yield way


@pytest.fixture(scope="module")
def serving(way: Way, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """An embedded gateway with a poller and a relay of its own."""
    folder = tmp_path_factory.mktemp("serving")
    settings = mesh_settings(way.url, an_area(folder)) | {"lease_seconds": 1}
    environment = {f"GATEWAY_{name.upper()}": str(value) for name, value in settings.items()}
    with a_gateway(folder, **environment) as serving:
        serving.wait_until(lambda ready: ready.get("mesh") == "up")
        yield serving


@pytest.fixture(scope="module")
def key(serving: Serving) -> str:
    return serving.key("ods:RXA")


@pytest.fixture
def partner(way: Way) -> Iterator[Box]:
    with Box(way.url) as box:
        yield box


def child(serving: Serving, module: str) -> int:
    """The process id of the relay or of the poller."""
    port = f"GATEWAY_PORT={serving.settings['GATEWAY_PORT']}"
    return next(pid for pid, words in processes_with(port) if words[-1].endswith(module))


def beside(serving: Serving, key: str, receipt: str) -> list[dict[str, Any]]:
    """How far a message's alerts have come on the way of their own."""
    with serving.client(key) as http:
        alerts = http.get(f"/messages/{receipt}").json()["alerts"]
    return [one for alert in alerts for one in alert.get("beside", ())]


def test_a_review_comes_and_its_alert_goes_by_mesh(
    serving: Serving, key: str, partner: Box
) -> None:
    sent = partner.send((FHIR / "r4/review.json").read_bytes())
    answer, receipt = partner.take(ANSWERS)
    assert answer.local_id == sent
    assert partner.status(sent) == "acknowledged"
    partner.take(ALERTS)
    (way,) = eventually(
        lambda: [b for b in beside(serving, key, receipt["id"]) if b["state"] == "delivered"]
    )
    assert way["channel"] == "mesh"
    assert way["at"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("module", "call", "done"),
    [
        ("poller", r"GET .*/inbox/\w", True),
        ("poller", "PUT .*acknowledged", False),
        ("poller", "PUT .*acknowledged", True),
        ("poller", f"POST .*outbox {ANSWERS}", False),
        ("poller", f"POST .*outbox {ANSWERS}", True),
        ("relay", f"POST .*outbox {ALERTS}", False),
        ("relay", f"POST .*outbox {ALERTS}", True),
    ],
    ids=["fetched", "recorded", "acknowledged", "answering", "answered", "sending", "sent"],
)
def test_nothing_is_lost_or_twice_in_effect(
    module: str, call: str, done: bool, way: Way, serving: Serving, key: str, request: Any
) -> None:
    name = request.node.callspec.id
    child_of_test = a_child(nhsNumber=NHS_NUMBERS[1], givenNames=["Iris"])
    review = a_probable_sen_review(id=f"review-{name}", record=name, child=child_of_test)
    # Straight to the sandbox: the way is the gateway's.
    with Box(str(way._sandbox.base_url).rstrip("/")) as partner:
        for workflow in (ANSWERS, ALERTS):
            for message, _ in partner.all(workflow):
                message.acknowledge()
        way.holds(call, after=done)
        sent = partner.send(body(review), NOTICES)
        assert way.reached.wait(20), "the gateway never made this call"
        os.kill(child(serving, module), signal.SIGKILL)
        way.clear()
        eventually(lambda: partner.status(sent) == "acknowledged", 20)
        answers = eventually(lambda: partner.all(ANSWERS), 20)
        receipt = answers[0][1]["id"]
        eventually(lambda: [b for b in beside(serving, key, receipt) if b["state"] == "sent"], 20)
        alerts = partner.all(ALERTS)
        twice = call.startswith("POST") and done
        for found in (answers, alerts):
            assert len({message.local_id for message, _ in found}) == 1
            assert len({str(content) for _, content in found}) == 1
        assert len(alerts) == (2 if twice and module == "relay" else 1)
        alerts[-1][0].acknowledge()
        eventually(lambda: beside(serving, key, receipt)[0]["state"] == "delivered", 20)
    assert "Traceback" not in serving.log


RECORDS = 120


def test_a_file_is_done_once_and_answered_whatever_dies_in_between(
    way: Way, serving: Serving
) -> None:
    """The poller before its acknowledgement, all of the gateway amid the work, the poller as it answers."""
    rows = [example("referral", Reference=f"F-{n}") for n in range(RECORDS)]
    engine = create_engine(serving.settings["GATEWAY_DATABASE_URL"], isolation_level="AUTOCOMMIT")

    def counted(what: str) -> int:
        with engine.connect() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {what}")).scalar_one())

    messages = counted("message")
    settled = "entry WHERE state <> 'waiting'"
    with Box(str(way._sandbox.base_url).rstrip("/")) as partner:
        for message, _ in partner.all(ANSWERS):
            message.acknowledge()
        way.holds("PUT .*acknowledged")
        sent = partner.send(a_csv(*rows), FILES, max_chunk_size=20_000, compress=True)
        assert way.reached.wait(20)
        assert counted("entry") == RECORDS, "on disk before it is acknowledged"
        assert partner.status(sent) == "accepted"
        os.kill(child(serving, "poller"), signal.SIGKILL)
        eventually(lambda: counted(settled) >= 10, 40)
        serving.kill()
        assert counted(settled) < RECORDS, "it was killed in the middle"
        way.clear()
        way.holds(f"POST .*outbox {ANSWERS}", after=True)
        serving.start()
        assert way.reached.wait(60), "the gateway never answered"
        os.kill(child(serving, "poller"), signal.SIGKILL)
        way.clear()
        eventually(lambda: not counted("letter WHERE state IN ('working', 'due')"), 40)
        answers = partner.all(ANSWERS)
        assert partner.status(sent) == "acknowledged"
    assert [message.local_id for message, _ in answers] == [sent] * 2
    assert answers[0][1] == answers[1][1]
    assert answers[0][1]["counts"] == {"accepted": RECORDS}
    assert counted("upload") == 1
    assert counted("message") - messages == RECORDS
    engine.dispose()


def test_readiness_tells_that_mesh_is_away(serving: Serving, way: Way) -> None:
    way.breaks("GET")
    serving.wait_until(lambda ready: ready["mesh"] == "away")
    way.clear()
    ready = serving.wait_until(lambda ready: ready["mesh"] == "up")
    assert ready["status"] == "ok"
