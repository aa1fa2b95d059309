"""Files of many records on the command line: sent with their statement, or checked at the desk."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import orjson
import typer
from rich.markup import escape
from rich.table import Table

from adapters.errors import NotUnderstood, NotWellFormed, Refused
from adapters.inbound.files import Upload
from adapters.inbound.files.registry import parser_for
from gateway.caller import NotAllowed
from gateway.cli.console import FAULT, USAGE, err, fail, out, say
from gateway.files.reading import read_file, upn_of
from gateway.files.statement import Statement, statement_of
from gateway.rules import load_rules
from gateway.settings import Settings
from gateway.tables import load_tables
from schemas.file_receipt import FileReceipt, FileRecord
from schemas.receipt import Missing

LOOK = 0.5
"""Seconds between two looks at a file that is worked on."""
SHOWN = 5
"""Places that are named of the records of which nothing follows for one reason."""
TELL = 'Were the parents told? Then send it again with --parents-told DATE --by "NAME, ROLE".'
TOLD = "/notice/parentsTold"
OF_WHOM = "statement/source"
BECAME = {
    "accepted": "[green]accepted[/]",
    "repeated": "known already",
    "nothing": "nothing follows",
    "refused": "[red]refused[/]",
    "forbidden": "[red]forbidden[/]",
    "waiting": "waiting",
    "understood": "[green]understood[/]",
}

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
    guessed = {b"<": "application/xml", b"{": "application/json", b"[": "application/json"}
    media_type = guessed.get(beginning, "application/octet-stream")
    if body[:2] in (b"\xff\xfe", b"\xfe\xff") and b"<\0" in body[:8]:
        media_type = "application/xml"
    try:
        parser_for(body, media_type)
    except Refused:
        is_message = beginning in guessed and (beginning != b"<" or b"hl7.org/fhir" in body[:4096])
        return None if is_message else "application/octet-stream"
    return media_type


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
    _understood(given)
    return given


def post_file(http: httpx.Client, body: bytes, media_type: str, statement: bytes) -> httpx.Response:
    """Send a file with its statement, which is JSON."""
    parts = {
        "file": ("file", body, media_type),
        "statement": (None, statement, "application/json"),
    }
    return http.post(
        "/files", files=parts, headers={"Accept": "application/json"}, timeout=httpx.Timeout(120)
    )


def settled(ask: Callable[[str], httpx.Response], answer: httpx.Response) -> httpx.Response:
    """Return the file's receipt once all its records have settled. `ask` gets an address."""
    while (receipt := answer.json())["state"] == "working":
        counted = receipt["counts"]
        total = sum(counted.values())
        say(f"  {total - counted['waiting']} of {total} records are done …")
        time.sleep(LOOK)
        answer = ask(f"/files/{receipt['id']}").raise_for_status()
    return answer


def show_file(answer: httpx.Response, body: bytes, media_type: str) -> bool:
    """Print what became of each record; False where one was not taken."""
    receipt = FileReceipt.model_validate_json(answer.content)
    say(f"  [green]{receipt.format}[/] of {receipt.source}  {receipt.id}")
    _show(receipt, _upns(body, media_type))
    if receipt.telephone:
        from gateway.receipts import not_delivered  # only here, as below

        err(f"  {not_delivered(receipt.telephone)}")
    return not receipt.counts.refused + receipt.counts.forbidden


def check_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A school's file.")],
    told_on: ToldOn = None,
    told_by: ToldBy = None,
    statement: StatementFile = None,
    source: Source = None,
) -> None:
    """Read a school's file here, and show who would be told. Nothing is sent or stored; no key."""
    # Only here: `gateway send` starts without the FHIR library.
    from gateway.files.checking import checked
    from gateway.weighing import Weighing

    settings = Settings()
    rules = load_rules(settings)
    body, now = file.read_bytes(), datetime.now(UTC)
    try:
        read = read_file(
            body,
            media_type_of_file(body) or "application/octet-stream",
            _understood(stated(told_on, told_by, statement, source)),
            sent=now,
            tables=rules.tables,
            directory=rules.directory,
            sender=None,
            speaks_for=None,
        )
    except Refused as refused:
        show_refused(str(file), refused)
        raise SystemExit(FAULT) from None
    except NotAllowed as wrong:
        fail(str(wrong), FAULT)
    receipt = checked(read, Weighing.by(settings, rules), None, now)
    say(f"[bold]{escape(str(file))}[/]: {receipt.format} of {receipt.source}")
    _show(receipt, {r.place: r.upn for r in read.records if r.upn})
    raise SystemExit(FAULT if receipt.counts.refused else 0)


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


def _understood(given: Mapping[str, Any]) -> Statement:
    try:
        return statement_of(dict(given))
    except NotUnderstood as refused:
        show_refused("The statement", refused)
        raise SystemExit(USAGE) from None


def _waits_for_parents(missing: Iterable[Missing]) -> bool:
    return any((one.pointer or "").startswith(TOLD) for one in missing)


def _says(record: FileRecord) -> Iterable[str]:
    would = "would be " * (record.status == "understood")
    for alert in record.alerts:
        name = f"{alert.agency}: {alert.title or '-'}"
        yield f"would go to {name} (basis {alert.basis})" if would else f"→ {name} ({alert.change})"
    for hold in record.held:
        missing = "; ".join(m.detail for m in hold.missing)
        why = f", missing: {missing}" if missing else f": {hold.detail} {hold.do or ''}"
        yield f"{would}held{why}"
    for fault in record.faults:
        yield f"{fault.place}: {fault.detail}"
    yield from record.notes
    if record.message:
        yield f"receipt {record.message}"


def _upns(body: bytes, media_type: str) -> dict[str, str]:
    """Read the UPNs of a file by the places of its records, for its own sender's screen."""
    upload = Upload(source="", sent=datetime.now(UTC))
    try:
        _, parse = parser_for(body, media_type)
        found = [(entry.place, upn_of(entry)) for entry in parse(body, upload, load_tables())]
    except Refused:  # the gateway took it: it reads more than this command does
        return {}
    return {place: upn for place, upn in found if upn}


def _show(receipt: FileReceipt, upns: Mapping[str, str]) -> None:
    """Print a table of the records of which something follows, and count the others by reason."""
    table = Table(box=None, padding=(0, 2, 0, 2))
    for name in ("record", "UPN", "became", "because"):
        table.add_column(name, overflow="fold")
    silent = defaultdict[str, list[str]](list)
    for record in receipt.records:
        if record.status == "nothing":
            silent[" ".join(record.notes)].append(record.place)
        else:
            says = "\n".join(escape(one.strip()) for one in _says(record))
            became = BECAME[record.status]
            table.add_row(record.place, upns.get(record.place, "-"), became, says)
    if table.row_count:
        out.print(table)
    for why, places in silent.items():
        more = f", … {places[-1]}" if len(places) > SHOWN else ""
        where = ", ".join(places[:SHOWN]) + more
        say(f"  {len(places)} × {BECAME['nothing']} ({where}): {escape(why)}")
    counts = Counter(record.status for record in receipt.records)
    say("  " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    held = [hold for record in receipt.records for hold in record.held if hold.missing]
    told = [TELL if _waits_for_parents(hold.missing) else hold.do or "" for hold in held]
    for note in (*receipt.notes, *dict.fromkeys(told)):
        say(f"  {escape(note)}")
