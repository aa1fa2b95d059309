"""Pupils as the interfaces of school systems give them: what Arbor, Assembly and Wonde share.

Each student with a SEN status that stands becomes one `sen-support-notice`. Only what a notice holds
is read; meals, ethnicity, care, contacts and notes are not looked at. What a system does not know, the
day on which the parents were told, comes with the upload.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic_core import from_json

from adapters.errors import Fault, NotUnderstood, NotWellFormed
from adapters.inbound.files import Entry, FileParser, Upload
from adapters.inbound.files.build import (
    ENDED,
    NOTHING_ENDED,
    Building,
    need,
    provision,
    source,
)
from adapters.inbound.json import pointer
from schemas.codes import CodeTables
from schemas.rules import LONDON

MOST_STUDENTS = 50_000
_SEX = {"m": "male", "f": "female", "male": "male", "female": "female"}

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Status:
    """One period of a SEN status, as the system has it."""

    written: str | None
    """The DfE's code where the system holds it, else the system's own code or words."""
    start: Any
    end: Any
    place: Place


@dataclass(frozen=True)
class Needed:
    """One type of need, as the system has it."""

    written: str | None
    rank: Any
    start: Any
    end: Any
    description: Any
    place: Place


@dataclass(frozen=True, kw_only=True)
class System:
    """One school system's interface, by where its values stand."""

    name: str
    lists: Sequence[str]
    """Properties that may hold the students; else they stand alone, or in a list."""
    fields: Mapping[str, Sequence[str]]
    """Canonical path to where it stands in a student (`a.b`): the first that holds a value counts."""
    statuses: Callable[[Mapping[str, Any]], Iterator[Status]]
    needs: Callable[[Mapping[str, Any]], Iterator[Needed]]
    lacks: str
    """What the sender is told of a student without any status."""

    @property
    def parser(self) -> FileParser:
        """Return the parser of the system's files."""

        def parse(body: bytes, upload: Upload, tables: CodeTables) -> Iterator[Entry]:
            students = list(_students(body, self.lists))
            if len(students) > MOST_STUDENTS:
                detail = f"holds more than {MOST_STUDENTS} students; send it in parts"
                raise NotUnderstood((Fault("", detail, "too-large"),))
            return (
                _Student(self, student, place, upload, tables).entry(number)
                for number, (student, place) in enumerate(students, start=1)
            )

        return parse


def at(node: Any, path: str) -> Any:
    """Return what stands at a path of objects (`a.b`), else None; a blank text is nothing."""
    for name in path.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    return (node.strip() or None) if isinstance(node, str) else node


def first(node: Any, *paths: str) -> Any:
    """Return the first value that stands at any of the paths."""
    return next((found for path in paths if (found := at(node, path)) is not None), None)


def listed(node: Any, path: str) -> Iterator[tuple[Mapping[str, Any], Place]]:
    """Yield the objects of a list, each with its place; a lone object is a list of one."""
    found = at(node, path)
    place: Place = tuple(path.split("."))
    if isinstance(found, Mapping):
        yield found, place
    for index, one in enumerate(found if isinstance(found, list) else ()):
        if isinstance(one, Mapping):
            yield one, (*place, index)


def word(value: Any) -> str | None:
    """Return a code that stands alone, or as the `code` of an object."""
    found = at(value, "code") if isinstance(value, Mapping) else value
    return found.strip() or None if isinstance(found, str) else None


def _students(body: bytes, lists: Sequence[str]) -> Iterator[tuple[Mapping[str, Any], Place]]:
    try:
        page = from_json(body.removeprefix(b"\xef\xbb\xbf"), allow_inf_nan=False)
    except ValueError as error:
        raise NotWellFormed(f"This is not JSON: {error}") from None
    place: Place = ()
    for name in lists:
        if isinstance(page, Mapping) and isinstance(page.get(name), list | Mapping):
            page, place = page[name], (*place, name)
    found = page if isinstance(page, list) else [page]
    for index, one in enumerate(found):
        here = (*place, index) if isinstance(page, list) else place
        if not isinstance(one, Mapping):
            detail = "is no student; send the answer of the system as it came"
            raise NotUnderstood((Fault(pointer(here), detail, "value"),))
        yield one, here


