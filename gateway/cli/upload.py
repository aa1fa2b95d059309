"""What `send` and `watch` need of files of many records: little, as most that they send is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import httpx
import orjson
import typer

from adapters.errors import NotUnderstood, NotWellFormed, Refused
from gateway.cli.console import USAGE, err, fail, say

if TYPE_CHECKING:
    from gateway.files.statement import Statement

LOOK = 0.5
"""Seconds between two looks at a file that is worked on."""
OF_WHOM = "statement/source"

ToldOn = Annotated[
    str | None,
    typer.Option("--parents-told", help="Files: when the parents were told, as 2026-09-15."),
]
ToldBy = Annotated[str | None, typer.Option("--by", help="Files: who told them, name and role.")]
StatementFile = Annotated[
    Path | None,
    typer.Option(
        exists=True, dir_okay=False, help="Files: a statement in JSON that comes with it."
    ),
]
Source = Annotated[
    str | None,
    typer.Option(help="Files that name no school: whose it is, such as urn:199901."),
]


def media_type_of_file(body: bytes) -> str | None:
    """Return the media type of a file of many records, or None where it may be a message instead.

    What can be no message, as it is neither JSON nor FHIR, is a file too: it is told as such what
    is wrong with it.
    """
    beginning = body.lstrip(b"\xef\xbb\xbf \r\n\t")[:1]
    if _is_message(body, beginning):
        return None
    # Only here: a message is sent without the readers of files.
    from adapters.inbound.files.registry import parser_for

    guessed = {b"<": "application/xml", b"{": "application/json", b"[": "application/json"}
    media_type = guessed.get(beginning, "application/octet-stream")
    if body[:2] in (b"\xff\xfe", b"\xfe\xff") and b"<\0" in body[:8]:
        media_type = "application/xml"
    try:
        parser_for(body, media_type)
    except Refused:
        return None if beginning in (b"{", b"[") else "application/octet-stream"
    return media_type


def _is_message(body: bytes, beginning: bytes) -> bool:
    """Tell what is a message for certain: FHIR, or JSON that names its kind."""
    if beginning == b"<":
        return b"hl7.org/fhir" in body[:4096]
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(message, dict) and not message.keys().isdisjoint({"kind", "resourceType"})


def stated(
    told_on: str | None, told_by: str | None, file: Path | None, source: str | None
) -> dict[str, Any]:
    """Put a statement together from a command's options; ends the command where it is wrong."""
    given: dict[str, Any] = {}
    if file:
        try:
            given = orjson.loads(file.read_bytes())
        except orjson.JSONDecodeError as error:
            fail(f"{file} is not JSON: line {error.lineno}, column {error.colno}.", USAGE)
    if not isinstance(given, dict):
        fail(f"{file} is not a JSON object.", USAGE)
    told = {name: value for name, value in (("on", told_on), ("by", told_by)) if value}
    if told:
        notice = given.get("notice", {})
        given["notice"] = {**(notice if isinstance(notice, dict) else {}), "parentsTold": told}
    if source:
        given["source"] = source
    if given:
        understood(given)
    return given


def post_file(
    http: httpx.Client, body: bytes, media_type: str, statement: bytes, *, check: bool = False
) -> httpx.Response:
    """Send a file, or only have it checked, with its statement, which is JSON."""
    parts = {
        "file": ("file", body, media_type),
        "statement": (None, statement, "application/json"),
    }
    return http.post(
        "/files/check" if check else "/files",
        files=parts,
        headers={"Accept": "application/json"},
        timeout=httpx.Timeout(120),
    )


def settled(ask: Callable[[str], httpx.Response], answer: httpx.Response) -> httpx.Response:
    """Return the file's receipt once all its records have settled. `ask` gets an address."""
    while (receipt := answer.json())["state"] == "working":
        counted = receipt["counts"]
        total = sum(counted.values())
        say(f"  {total - counted['waiting']} of {total} records are done …")
        time.sleep(LOOK)
        answer = ask(f"/files/{receipt['id']}")
    return answer


def show_refused(name: str, refused: Refused) -> None:
    """Print why a file as a whole was not understood."""
    if isinstance(refused, NotUnderstood):
        err(f"{name} was not understood:")
        for fault in refused.faults:
            err(f"  {fault.pointer or 'The whole'}: {fault.detail}")
            if fault.pointer == OF_WHOM:
                err("  Here: add --source, such as --source urn:199901.")
    elif isinstance(refused, NotWellFormed):
        err(f"{name}{refused.where}: {refused.detail}")


def understood(given: Mapping[str, Any]) -> Statement:
    """Return a statement; ends the command where it is wrong."""
    # Only here: most is sent without a statement.
    from gateway.files.statement import statement_of

    try:
        return statement_of(dict(given))
    except NotUnderstood as refused:
        show_refused("The statement", refused)
        raise SystemExit(USAGE) from None
