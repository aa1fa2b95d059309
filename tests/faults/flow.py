"""A client that sends as fast as it can and repeats what was not answered, and what became of it all."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from tests.builders import OPINION, a_probable_sen_review, an_early_help_request
from tests.end_to_end.partner import Arrived, Partner
from tests.end_to_end.running import Serving, eventually

FIRST_SENT = datetime(2026, 11, 17, 9, tzinfo=UTC)
CLIENTS = 3
MORE = 30
"""How many messages flow on, unasked, so that something is in flight when things break."""
TOLD = {"healthy-child-review": ["education", "health"], "referral": ["social-care"]}
"""Who is told of each new record that the flow sends."""


class Flow:
    """Clients that send as fast as they can while a `with` lasts, and give no message up.

    Of three messages one is a review, told to education and health; one corrects it, which only
    education may see; one asks for early help, told to social care.
    """

    def __init__(self, serving: Serving, key: str) -> None:
        self._serving, self._key, self._name = serving, key, uuid4().hex[:8]
        self._most = MORE
        self._ends = threading.Event()
        self._clients = [threading.Thread(target=self._send, args=(n,)) for n in range(CLIENTS)]
        self.receipts: dict[str, dict[str, Any]] = {}
        """The receipt of each message that was answered 202 or 200, by the sender's id."""
        self.statuses: Counter[str] = Counter()
        """How often each answer came; `none` where the connection broke."""
        self.wrong: list[str] = []
        """Answers that should not have come."""

    def __enter__(self) -> Flow:
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for client in self._clients:
            client.join(30)

    def until(self, answered: int, seconds: float = 20.0) -> None:
        """Let it flow until so many more messages have been answered; it flows on for a while."""
        goal = len(self.receipts) + answered
        self._most = goal + MORE
        eventually(lambda: len(self.receipts) >= goal or self.wrong, seconds)

    def _send(self, client: int) -> None:
        with self._serving.client(self._key) as http:
            for number, message in enumerate(messages(f"{self._name}-{client}")):
                while len(self.receipts) >= self._most and not self._ends.is_set():
                    time.sleep(0.01)
                while not self._is_answered(http, message):
                    time.sleep(0.05)
                # A record is left complete: its review and the correction.
                if self._ends.is_set() and number % 3 == 2:
                    return

    def _is_answered(self, http: httpx.Client, message: dict[str, Any]) -> bool:
        try:
            answer = http.post("/messages", json=message)
        except httpx.TransportError:
            self.statuses["none"] += 1
            return False
        self.statuses[str(answer.status_code)] += 1
        if answer.status_code in (200, 202):
            self.receipts[message["id"]] = answer.json()
        elif answer.status_code != 503:
            self.wrong.append(answer.text)
        return answer.status_code != 503


def messages(client: str) -> Iterator[dict[str, Any]]:
    """One client's messages, each with an id of its own."""
    number = 0
    while True:
        name = f"{client}-{number}"
        at = FIRST_SENT + timedelta(seconds=number)
        record = f"record-{name}"
        review = a_probable_sen_review(id=f"review-{name}", record=record, sent=at.isoformat())
        yield review
        yield an_early_help_request(id=f"help-{name}", record=record)
        yield review | {
            "id": f"correction-{name}",
            "action": "update",
            "sent": (at + timedelta(hours=1)).isoformat(),
            "sharing": {"opinion": OPINION | {"words": "It is hearing, and not speech."}},
        }
        number += 1


def assert_nothing_lost(flow: Flow, serving: Serving, key: str, partner: Partner) -> None:
    """What was answered with success is in the journal, and was told to whom it must be, in order."""
    assert not flow.wrong, flow.wrong[:3]
    assert flow.receipts
    eventually(lambda: nothing_is_due(serving), 20)
    now = {}
    with serving.client(key) as http:
        for id_, receipt in flow.receipts.items():
            answer = http.get(f"/messages/{receipt['id']}")
            assert answer.status_code == 200, f"{id_} was answered with success, and is gone"
            now[id_] = answer.json()
    alerts = {alert["id"]: alert for receipt in now.values() for alert in receipt["alerts"]}
    delivered = {id_ for id_, alert in alerts.items() if alert["state"] == "delivered"}
    arrived = partner.got(delivered)
    assert {a["state"] for a in alerts.values()} <= {"delivered", "superseded"}
    assert partner.ids <= alerts.keys(), "an alert came of which no sender was told"
    assert all(alerts[a.properties.message_id]["agency"] == a.queue for a in arrived)
    for id_, receipt in now.items():
        if not id_.startswith("correction"):
            agencies = sorted(a["agency"] for a in receipt["alerts"])
            assert agencies == TOLD[receipt["kind"]], id_
    assert_threads_are_whole(partner.arrived, len({id_ for id_ in now if id_[0] == "c"}))


def assert_threads_are_whole(arrived: list[Arrived], corrections: int) -> None:
    """Repeats are equal byte for byte; the highest sequence of each thread is its last word."""
    threads: dict[str, dict[str, set[bytes]]] = defaultdict(lambda: defaultdict(set))
    for one in arrived:
        event = one.event
        assert event["id"] == one.properties.message_id
        threads[event["subject"]][event["sequence"]].add(one.body)
    corrected = 0
    for versions in threads.values():
        assert all(len(bodies) == 1 for bodies in versions.values()), "one sequence, two contents"
        (last,) = versions[max(versions)]
        corrected += b"It is hearing" in last
    assert corrected == corrections


def nothing_is_due(serving: Serving) -> bool:
    """Tell whether everything that was recorded has been delivered, by what the metrics say."""
    try:
        with serving.client("none") as http:
            metrics = http.get("/metrics").text
    except httpx.TransportError:
        return False
    due = [
        float(line.split()[-1])
        for line in metrics.splitlines()
        if line.startswith("gateway_deliveries_due{")
    ]
    # Without a sample the journal did not answer.
    return bool(due) and not any(due)