@dataclass(frozen=True)
class _Student:
    """One student of a file."""

    system: System
    student: Mapping[str, Any]
    place: Place
    upload: Upload
    tables: CodeTables

    @property
    def today(self) -> date:
        return self.upload.sent.astimezone(LONDON).date()

    def entry(self, number: int) -> Entry:
        """Return what follows from the student: a notice, nothing, or what is wrong."""
        where, wrong = f"student {number}", list[Fault]()
        begun = list(self._begun(wrong))
        if wrong:
            return Entry(place=where, faults=tuple(wrong))
        if not begun:
            return Entry(place=where, notes=(self.system.lacks,))
        (start, code, status), before = begun[-1], begun[-2][1] if len(begun) > 1 else None
        if len(begun) > 1 and begun[-2][0] == start and before != code:
            detail = "begins on the day on which another provision begins; which of them stands?"
            return Entry(place=where, faults=(self._fault(status.place, detail, "value"),))
        if code is None:
            return Entry(place=where, notes=(ENDED,))
        if (end := _day(status.end)) and end < self.today:
            return Entry(place=where, notes=(f"{_OVER} {NOTHING_ENDED}",))
        if code == "N" and before not in ("K", "E"):
            return Entry(place=where, notes=(NOTHING_ENDED,))
        return self._notice(where, code, before, status)

    def _begun(self, wrong: list[Fault]) -> Iterator[tuple[date, str | None, Status]]:
        """Yield the periods that have begun, in their order; one without start began today."""
        found = []
        for status in self.system.statuses(self.student):
            start = _day(status.start)
            if start is None and status.start is not None:
                wrong.append(self._fault(status.place, "has no date for its start", "date"))
                continue
            if status.written is None:
                continue
            try:
                code = provision(status.written, self.tables)
            except KeyError:
                detail = (
                    "is no SEN provision that is known here, and none is guessed; let the system "
                    "give the DfE's code N, K or E"
                )
                wrong.append(self._fault(status.place, detail, "value"))
                continue
            if start is None or start <= self.today:
                found.append((start or self.today, code, status))
        yield from sorted(found, key=lambda period: period[0])

    def _notice(self, where: str, code: str, before: str | None, status: Status) -> Entry:
        building, notes = Building(), []
        for path, paths in self.system.fields.items():
            self._put(building, path, *paths)
        place = pointer((*self.place, *status.place))
        building.put("notice.provision", code, place)
        if before:
            building.put("notice.provisionBefore", before)
        start, who = _day(status.start), self._id()
        building.put("notice.start", (start or self.today).isoformat(), place)
        for index, (one, rank) in enumerate(self._needs()):
            here = pointer((*self.place, *one.place))
            building.put(f"notice.needs.{index}.type", need(one.written or "", self.tables), here)
            if rank is not None:
                building.put(f"notice.needs.{index}.rank", rank, here)
            if isinstance(one.description, str) and one.description.strip():
                building.put(f"notice.needs.{index}.description", one.description.strip(), here)
        if start is None:
            if who is None:
                return Entry(place=where, faults=(self._fault(("id",), "is missing", "required"),))
            building.put("notice.startIs", "first-seen")
            building.put("record", f"{self.system.name}:{who}:{code}")
            notes.append("The system holds no start: the day on which it was first sent stands in.")
        building.put("id", who or "-")
        building.put("kind", "sen-support-notice")
        building.put("sent", self.upload.sent.isoformat())
        building.put("source", source(self.upload))
        document, places, _ = building.finish()
        return Entry(place=where, document=document, places=places, notes=tuple(notes))

    def _put(self, building: Building, path: str, *paths: str) -> None:
        for place in paths:
            value = at(self.student, place)
            if path == "child.birthDate":
                found = _day(value)
                value = found.isoformat() if found else value
            if path == "child.sex":
                value = _SEX.get(str(value).casefold())
            if isinstance(value, int) and not isinstance(value, bool):
                value = str(value)
            if value is not None:
                building.put(path, value, pointer((*self.place, *place.split("."))))
                return

    def _needs(self) -> list[tuple[Needed, int | None]]:
        """Return the needs that stand, by rank; a rank that is none is left out."""
        found = []
        for one in self.system.needs(self.student):
            start, end = _day(one.start), _day(one.end)
            if (
                one.written
                and not (start and start > self.today)
                and not (end and end < self.today)
            ):
                found.append((one, _rank(one.rank)))
        return sorted(found, key=lambda pair: pair[1] or 99)

    def _id(self) -> str | None:
        found = first(self.student, "id", "mis_id")
        return str(found) if isinstance(found, str | int) else None

    def _fault(self, place: Place, detail: str, code: str) -> Fault:
        return Fault(pointer((*self.place, *place)), detail, code)


_OVER = "Its last SEN provision is over, and none follows."


def _day(value: Any) -> date | None:
    """Return the date of `2020-09-30`, of an instant, or of an object with `date`."""
    written = at(value, "date") if isinstance(value, Mapping) else value
    try:
        return date.fromisoformat(written[:10])
    except (TypeError, ValueError):
        return None


def _rank(value: Any) -> int | None:
    try:
        rank = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return rank if 1 <= rank <= 20 else None
