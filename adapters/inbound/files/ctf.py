"""The DfE's Common Transfer File (CTF), any version, full or partial, and its sister ATF.

A pupil whose file says SEN support, a plan, or the end of either becomes a SEN support notice. All
that is not in `ctf.csv` or SENhistory is dropped at the door and counted by the name of its element.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from adapters.errors import Fault, NotUnderstood
from adapters.inbound.files import FILE, Entry, Upload
from adapters.inbound.files.days import read_day
from adapters.inbound.files.sen_history import Need, Period, ranked, stands
from adapters.inbound.files.understanding import understand
from adapters.inbound.files.xml_records import Element, as_utf8, records
from schemas.codes import CodeTables
from schemas.rules import LONDON

AHEAD = timedelta(hours=1)
"""How far the clock of a school's system may be ahead of ours."""

UNTICKED = (
    "The file says nothing about SEN for this pupil: nothing follows. Where your system exports the "
    "file, tick the box `SEN` (`SEN history`), and send the new file."
)
NOBODY_TICKED = (
    "No pupil of this file has SEN data. Where your system exports the file, tick the box `SEN` "
    "(`SEN history`), and send the new file."
)
EMPTY = (
    "SENhistory holds no provision: nothing follows. If the pupil has SEN, record K or E with its "
    "StartDate in your system and send again."
)
OWN_TREE = (
    "is not an element of the Common Transfer File, so it is not read; a pupil's SEN stands in "
    "SENhistory/SEN, with StartDate and SENprovision. Ask your supplier for that"
)
TEMPORARY = "The UPN is a temporary one; send again once the pupil has a permanent one."
NO_UPN = "is missing; without it nobody knows the pupil. Give the pupil a UPN in your system"
UNKNOWN = "XXX"
"""How a Common Transfer File writes an authority that is not known."""
OTHER_AUTHORITY = "DestSchool names an authority that is not this area's. Was it meant for another?"
OTHER_CONTAINER = "Pupils stand in an element `Pupils`; it belongs as CTFpupilData. It was borne."
NO_CLOCK = "DateTime is missing or not readable, so the time of sending stands for it."
CARED_FOR = (
    "The pupil is in care, and CareAuthority does not name the authority by its three digits: that "
    "the child is looked after was not taken."
)
SEX = "Sex is neither M nor F: it was not taken."
NOT_READ = "Not read, as the gateway has no need of it: {}."

NEEDS_AT = ("SENhistory/SENneeds/SENneed", "SENhistory/SENneed", "SENneeds/SENneed", "SENneed")
"""Where writers put a pupil's needs; the first is right."""
NEEDS_OF_PERIOD = ("SENneeds/SENneed", "SENneed")
"""Where some put the needs of one period, below its `SEN`."""
OWN_TREES = ("SENstatus", "SENprovision", "SENhistory/SENstage")
SENT_BY = "Header/SourceSchool"
_NEED = ("NeedStartDate", "NeedEndDate", "SENtypeRank", "SENtype")
_SEXES = {"M": "male", "F": "female", "U": "unknown"}
_YES = frozenset({"true", "1", "y", "yes"})


@dataclass(frozen=True)
class _Row:
    """A row of ctf.csv: an element of a pupil, and the place of its value in the canonical child."""

    element: str
    keys: tuple[str, ...]
    convert: str


def _table() -> tuple[_Row, ...]:
    text = files(__package__).joinpath("ctf.csv").read_text(encoding="utf-8")
    return tuple(
        _Row(row["element"], tuple(row["to"].split("/")), row["as"])
        for row in csv.DictReader(text.splitlines())
    )


ROWS = _table()


