"""`gateway send`: send files to a gateway, and read its answers."""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import httpx
import orjson
import typer
from rich.markup import escape
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from gateway.cli.console import FAULT, RETRY, USAGE, err, fail, say
from gateway.cli.upload import (
    Source,
    StatementFile,
    ToldBy,
    ToldOn,
    media_type_of_file,
    post_file,
    settled,
    stated,
)
from schemas.receipt import Receipt

STATES = {
    "would-go": "would go",
    "due": "on its way",
    "delivered": "there",
    "superseded": "replaced",
}


class Away(Exception):
    """The gateway does not answer, or cannot take anything now."""


def send(
    files: Annotated[
        list[Path],
        typer.Argument(exists=True, dir_okay=False, help="JSON, FHIR, or a school's file."),
    ],
    key: Annotated[
        str, typer.Option(envvar="GATEWAY_KEY", help="The bearer key that you were given.")
    ],
    url: Annotated[
        str, typer.Option(envvar="GATEWAY_URL", help="The gateway.")
    ] = "http://127.0.0.1:8000",
    check: Annotated[bool, typer.Option("--check", help="Only check: nothing is stored.")] = False,
    told_on: ToldOn = None,
    told_by: ToldBy = None,
    statement: StatementFile = None,
    source: Source = None,
) -> None:
    """Send messages, one per file, and print each receipt. Repeats are safe: nothing is sent twice.

    A school's file of many pupils, such as a Common Transfer File, is known by what it holds.
    """
    if not key.isascii() or not key.isprintable():
        fail("The key has signs that no key has; copy it again.", USAGE)
    worst = 0
    given = orjson.dumps(stated(told_on, told_by, statement, source))
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as http:
        for file in files:
            say(f"[bold]{escape(str(file))}[/]")
            body = file.read_bytes()
            of_many = media_type_of_file(body)
            try:
                answer = (
                    post_many(http, body, of_many, given, check=check)
                    if of_many
                    else post(http, body, check=check)
                )
            except Away as away:
                err(f"  {away}")
                raise SystemExit(RETRY) from None
            if answer.is_success and of_many:
                # Only here: a message is sent without the readers of files.
                from gateway.cli.files import show_file

                worst = worst if show_file(answer, body, of_many) else FAULT
            elif answer.is_success:
                show_receipt(Receipt.model_validate_json(answer.content))
            else:
                show_problem(answer)
                worst = FAULT
    raise SystemExit(worst)


def post_many(
    http: httpx.Client, body: bytes, media_type: str, statement: bytes, *, check: bool = False
) -> httpx.Response:
    """Send a file of many records, and wait until all have settled. Raises Away."""
    answer = answered(http, partial(post_file, http, body, media_type, statement, check=check))
    if not answer.is_success:
        return answer

    def ask(path: str) -> httpx.Response:
        return _of_the_gateway(answered(http, partial(http.get, path)))

    return settled(ask, _of_the_gateway(answer))


def _of_the_gateway(answer: httpx.Response) -> httpx.Response:
    """Return a receipt; what stands in front of a gateway may answer with a page. Raises Away."""
    if not answer.is_success or "json" not in answer.headers.get("content-type", ""):
        raise Away(f"{answer.url.host} answered {answer.status_code}: right key, right URL?")
    return answer


def post(http: httpx.Client, body: bytes, *, check: bool = False) -> httpx.Response:
    """Send one message, trying again while the gateway is away. Raises Away."""
    path = "/messages/check" if check else "/messages"
    headers = {"Content-Type": media_type(body), "Accept": "application/json"}
    return answered(http, lambda: http.post(path, content=body, headers=headers))


def answered(http: httpx.Client, send: Callable[[], httpx.Response]) -> httpx.Response:
    """Return the gateway's answer, trying again while it is away. Raises Away."""
    for attempt in Retrying(
        retry=retry_if_exception_type(Away),
        stop=stop_after_attempt(4),
        wait=wait_random_exponential(multiplier=0.3, max=5),
        reraise=True,
    ):
        with attempt:
            try:
                answer = send()
            except httpx.TransportError as error:
                raise Away(f"No answer from {http.base_url}: {error}") from None
            if answer.status_code >= 500:
                raise Away(_why(answer))
    return answer


def _why(answer: httpx.Response) -> str:
    """Say why nothing was taken; what stands in front of a gateway may answer in HTML."""
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.url.host} answered {answer.status_code} {answer.reason_phrase}"


_MARKS = BOM_UTF8 + BOM_UTF16_LE + BOM_UTF16_BE + b" \t\r\n"


def media_type(body: bytes) -> str:
    """Tell FHIR from canonical JSON by its `resourceType`, XML by its first sign.

    What is neither goes as JSON.
    """
    if body.replace(b"\0", b"").lstrip(_MARKS).startswith(b"<"):
        return "application/fhir+xml"
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "application/json"
    fhir = isinstance(message, dict) and "resourceType" in message
    return "application/fhir+json" if fhir else "application/json"


def show_receipt(receipt: Receipt) -> None:
    """Print a receipt for people."""
    say(f"  [green]{receipt.status}[/]  {receipt.id}")
    if receipt.warning:
        say(f"  [bold red]{escape(receipt.warning)}[/]")
    for alert in receipt.alerts:
        who = alert.title or alert.service or alert.agency
        say(
            f"  → {alert.agency}: {escape(who)}  ({alert.change}, basis {alert.basis or '-'}, "
            f"{STATES[alert.state]})"
        )
    for held in receipt.held:
        say(f"  [yellow]held[/] {held.service or 'route ' + held.route}: {escape(held.detail)}")
        for missing in held.missing:
            say(f"       missing {missing.pointer or ''}: {escape(missing.detail)}")
        if held.do:
            say(f"       {escape(held.do)}")
    for finding in receipt.findings:
        if finding.score is not None:
            band = finding.level if finding.reason is None else f"{finding.level}: {finding.reason}"
            code = f", code {finding.code.code}" if finding.code else ""
            say(f"  · {escape(finding.about)} {finding.score:g} ({escape(band)}{code})")
    for question in receipt.questions:
        say(f"  [cyan]?[/] {escape(question.detail)}")
    for note in receipt.notes:
        say(f"  {escape(note)}")


def show_problem(answer: httpx.Response) -> None:
    """Print why a message was refused: every fault."""
    problem: dict[str, Any] = answer.json()
    err(f"  {answer.status_code} {problem.get('title', '')}: {problem.get('detail', '')}")
    for fault in problem.get("errors", ()):
        err(f"    {fault['pointer'] or '/'}: {fault['detail']}")
