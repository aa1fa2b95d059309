"""`gateway consume`: read an agency's alerts, from its queue or from the mailbox."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Any

import orjson
import typer
from rich.markup import escape

from gateway import broker
from gateway.cli.console import USAGE, fail, say
from gateway.settings import Settings
from schemas.words import AGENCIES

LOOK_EVERY = 0.2
"""Seconds between looks into an empty mailbox."""


def consume(
    agency: Annotated[str, typer.Argument(help=f"One of {', '.join(AGENCIES)}.")],
    count: Annotated[int | None, typer.Option(help="Stop after so many alerts.")] = None,
    wait: Annotated[
        float | None, typer.Option(help="Stop after so many seconds without an alert.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One CloudEvent a line.")] = False,
) -> None:
    """Print alerts as they come. Each is acknowledged once it was printed."""
    if agency not in AGENCIES:
        fail(f"There is no agency `{agency}`; there are {', '.join(AGENCIES)}.", USAGE)
    settings = Settings()
    amqp = settings.amqp_consumer_url or settings.amqp_url
    read = _from_queue if amqp else _from_mailbox
    try:
        for body in read(settings, agency, count, wait):
            if json:
                typer.echo(body.decode())
            else:
                show(orjson.loads(body))
    except KeyboardInterrupt:
        say()


def show(event: dict[str, Any]) -> None:
    """Print one alert for people."""
    data = event["data"]
    service = data["service"].get("title") or data["service"]["id"]
    urgent = "[bold red]urgent[/] " if data["urgency"] == "urgent" else ""
    say(f"{urgent}[bold]{data['kind']}[/] {data['change']}  for {escape(service)}")
    say(f"  alert {event['id']}, thread {event['subject']}, version {int(event['sequence'])}")
    if data["change"] == "withdrawn":
        say("  Withdrawn: what you were told under this thread no longer stands.")
        return
    say(f"  basis: {escape(data['basis']['title'])} ({escape(data['basis']['power'])})")
    sender = data["sender"]
    person = " ".join(sender[k] for k in ("professional", "role") if sender.get(k))
    say(f"  from {escape(sender.get('name') or sender['organisation'])} {escape(person)}")
    for flag in data.get("flags", ()):
        say(f"  [yellow]! {escape(flag)}[/]")
    for line in lines(data.get("fields", {})):
        say(f"    {escape(line)}")


def lines(value: Any, path: str = "") -> Iterator[str]:
    """Yield one line per field."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from lines(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, inner in enumerate(value):
            yield from lines(inner, f"{path}[{index}]")
    else:
        values = value if isinstance(value, list) else [value]
        yield f"{path}: {', '.join(_word(item) for item in values)}"


def _word(value: Any) -> str:
    """Write a value as JSON would, a string without its quotes and 20.0 as 20."""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _from_queue(
    settings: Settings, agency: str, count: int | None, wait: float | None
) -> Iterator[bytes]:
    url = settings.amqp_consumer_url or settings.amqp_url
    assert url is not None
    topology = broker.Topology(settings.amqp_prefix)
    with broker.consume(url.get_secret_value(), topology, agency, idle=wait, count=count) as alerts:
        for alert in alerts:
            with alert:
                yield alert.body


def _from_mailbox(
    settings: Settings, agency: str, count: int | None, wait: float | None
) -> Iterator[bytes]:
    # Only here: a queue is read without the journal.
    from gateway.storage import open_journal

    journal = open_journal(settings, must_exist=True)
    seen, since = 0, time.monotonic()
    with journal:
        while count is None or seen < count:
            due = journal.deliveries.mailbox(agency, 1)
            if not due:
                if wait is not None and time.monotonic() - since >= wait:
                    return
                time.sleep(LOOK_EVERY)
                continue
            yield due[0].body
            journal.deliveries.acknowledge(due[0].id, agency)
            seen, since = seen + 1, time.monotonic()
