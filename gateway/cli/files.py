"""Files of many records on the command line: sent with their statement, or checked at the desk."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
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
    show_refused,
    stated,
    understood,
)
from gateway.files.checking import checked
from gateway.files.reading import read_file, upn_of
from gateway.receipts import Receipts, not_delivered
from gateway.rules import load_rules
from gateway.settings import Settings
from gateway.tables import load_tables
from schemas.file_receipt import FileReceipt, FileRecord
from schemas.receipt import Missing

SHOWN = 5
"""Places that are named of the records of which nothing follows for one reason."""
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


def show_file(answer: httpx.Response, body: bytes, media_type: str) -> bool:
    """Print what became of each record; False where one was not taken."""
    receipt = FileReceipt.model_validate_json(answer.content)
    say(f"  [green]{receipt.format}[/] of {receipt.source}  {receipt.id}")
    _show(receipt, _upns(body, media_type))
    if receipt.telephone:
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
    rules = load_rules(Settings())
    body, now = file.read_bytes(), datetime.now(UTC)
    try:
        read = read_file(
            body,
            media_type_of_file(body) or "application/octet-stream",
            understood(stated(told_on, told_by, statement, source)),
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
    receipt = checked(read, Receipts(rules), None, now)
    say(f"[bold]{escape(str(file))}[/]: {receipt.format} of {receipt.source}")
    _show(receipt, {r.place: r.upn for r in read.records if r.upn})
    raise SystemExit(FAULT if receipt.counts.refused else 0)


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
    if record.status == "accepted" and not (record.alerts or record.held):
        yield "nobody is told anything new"
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
