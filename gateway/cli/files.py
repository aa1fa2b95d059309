"""Files of many records on the command line: sent with their statement, or checked at the desk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.markup import escape
from rich.table import Table

from adapters.errors import Refused
from adapters.inbound.files import Upload
from adapters.inbound.files.registry import parser_for
from gateway.caller import NotAllowed
from gateway.cli.console import FAULT, err, fail, out, say
from gateway.cli.upload import (
    Source,
    StatementFile,
    ToldBy,
    ToldOn,
    media_type_of_file,
    settled,
    show_refused,
    stated,
    understood,
)
from gateway.files.reading import Record, read_file, upn_of
from gateway.rules import Rules, load_rules
from gateway.settings import Settings
from gateway.tables import load_tables
from schemas.file_receipt import FileRecord
from schemas.receipt import Missing

TELL = 'Were the parents told? Then send it again with --parents-told DATE --by "NAME, ROLE".'
TOLD = "/notice/parentsTold"
BECAME = {
    "accepted": "[green]accepted[/]",
    "repeated": "known already",
    "nothing": "nothing follows",
    "refused": "[red]refused[/]",
    "forbidden": "[red]forbidden[/]",
    "waiting": "waiting",
    "understood": "[green]understood[/]",
}


@dataclass(frozen=True)
class Line:
    """What is printed of one record."""

    place: str
    status: str
    says: tuple[str, ...]


def show_file(http: httpx.Client, answer: httpx.Response, body: bytes, media_type: str) -> bool:
    """Print what became of each record once all have settled; False where one was not taken."""
    receipt = settled(http, answer).json()
    records = [FileRecord.model_validate(one) for one in receipt.get("records", ())]
    say(f"  [green]{receipt['format']}[/] of {receipt['source']}  {receipt['id']}")
    lines = [Line(r.place, r.status, tuple(_says(r))) for r in records]
    untold = any(_waits_for_parents(hold.missing) for r in records for hold in r.held)
    notes = [*receipt.get("notes", ()), *([TELL] if untold else ())]
    _show(lines, notes, _upns(body, media_type))
    if telephone := receipt.get("telephone"):
        err(
            f"  NOT DELIVERED. Telephone the front door now: {telephone['frontDoor']} (nights and "
            f"weekends {telephone['nightTeam']})."
        )
    return not {"refused", "forbidden"} & {record.status for record in records}


def check_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A school's file.")],
    told_on: ToldOn = None,
    told_by: ToldBy = None,
    statement: StatementFile = None,
    source: Source = None,
) -> None:
    """Read a school's file here, and show who would be told. Nothing is sent or stored; no key."""
    rules = load_rules(Settings())
    body = file.read_bytes()
    media_type = media_type_of_file(body) or "application/octet-stream"
    try:
        read = read_file(
            body,
            media_type,
            understood(stated(told_on, told_by, statement, source)),
            sent=datetime.now(UTC),
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
    say(f"[bold]{escape(str(file))}[/]: {read.format} of {read.source}")
    lines = [Line(r.place, r.outcome, tuple(_would(r, rules))) for r in read.records]
    notes = [*read.notes, *([TELL] if any(TELL in line.says for line in lines) else ())]
    bare = [replace(line, says=tuple(one for one in line.says if one != TELL)) for line in lines]
    _show(bare, notes, {r.place: r.upn for r in read.records if r.upn})
    say("This was a check: nothing was sent or stored.")
    raise SystemExit(FAULT if any(r.outcome == "refused" for r in read.records) else 0)


def _waits_for_parents(missing: Iterable[Missing]) -> bool:
    return any((one.pointer or "").startswith(TOLD) for one in missing)


def _says(record: FileRecord) -> Iterable[str]:
    for alert in record.alerts:
        yield f"→ {alert.agency}: {alert.title or '-'} ({alert.change})"
    for hold in record.held:
        missing = "; ".join(m.detail for m in hold.missing)
        yield f"held: {hold.detail}{f' Missing: {missing}.' if missing else ''} {hold.do or ''}"
    for fault in record.faults:
        yield f"{fault.place}: {fault.detail}"
    yield from record.notes
    if record.message:
        yield f"receipt {record.message}"


def _would(record: Record, rules: Rules) -> Iterable[str]:
    """Say who would be told of a record, were it the first of its kind."""
    for fault in record.faults:
        yield f"{fault.pointer}: {fault.detail}"
    yield from record.notes
    if record.parsed is None:
        return
    message = record.parsed.message
    decision = rules.decide(message, rules.assess(message))
    for alert in decision.alerts:
        yield f"would go to {alert.agency}: {alert.service.title} (basis {alert.basis})"
    for hold in decision.holds:
        missing = "; ".join(m.detail for m in hold.missing)
        says = rules.policy.holds[hold.reason].says
        yield f"would be held: {says}{f' Missing: {missing}.' if missing else ''}"
        if _waits_for_parents(hold.missing):
            yield TELL
    yield from decision.notes


def _upns(body: bytes, media_type: str) -> dict[str, str]:
    """Read the UPNs of a file by the places of its records, for its own sender's screen."""
    upload = Upload(source="", sent=datetime.now(UTC))
    try:
        _, parse = parser_for(body, media_type)
        found = [(entry.place, upn_of(entry)) for entry in parse(body, upload, load_tables())]
    except Refused:  # the gateway took it: it reads more than this command does
        return {}
    return {place: upn for place, upn in found if upn}


def _show(lines: Sequence[Line], notes: Iterable[str], upns: Mapping[str, str]) -> None:
    """Print a table of the records of which something follows, and count the others by reason."""
    table = Table(box=None, padding=(0, 2, 0, 2))
    for name in ("record", "UPN", "became", "because"):
        table.add_column(name, overflow="fold")
    silent: Counter[tuple[str, str]] = Counter()
    for line in lines:
        if line.status == "nothing":
            silent[line.status, " ".join(line.says)] += 1
            continue
        says = "\n".join(escape(one.strip()) for one in line.says)
        table.add_row(line.place, upns.get(line.place, "-"), BECAME[line.status], says)
    if table.row_count:
        out.print(table)
    for (status, why), count in silent.most_common():
        say(f"  {count} × {BECAME[status]}: {escape(why)}")
    counts = Counter(line.status for line in lines)
    say("  " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    for note in notes:
        say(f"  {escape(note)}")
