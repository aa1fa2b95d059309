"""`gateway demo`: the main job, end to end, on this machine, with synthetic children."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import httpx
import orjson
import typer
from rich.markup import escape
from rich.table import Table

from gateway import broker
from gateway.cli.console import FAULT, RETRY, fail, out, say
from gateway.cli.orgs import register
from gateway.cli.send import post, post_many
from gateway.cli.upload import media_type_of_file
from gateway.examples import EXAMPLES, FILES, MESSAGES, SPEAKS_FOR, SUPPLIER
from gateway.rules import load_rules
from gateway.settings import Settings
from gateway.storage import open_journal
from schemas.message import AGENCIES

USUAL = "amqp://guest:guest@127.0.0.1:5672/%2F"
"""Where a freshly installed RabbitMQ answers."""
STARTS_WITHIN = 30.0
"""Seconds."""


STATED = {"notice": {"parentsTold": {"on": "2026-11-18", "by": "Ruth Okafor, SENCO"}}}
"""A school's export has no place for it, so it is stated beside the file."""


@dataclass(frozen=True)
class Step:
    """One message or file of the demonstration, and what it is to show."""

    file: str
    shows: str


STEPS = (
    Step("review.json", "a review: probable SEN, told to the parent, agreed with the nursery"),
    Step(
        "review-no-concern.json", "a review without concern: the general practice and nobody else"
    ),
    Step("review-held.json", "probable SEN, but the parent has not been told: held"),
    Step("review-refused.json", "a message with five faults: refused, each named"),
    Step("fhir/r4/review.json", "a review as FHIR R4"),
    Step("fhir/stu3/CH004.xml", "a review as FHIR STU3 in XML, Digital Child Health"),
    Step("report.json", "a speech therapy report with a safety plan"),
    Step("fhir/r4/report.json", "a speech therapy report as FHIR R4"),
    Step("notice.json", "a school's SEN support notice"),
    Step("fhir/r4/notice.json", "a SEN support notice as FHIR R4"),
    Step("referral.json", "a referral to speech and language therapy"),
    Step("fhir/r4/referral.json", "a referral as FHIR R4"),
    Step("early-help.json", "a request for early help, agreed"),
    Step("safeguarding.json", "suspected significant harm, after the telephone call"),
    Step("8969901_CTF_896LLLL_001.xml", "a school's export of four pupils (CTF)"),
    Step("review-retract.json", "the first review was an error: everybody told learns it"),
)


@dataclass(frozen=True)
class Running:
    """A gateway that runs for the demonstration."""

    http: httpx.Client
    settings: Settings


def demo(
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Without RabbitMQ, even where one answers.")
    ] = False,
) -> None:
    """Send samples of all kinds through a real gateway, and show what each agency received."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # and clean up
    with (
        tempfile.TemporaryDirectory(prefix="gateway-demo-") as folder,
        _environment(Path(folder), embedded) as environment,
        _gateway(environment) as running,
    ):
        sent: list[tuple[Step, dict[str, Any]]] = []
        events: list[dict[str, Any]] = []
        # The last two come once the agencies have read: only who was told is told of a change.
        for steps in (STEPS[:-2], STEPS[-2:]):
            answers = [(step, _send(running, step)) for step in steps]
            sent += answers
            due = sum(len(answer.get("alerts", ())) for _, answer in answers)
            events += _events(running.settings, due)
        _show_sent(sent)
        for agency in AGENCIES:
            _show_agency(agency, [e["data"] for e in events if e["data"]["agency"] == agency])
        _show_views([e["data"] for e in events])
        _show_state(running, sent[0][1])
    recorded = sum(len(answer.get("alerts", ())) for _, answer in sent)
    if len(events) < recorded:
        fail(f"{recorded} alerts were recorded and {len(events)} arrived.", FAULT)


@contextmanager
def _environment(folder: Path, embedded: bool) -> Iterator[dict[str, str]]:
    """Settings of its own: a journal in a temporary folder, and queues under a prefix of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "GATEWAY_DATABASE_URL": f"sqlite:///{folder / 'demo.db'}",
        "GATEWAY_PORT": str(port),
        "GATEWAY_HOST": "127.0.0.1",
        "GATEWAY_AMQP_URL": "",
    }
    url = os.environ.get("GATEWAY_AMQP_ADMIN_URL") or os.environ.get("GATEWAY_AMQP_URL") or USUAL
    topology = broker.Topology(f"demo-{uuid4().hex[:8]}.")
    why = "as you asked"
    if not embedded:
        try:
            broker.apply(url, topology)
        except broker.BrokerError as error:
            embedded, why = True, str(error)
    if embedded:
        say(f"Embedded, without RabbitMQ ({escape(why)}).\n")
        yield environment
        return
    say(f"Over RabbitMQ at {broker.masked(url)}, in queues of its own ({topology.prefix}…).\n")
    try:
        yield environment | {"GATEWAY_AMQP_URL": url, "GATEWAY_AMQP_PREFIX": topology.prefix}
    finally:
        broker.remove(url, topology)


@contextmanager
def _gateway(environment: dict[str, str]) -> Iterator[Running]:
    """Start `gateway serve` as anybody would, and stop it again."""
    os.environ.update(environment)
    settings = Settings()
    headers = {"Authorization": f"Bearer {_key(settings)}"}
    log = Path(settings.database_url.removeprefix("sqlite:///")).with_suffix(".log")
    with (
        log.open("wb") as stderr,
        # Before the process: whatever ends this block must reach its `finally`.
        httpx.Client(
            base_url=f"http://127.0.0.1:{settings.port}", headers=headers, timeout=30
        ) as http,
        subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve"], stdout=subprocess.DEVNULL, stderr=stderr
        ) as process,
    ):
        try:
            _wait_until_ready(http, process, log)
            yield Running(http, settings)
        finally:
            process.terminate()


