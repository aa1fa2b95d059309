"""`gateway demo`: the main job, end to end, on this machine, with synthetic children."""

from __future__ import annotations

import os
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
from gateway.cli.send import media_type
from gateway.examples import MESSAGES
from gateway.service import load_rules
from gateway.settings import Settings
from gateway.storage import open_journal
from schemas.message import AGENCIES

USUAL = "amqp://guest:guest@127.0.0.1:5672/%2F"
"""Where a freshly installed RabbitMQ answers."""
STARTS_WITHIN = 30.0
"""Seconds."""


@dataclass(frozen=True)
class Step:
    """One message of the demonstration, and what it is to show."""

    file: str
    shows: str
    source: str = "ods:RXA"


STEPS = (
    Step("review.json", "a review: probable SEN, told to the parent, agreed with the nursery"),
    Step(
        "review-no-concern.json", "a review without concern: the general practice and nobody else"
    ),
    Step("review-held.json", "probable SEN, but the parent has not been told: held"),
    Step("review-refused.json", "a message with five faults: refused, each named"),
    Step("review.fhir.json", "a review as FHIR R4"),
    Step("review.stu3.fhir.json", "a review as FHIR STU3, Digital Child Health"),
    Step("report.json", "a speech therapy report with a safety plan", "ods:RBT"),
    Step("report.fhir.json", "a speech therapy report as FHIR R4", "ods:RBT"),
    Step("notice.json", "a school's SEN support notice", "urn:199901"),
    Step("notice.fhir.json", "a SEN support notice as FHIR R4", "urn:199901"),
    Step("referral.json", "a referral to speech and language therapy"),
    Step("referral.fhir.json", "a referral as FHIR R4"),
    Step("early-help.json", "a request for early help, agreed"),
    Step("safeguarding.json", "suspected significant harm, after the telephone call"),
    Step("review-retract.json", "the first review was an error: everybody told learns it"),
)


@dataclass(frozen=True)
class Running:
    """A gateway that runs for the demonstration."""

    http: httpx.Client
    settings: Settings
    keys: dict[str, str]


def demo(
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Without RabbitMQ, even where one answers.")
    ] = False,
) -> None:
    """Send samples of all kinds through a real gateway, and show what each agency received."""
    with (
        tempfile.TemporaryDirectory(prefix="gateway-demo-") as folder,
        _environment(Path(folder), embedded) as environment,
        _gateway(environment) as running,
    ):
        sent: list[tuple[Step, dict[str, Any]]] = []
        events: list[dict[str, Any]] = []
        # The retraction comes once the agencies have read: only who was told has it withdrawn.
        for steps in (STEPS[:-1], STEPS[-1:]):
            answers = [(step, _send(running, step)) for step in steps]
            sent += answers
            due = sum(len(answer.get("alerts", ())) for _, answer in answers)
            events += _events(running.settings, due)
        _show_sent(sent)
        for agency in AGENCIES:
            _show_agency(agency, [e for e in events if e["data"]["agency"] == agency])
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
    keys = _keys(settings)
    log = Path(settings.database_url.removeprefix("sqlite:///")).with_suffix(".log")
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve"], stdout=subprocess.DEVNULL, stderr=stderr
        ) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{settings.port}", timeout=30) as http,
    ):
        try:
            _wait_until_ready(http, process, log)
            yield Running(http, settings, keys)
        finally:
            process.terminate()


def _keys(settings: Settings) -> dict[str, str]:
    """Make a key for each source, as `gateway org add` does."""
    directory = load_rules(settings).directory
    journal, _ = open_journal(settings)
    with journal:
        return {
            source: register(journal, directory, source).key
            for source in sorted({step.source for step in STEPS})
        }


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
    body = (MESSAGES / step.file).read_bytes()
    headers = {
        "Authorization": f"Bearer {running.keys[step.source]}",
        "Content-Type": media_type(body),
        "Accept": "application/json",
    }
    answer: dict[str, Any] = running.http.post("/messages", content=body, headers=headers).json()
    return answer


def _events(settings: Settings, expected: int) -> list[dict[str, Any]]:
    """Consume what each agency's queue or mailbox holds, and acknowledge it."""
    events: list[dict[str, Any]] = []
    if settings.amqp_url is None:
        journal, _ = open_journal(settings)
        with journal:
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


def _show_agency(agency: str, events: list[dict[str, Any]]) -> None:
    table = Table(
        "for", "about", "change", "basis", "through the view",
        title=f"What {agency} received", title_justify="left",
    )  # fmt: skip
    for event in sorted(events, key=lambda e: (e["time"], e["subject"])):
        data = event["data"]
        service = data["service"].get("title") or data["service"]["id"]
        change = f"[red]{data['change']}[/]" if data["change"] == "withdrawn" else data["change"]
        urgent = "[bold red]urgent [/]" if data["urgency"] == "urgent" else ""
        table.add_row(
            service,
            urgent + data["kind"],
            change,
            data.get("basis", {}).get("id", ""),
            f"{data['view']}: {', '.join(_seen(data['fields']))}" if "view" in data else "",
        )
    out.print(table)
    say()


def _seen(fields: dict[str, Any]) -> list[str]:
    """Name what a view let through, in the words of the model."""
    return [
        inner for name, value in fields.items()
        for inner in (value if isinstance(value, dict) else [name])
    ]  # fmt: skip


def _show_state(running: Running, receipt: dict[str, Any]) -> None:
    now = running.http.get(
        f"/messages/{receipt['id']}", headers={"Authorization": f"Bearer {running.keys['ods:RXA']}"}
    ).json()
    states = ", ".join(f"{a['agency']} {a['state']}" for a in now.get("alerts", ()))
    say(f"The first message, as its sender sees it by now: {now['status']}; {states}.")
    say("Try it yourself: [bold]make serve[/]")