def _known() -> frozenset[str]:
    """Every path that is kept, and those that lead to it."""
    needs = [*NEEDS_AT, *(f"SENhistory/SEN/{path}" for path in NEEDS_OF_PERIOD)]
    paths = {
        *(row.element for row in ROWS),
        *(f"SENhistory/SEN/{name}" for name in ("StartDate", "SENprovision")),
        *(f"{path}/{name}" for path in needs for name in _NEED),
        *OWN_TREES,
        *("LookedAfter/InCare", "LookedAfter/CareAuthority"),
        *("DateTime", "SourceSchool/SchoolName", "DestSchool/LEA"),
        *(f"SourceSchool/{name}" for name in ("LEA", "Estab", "URN")),
    }
    parents = {path.rsplit("/", n)[0] for path in paths for n in range(path.count("/") + 1)}
    return frozenset(paths | parents)


KNOWN = _known()
_BEGINNING = 4096
_ROOT = re.compile(rb"<(?:[\w.-]+:)?(?:CT|AT)file[\s>/]")


def recognises(body: bytes, media_type: str) -> bool:
    """Tell a CTF or ATF by the local name of its root, in whatever encoding it comes."""
    return bool(_ROOT.search(body[:_BEGINNING].replace(b"\0", b"")))


def parse(body: bytes, upload: Upload, tables: CodeTables) -> Iterator[Entry]:
    """Yield an entry for each pupil, after one of the file with its sender; at the end its notes.

    `upload.sent` says what is in the future. The header's DateTime is local time (Europe/London)
    where it has no zone.

    Raises Refused where the file as a whole cannot be read.
    """
    xml, note = as_utf8(body)
    notes = [note] if note else []
    dropped: Counter[str] = Counter()
    header: _Header | None = None
    number, ticked = 0, False
    for element in records(xml, "Pupil", KNOWN, dropped):
        if element.name == "Header":
            header = _header(element, upload)
            yield Entry(place=FILE, sender=header.sender, notes=header.notes)
        elif element.name == "Pupil":
            if header is None:
                raise _no_header(element.place)
            number += 1
            pupil = _Pupil(element, f"pupil {number}", header, upload, tables)
            ticked = ticked or pupil.speaks_of_sen
            yield pupil.entry()
        elif element.name == "Pupils":
            notes.append(OTHER_CONTAINER)
    if header is None:
        raise _no_header("/")
    if not number:
        notes.append("The file holds no pupil.")
    elif not ticked:
        notes.append(NOBODY_TICKED)
    if dropped:
        counted = ", ".join(f"{name} ({count})" for name, count in sorted(dropped.items())[:50])
        notes.append(NOT_READ.format(counted))
    if notes:
        yield Entry(place=FILE, notes=tuple(notes))


@dataclass(frozen=True)
class _Header:
    """What the file says of itself."""

    sender: str
    sent: datetime
    clock: str
    """The place of `sent`."""
    setting: Mapping[str, str]
    notes: tuple[str, ...]


def _no_header(place: str) -> NotUnderstood:
    detail = "is missing before the first pupil; the file must say which school it is from"
    return NotUnderstood((Fault(f"/{place.split('/')[1] or 'CTfile'}/Header", detail, "required"),))


def _header(header: Element, upload: Upload) -> _Header:
    faults, notes, codes = [], [], []
    for name, pattern, right in (
        ("LEA", r"\d{3}", "the three digits of the authority"),
        ("Estab", r"\d{4}|LLLL", "the four digits of the school"),
    ):
        element = header.first(f"SourceSchool/{name}")
        place = element.place if element else f"{header.place}/SourceSchool/{name}"
        if element is None or not element.text:
            faults.append(Fault(place, f"is missing; write {right}", "required"))
        elif not re.fullmatch(pattern, element.text, re.ASCII):
            faults.append(Fault(place, f"is not a number of the DfE; write {right}", "laestab"))
        else:
            codes.append(element.text)
    sent = _instant(header)
    if sent is None:
        notes.append(NO_CLOCK)
    elif sent > upload.sent + AHEAD:
        detail = "lies in the future; check the clock of the school's system"
        faults.append(Fault(f"{header.place}/DateTime", detail, "sent"))
    if faults:
        raise NotUnderstood(tuple(faults))
    addressed = _text(header, "DestSchool/LEA")
    if upload.authority and addressed not in ("", UNKNOWN, upload.authority):
        notes.append(OTHER_AUTHORITY)
    sender = "".join(codes)
    setting = {"laestab": sender} if sender.isdigit() else {}
    if re.fullmatch(r"[1-9]\d{4,6}", urn := _text(header, "SourceSchool/URN"), re.ASCII):
        setting["urn"] = urn
    if name := _text(header, "SourceSchool/SchoolName")[:200]:
        setting["name"] = name
    clock = f"{header.place}/DateTime"
    return _Header(sender, sent or upload.sent, clock, setting, tuple(notes))