def _key(settings: Settings) -> str:
    """Make a key, as `gateway org add` does."""
    directory = load_rules(settings).directory
    with open_journal(settings) as journal:
        return register(journal, directory, SUPPLIER, speaks_for=SPEAKS_FOR).key


def _wait_until_ready(http: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end and process.poll() is None:
        try:
            ready = http.get("/health/ready").json()
        except httpx.TransportError:
            ready = {}
        if ready.get("status") == "ok":
            return
        time.sleep(0.05)
    fail(f"The gateway did not get ready:\n{log.read_text()}", RETRY)


def _send(running: Running, step: Step) -> dict[str, Any]:
    """Send a sample as `gateway send` does, and sum up a file of many records as one message."""
    samples = (folder / step.file for folder in (FILES, MESSAGES, EXAMPLES))
    body = next(file for file in samples if file.is_file()).read_bytes()
    if of_many := media_type_of_file(body):
        sent = post_many(running.http, body, of_many, orjson.dumps(STATED))
    else:
        sent = post(running.http, body)
    answer: dict[str, Any] = sent.json()
    if "records" in answer:
        counts = ", ".join(f"{count} {status}" for status, count in answer["counts"].items())
        alerts = [alert for record in answer["records"] for alert in record.get("alerts", ())]
        return {"status": counts, "alerts": alerts}
    return answer


def _events(settings: Settings, expected: int) -> list[dict[str, Any]]:
    """Consume what each agency's queue or mailbox holds, and acknowledge it."""
    events: list[dict[str, Any]] = []
    if settings.amqp_url is None:
        with open_journal(settings) as journal:
            for agency in AGENCIES:
                for due in journal.deliveries.mailbox(agency, 1000):
                    events.append(orjson.loads(due.body))
                    journal.deliveries.acknowledge(due.id, agency)
        return events
    url, topology = settings.amqp_url.get_secret_value(), broker.Topology(settings.amqp_prefix)
    end = time.monotonic() + 15
    while len(events) < expected and time.monotonic() < end:
        for agency in AGENCIES:
            with broker.consume(url, topology, agency, idle=0.2) as alerts:
                for alert in alerts:
                    with alert:
                        events.append(orjson.loads(alert.body))
    return events


def _show_sent(sent: list[tuple[Step, dict[str, Any]]]) -> None:
    table = Table(
        "message sent", "what it shows", "answer", title="What was sent", title_justify="left"
    )
    for step, answer in sent:
        table.add_row(step.file, step.shows, _answer_words(answer))
    out.print(table)
    for step, answer in sent:
        for held in answer.get("held", ()):
            missing = "; ".join(m["detail"] for m in held.get("missing", ()))
            say(
                f"[yellow]held[/]     {step.file}: {escape(held['detail'])} Missing: {escape(missing)}"
            )
        for fault in answer.get("errors", ()):
            say(f"[red]refused[/]  {step.file} {fault['pointer']}: {escape(fault['detail'])}")
    say()


def _answer_words(answer: dict[str, Any]) -> str:
    if "errors" in answer:
        return f"[red]refused[/]: {len(answer['errors'])} faults"
    told = len(answer.get("alerts", ()))
    held = len(answer.get("held", ()))
    words = f"{answer['status']}: {told} alert{'s' * (told != 1)}"
    return words + (f", [yellow]{held} held[/]" if held else "")


def _show_agency(agency: str, alerts: list[dict[str, Any]]) -> None:
    table = Table(
        "for", "about", "change", "basis", "view",
        title=f"What {agency} received", title_justify="left",
    )  # fmt: skip
    titles = {a["service"]["id"]: a["service"]["title"] for a in alerts if "title" in a["service"]}
    for alert in alerts:
        change = "[red]withdrawn[/]" if alert["change"] == "withdrawn" else alert["change"]
        table.add_row(
            titles.get(alert["service"]["id"], alert["service"]["id"]),
            alert["kind"] + " [bold red]urgent[/]" * (alert["urgency"] == "urgent"),
            change,
            alert.get("basis", {}).get("id", ""),
            alert.get("view", ""),
        )
    out.print(table)
    say()


def _show_views(alerts: list[dict[str, Any]]) -> None:
    """Say for each view what it let through, in the words of the model."""
    seen: dict[str, dict[str, None]] = {}
    for alert in alerts:
        if "view" in alert:
            seen.setdefault(alert["view"], {}).update(dict.fromkeys(_names(alert["fields"])))
    table = Table("view", "what it let through, and nothing else", title_justify="left")
    for view, names in sorted(seen.items()):
        table.add_row(view, ", ".join(names))
    out.print(table)
    say()


def _names(fields: dict[str, Any]) -> list[str]:
    return [
        f"{name}.{inner}" if inner else name
        for name, value in fields.items()
        for inner in (value if isinstance(value, dict) else [""])
    ]


def _show_state(running: Running, receipt: dict[str, Any]) -> None:
    now = running.http.get(f"/messages/{receipt['id']}").json()
    states = ", ".join(f"{a['agency']} {a['state']}" for a in now.get("alerts", ()))
    say(f"The first message, as its sender sees it by now: {now['status']}; {states}.")
    say("Try it yourself: [bold]make serve[/]")
