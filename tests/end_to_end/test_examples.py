"""The example programs do what a partner's program must do."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import orjson
import pika
import pytest

from adapters.outbound.cloudevents import render
from schemas.alert import AlertData, AlertService
from tests.builders import a_probable_sen_review, a_referral, body
from tests.end_to_end.running import (
    MESSAGES,
    ROOT,
    Said,
    Serving,
    environment,
    eventually,
    queues_of_its_own,
)
from tests.services import amqp_url

pytestmark = [pytest.mark.rabbitmq, pytest.mark.postgresql]

ROUTING_KEY = "health.referral.none.routine"


def test_the_sender_repeats_until_it_is_answered_and_nobody_is_told_twice(
    served: Serving, key: str, tmp_path: Path
) -> None:
    """The first answer is lost on its way, the second is a 503; then the receipt comes."""
    sent = [a_referral(), a_referral()]
    files = [tmp_path / "first.json", tmp_path / "second.json"]
    for file, message in zip(files, sent, strict=True):
        file.write_bytes(body(message))
    with a_bad_line(served.url, [None, 503]) as line:
        settings = {"GATEWAY_URL": line.url, "GATEWAY_KEY": key}
        done = example("send.py", *files, folder=tmp_path, **settings)
    assert done.code == 0, done.out
    assert line.asked == [sent[0]["id"]] * 3 + [sent[1]["id"]]
    assert done.out.count(": recorded, id ") == 2
    assert line.answered == [202, 200, 202]


def test_the_sender_says_what_is_wrong_and_what_is_missing(
    served: Serving, key: str, tmp_path: Path
) -> None:
    held = tmp_path / "held.json"
    held.write_bytes(body(a_probable_sen_review(record="of this test", sharing={})))
    settings = {"GATEWAY_URL": served.url, "GATEWAY_KEY": key}
    refused = MESSAGES / "review-refused.json"
    done = example("send.py", refused, held, folder=tmp_path, **settings)
    assert done.code == 1
    assert "refused. 422: 5 things are wrong" in done.out
    assert "/review/outcome is missing" in done.out
    assert "missing: that the parent was offered a talk about it" in done.out


def test_the_consumer_keeps_the_latest_of_each_thread_and_puts_rubbish_aside(
    tmp_path: Path,
) -> None:
    """A dead letter can then be put back by the other example, as it was."""
    came = [
        (an_event(2, "b"), "new"),
        (an_event(2, "b"), "repeat"),
        (an_event(1, "a"), "older"),
        (b"rubbish", "put aside"),
        (an_event(3, "c").replace(b".created.v1", b".created.v2"), "put aside"),
        (an_event(4, "d", "withdrawn"), "new"),
    ]
    with queues_of_its_own(amqp_url()) as prefix:
        publish(prefix, [event for event, _ in came])
        settings = environment({"AMQP_URL": amqp_url(), "PYTHONUNBUFFERED": "1"})
        consumer = [sys.executable, ROOT / "examples" / "consume.py", f"{prefix}health"]
        with (
            (tmp_path / "out").open("w") as out,
            subprocess.Popen(consumer, cwd=tmp_path, env=settings, stdout=out) as process,
        ):
            try:
                printed = eventually(lambda: told(tmp_path / "out", len(came)))
            finally:
                process.terminate()
        assert printed == [word for _, word in came]
        with sqlite3.connect(tmp_path / "alerts.db") as store:
            kept = store.execute("SELECT subject, sequence, change FROM thread").fetchall()
        assert kept == [("thread-1", "0000000004", "withdrawn")]

        done = example("requeue.py", f"{prefix}health", folder=tmp_path, AMQP_URL=amqp_url())
        assert done.out.count("(was rejected)") == 2, done.out
        assert taken(f"{prefix}health") == [(ROUTING_KEY, came[3][0]), (ROUTING_KEY, came[4][0])]
        assert taken(f"{prefix}health.dead") == []


def an_event(sequence: int = 1, alert: str = "alert-1", change: str = "created") -> bytes:
    """An alert as the gateway renders it."""
    data = AlertData.model_validate(
        {
            "change": change,
            "kind": "referral",
            "agency": "health",
            "service": AlertService(id="practice-n81992"),
            "urgency": "routine",
        }
    )
    at = datetime(2026, 11, 17, tzinfo=UTC)
    return render(
        data, alert=alert, thread="thread-1", sequence=sequence, at=at, base="http://gateway"
    )


def example(name: str, *words: object, folder: Path, **settings: str) -> Said:
    """Run an example program to its end."""
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / name, *map(str, words)],
        cwd=folder,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


def told(file: Path, count: int) -> list[str] | None:
    """Return the first word or words of each line, once there are so many lines."""
    lines = file.read_text().splitlines()
    return [line.partition(":")[0] for line in lines] if len(lines) >= count else None


def publish(prefix: str, bodies: list[bytes]) -> None:
    """Put these into the health queue, as the gateway does."""
    with pika.BlockingConnection(pika.URLParameters(amqp_url())) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for number, content in enumerate(bodies):
            properties = pika.BasicProperties(message_id=str(number), delivery_mode=2)
            channel.basic_publish(f"{prefix}alerts", ROUTING_KEY, content, properties, True)


def taken(queue: str) -> list[tuple[str, bytes]]:
    """Take all that waits in a queue: routing key and body of each."""
    found = []
    with pika.BlockingConnection(pika.URLParameters(amqp_url())) as connection:
        channel = connection.channel()
        while (got := channel.basic_get(queue, auto_ack=True))[0]:
            found.append((got[0].routing_key, got[2]))
    return found


@dataclass
class Line:
    """A way to the gateway that fails as the network does."""

    url: str
    asked: list[str] = field(default_factory=list)
    """The id of each message that was sent over it."""
    answered: list[int] = field(default_factory=list)
    """What the gateway answered, each time that it was reached."""


@contextmanager
def a_bad_line(to: str, faults: list[int | None]) -> Iterator[Line]:
    """Pass requests on to the gateway; first these faults: a status, or None for a lost answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            line.asked.append(orjson.loads(content)["id"])
            fault = faults.pop(0) if faults else 0
            if fault:
                self.send_response(fault)
                self.send_header("Retry-After", "0")
                self.end_headers()
                return
            names = ("Authorization", "Content-Type", "Accept")
            headers = {name: self.headers[name] for name in names}
            answer = httpx.post(to + self.path, content=content, headers=headers)
            line.answered.append(answer.status_code)
            if fault is None:
                self.close_connection = True  # without a word
                return
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    line = Line(f"http://127.0.0.1:{server.server_port}")
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield line
    finally:
        server.shutdown()
        server.server_close()
