"""Reads a file: whose it is, and of each record its message or what is wrong. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from adapters.errors import Fault, NotUnderstood
from adapters.inbound import Parsed
from adapters.inbound.files import FILE, MOST_RECORDS, Entry, Upload, too_many
from adapters.inbound.files.registry import parser_for
from adapters.inbound.files.understanding import understand
from gateway.caller import NotAllowed
from gateway.directory import Directory
from gateway.files.statement import Statement
from schemas.codes import CodeTables
from schemas.organisation import organisation_of

MOST_FAULTS = 100
"""Faults that are told of one record."""


@dataclass(frozen=True)
class Record:
    """One record of a file, as far as it goes without the journal."""

    place: str
    outcome: Literal["understood", "nothing", "refused"]
    parsed: Parsed | None = None
    """Under the id `-`: who records it gives it one."""
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    upn: str | None = None
    """For the sender's own eyes, and never sent back."""


@dataclass
class FileRead:
    """A file that was read."""

    format: str
    source: str
    """Key of the school that it is from."""
    records: list[Record] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_file(
    body: bytes,
    media_type: str,
    statement: Statement,
    *,
    sent: datetime,
    tables: CodeTables,
    directory: Directory,
    sender: str | None,
    speaks_for: frozenset[str] | None,
    most: int = MOST_RECORDS,
) -> FileRead:
    """Read a file of whatever format.

    sent: when it was sent; says what lies in the future. UTC.
    sender: key of who sends it, in whose name it is where neither file nor statement names another.
    speaks_for: who else it may be from. None: anybody.
    most: records; a file of more is refused.

    Raises:
        Refused: the file as a whole cannot be read.
        NotAllowed: it is from a school for which the sender may not speak.
    """
    name, parse = parser_for(body, media_type)
    whose = statement.source or sender or ""
    upload = Upload(
        source=whose,
        sent=sent,
        statement=statement.common,
        by_record=statement.by_record,
        authority=directory.la_code,
        most=most,
    )
    read = FileRead(name, whose)
    allowed = None if speaks_for is None else {sender, *speaks_for}
    if allowed is not None and whose not in allowed:
        raise NotAllowed(f"This key may not speak for {whose}, which the statement names.")
    met: set[str] = set()
    for entry in parse(body, upload, tables):
        if entry.sender:
            read.source = _sent_by(entry.sender, statement.source, allowed, sender, directory)
        if entry.place == FILE:
            read.notes += entry.notes
            continue
        if len(read.records) == most:
            raise too_many(most)
        if not read.source:
            detail = 'is missing, and the file does not say whose it is; state it: "urn:199901"'
            raise NotUnderstood((Fault("statement/source", detail, "required"),))
        names = _names(entry)
        met.update(names)
        read.records.append(_record(entry, read.source, statement, names, sent))
    if unmet := len(statement.by_record.keys() - met):
        read.notes.append(f"{unmet} statement(s) for single records name nobody in this file.")
    return read


def _sent_by(
    laestab: str,
    stated: str | None,
    allowed: Iterable[str | None] | None,
    sender: str | None,
    directory: Directory,
) -> str:
    """Return the key of the school that a file names. Raises NotAllowed."""
    if laestab.endswith("LLLL"):
        keys = [f"la:{laestab[:3]}"]
    else:
        keys = [setting.key for setting in directory.settings_of(laestab)]
    named = f"{laestab[:3]}/{laestab[3:]}"
    if not keys:
        raise NotAllowed(
            f"The file says that it is from the school {named} (authority/establishment), which is "
            "not in the directory. The gateway's operator can add it."
        )
    mine = [key for key in keys if allowed is None or key in allowed]
    if not mine:
        raise NotAllowed(
            f"The file says that it is from the school {named} ({', '.join(keys)}), and this key "
            f"belongs to {sender}. Send a school's file with the school's own key, or ask the "
            "operator for the right to speak for it."
        )
    if stated and stated not in mine:
        raise NotAllowed(
            f"The file says that it is from the school {named} ({', '.join(keys)}), and the "
            f"statement names {stated} as its source. Which is it?"
        )
    return stated or mine[0]


def upn_of(entry: Entry) -> str | None:
    """Return the UPN of a record as it is written."""
    upn = entry.upn or (entry.document or {}).get("child", {}).get("upn")
    return upn if isinstance(upn, str) else None


def _names(entry: Entry) -> tuple[str, ...]:
    """Return that by which a statement may mean a record: its UPN, or its own identifier."""
    document = entry.document or {}
    named = (upn_of(entry), document.get("record"), document.get("id"))
    return tuple(name.upper() for name in named if isinstance(name, str))


def _record(
    entry: Entry, source: str, statement: Statement, names: tuple[str, ...], at: datetime
) -> Record:
    bare = Record(
        entry.place,
        "nothing",
        faults=entry.faults[:MOST_FAULTS],
        notes=entry.notes,
        upn=upn_of(entry),
    )
    if entry.faults:
        return replace(bare, outcome="refused")
    if entry.document is None:
        return bare
    own = {"source": organisation_of(source), **_of_this_school(entry, source), "id": "-"}
    under = statement.under(*names)
    found = understand(replace(entry, document={**entry.document, **own}), under, at)
    if isinstance(found, tuple):
        return replace(bare, outcome="refused", faults=found)
    return replace(bare, outcome="understood", parsed=found)


def _of_this_school(entry: Entry, source: str) -> dict[str, object]:
    """A school's notice is about its own pupil: name the setting by the URN where it is left out."""
    document, system = entry.document or {}, source.partition(":")[0]
    child = document.get("child")
    if system != "urn" or document.get("kind") != "sen-support-notice" or not child:
        return {}
    return {"child": {**child, "setting": {**organisation_of(source), **child.get("setting", {})}}}