def _instant(header: Element) -> datetime | None:
    try:
        sent = datetime.fromisoformat(_text(header, "DateTime"))
        return (sent if sent.tzinfo else sent.replace(tzinfo=LONDON)).astimezone(ZoneInfo("UTC"))
    except (ValueError, OverflowError):
        return None


def _text(element: Element, path: str) -> str:
    found = element.first(path)
    return found.text if found else ""


def _notice_of(day: date) -> dict[str, Any]:
    """A notice in the place of one that is wrong, so that the child is looked at too."""
    return {"provision": "K", "start": day.isoformat()}


@dataclass
class _Pupil:
    """Reads one pupil."""

    element: Element
    name: str
    header: _Header
    upload: Upload
    tables: CodeTables
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    @property
    def speaks_of_sen(self) -> bool:
        """Whether the file says anything about the pupil's SEN."""
        return any(self.element.all(path) for path in ("SENhistory", *OWN_TREES))

    def entry(self) -> Entry:
        """Return the pupil's entry: a notice, or why none follows, or what is wrong."""
        notice = self._notice()
        document = self._document(notice) if notice and not self.faults else None
        if self.faults:
            self._also_wrong(document or self._document(_notice_of(self.upload.today)))
        return Entry(
            place=self.name,
            document=None if self.faults else document,
            places=self.places,
            absent=self.absent,
            faults=tuple(self.faults),
            notes=tuple(dict.fromkeys(self.notes)),
            upn=_text(self.element, "UPN")[:13] or None,
        )

    def _also_wrong(self, document: dict[str, Any]) -> None:
        """Add what the model says of the child: everything is told at once."""
        stands = {"id": "-", "source": {"laCode": "896"}, **document}
        entry = Entry(
            place=self.name, document=stands, places=dict(self.places), absent=dict(self.absent)
        )
        found = understand(entry, {}, self.upload.sent)
        told = {self.element.place, *(fault.pointer for fault in self.faults)}
        if isinstance(found, tuple):
            self.faults += [fault for fault in found if fault.pointer not in told]

    def _document(self, notice: dict[str, Any]) -> dict[str, Any]:
        self.places |= {"": self.element.place, "/sent": self.header.clock}
        child = self._child()
        if "upn" not in child:
            place = self.absent["/child/upn"]
            self.faults.append(Fault(place, NO_UPN, "required"))
        elif child["upn"][-1:].isalpha():
            self.notes.append(TEMPORARY)
        child["setting"] = dict(self.header.setting)
        return {
            "kind": "sen-support-notice",
            "sent": self.header.sent.isoformat(),
            "child": child,
            "notice": notice,
        }

    def _child(self) -> dict[str, Any]:
        child: dict[str, Any] = {}
        lines: dict[str, list[str]] = {}
        for row in ROWS:
            element = self.element.first(row.element)
            if element is None or not element.text:
                place = element.place if element else f"{self.element.place}/{row.element}"
                self.absent.setdefault("/child/" + "/".join(row.keys), place)
                continue
            keys, value = row.keys, self._converted(row.convert, element)
            if value is None:
                continue
            if keys[:2] == ("address", "lines"):
                lines.setdefault(keys[2], []).append(value)
                keys = ("address",)
            elif keys[0] in ("givenNames", "formerNames"):
                child.setdefault(keys[0], []).append(value)
                keys = (keys[0], str(len(child[keys[0]]) - 1))
            elif len(keys) == 2:
                child.setdefault(keys[0], {})[keys[1]] = value
            else:
                child.setdefault(keys[0], value)
            self.places.setdefault("/child/" + "/".join(keys), element.place)
        if lines:
            joined = [" ".join(parts) for _, parts in sorted(lines.items())]
            child.setdefault("address", {})["lines"] = joined
        if authority := self._cared_for_by():
            child["lookedAfter"] = {"authority": authority}
        return child

    def _converted(self, convert: str, element: Element) -> str | None:
        if convert == "day":
            day = self._day(element)
            return day.isoformat() if day else None
        if convert == "sex":
            sex = _SEXES.get(element.text.upper())
            if sex is None:
                self.notes.append(SEX)
            return sex
        return element.text

    def _cared_for_by(self) -> str | None:
        if _text(self.element, "LookedAfter/InCare").lower() not in _YES:
            return None
        authority = _text(self.element, "LookedAfter/CareAuthority")
        if re.fullmatch(r"\d{3}", authority, re.ASCII):
            return authority
        self.notes.append(CARED_FOR)
        return None

    def _day(self, element: Element) -> date | None:
        """Read a date; note how it was read, or what is wrong with it."""
        day, said = read_day(element.text, self.upload.today)
        if day is None:
            self.faults.append(Fault(element.place, said or "", "value"))
        elif said:
            self.notes.append(said)
        return day

    def _notice(self) -> dict[str, Any] | None:
        """Return what stands of the pupil's SEN, or None where nothing follows."""
        found = self.element.all("SENhistory/SEN")
        for path in OWN_TREES:
            if own := self.element.first(path):
                if found:
                    self.notes.append(f"`{own.name}` {OWN_TREE}.")
                else:
                    self.faults.append(Fault(own.place, OWN_TREE, "not-supported"))
        if not found:
            if not self.faults:
                self.notes.append(EMPTY if self.element.all("SENhistory") else UNTICKED)
            return None
        read = [(self._period(sen), sen) for sen in found]
        if self.faults:
            return None
        now = stands((p for p, _ in read if p), self.upload.today, self.tables)
        self.faults += now.faults
        self.notes += now.notes
        if now.notice is None:
            return None
        current = next(sen for period, sen in read if period is now.period)
        needs = ranked(self._needs(current), self.upload.today, self.tables)
        self.places |= {
            "/notice": current.place,
            "/notice/start": f"{current.place}/StartDate",
            "/notice/provision": f"{current.place}/SENprovision",
            **{f"/notice/needs/{n}": need.place for n, (_, need) in enumerate(needs)},
        }
        return now.notice | ({"needs": [need for need, _ in needs]} if needs else {})

    def _period(self, sen: Element) -> Period | None:
        start, provision = self._must(sen, "StartDate"), self._must(sen, "SENprovision")
        day = self._day(start) if start else None
        return Period(provision.text, day, provision.place) if day and provision else None

    def _needs(self, current: Element) -> list[Need]:
        """List the needs: those of the pupil, and those within the current period."""
        found = [element for path in NEEDS_AT for element in self.element.all(path)]
        found += [element for path in NEEDS_OF_PERIOD for element in current.all(path)]
        needs = []
        for need in found:
            kind = self._must(need, "SENtype")
            start, end = (
                self._day(when) if (when := need.first(name)) and when.text else None
                for name in ("NeedStartDate", "NeedEndDate")
            )
            if kind:
                rank = _text(need, "SENtypeRank")
                needs.append(Need(kind.text, rank, need.place, start, end))
        return needs

    def _must(self, element: Element, name: str) -> Element | None:
        found = element.first(name)
        if found is None or not found.text:
            place = found.place if found else f"{element.place}/{name}"
            self.faults.append(Fault(place, "is missing", "required"))
            return None
        return found
