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
from adapters.inbound.files import Entry, FileParser, Upload, too_many
from adapters.inbound.files.build import Building, source
from adapters.inbound.files.sen_history import Need, Period, ranked, stands
from adapters.inbound.json import pointer
from schemas.codes import CodeTables

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
            if len(students) > upload.most:
                raise too_many(upload.most)
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

    def entry(self, number: int) -> Entry:
        """Return what follows from the student: a notice, nothing, or what is wrong."""
        where, wrong = f"student {number}", list[Fault]()
        now = stands(list(self._periods(wrong)), self.upload.today, self.tables)
        if faults := (*wrong, *now.faults):
            return Entry(place=where, faults=faults)
        if now.notice is None or now.period is None:
            return Entry(place=where, notes=now.notes or (self.system.lacks,))
        return self._notice(where, now.notice, now.period.place, now.notes)

    def _periods(self, wrong: list[Fault]) -> Iterator[Period]:
        for status in self.system.statuses(self.student):
            place, start = self._at(status.place), _day(status.start)
            if start is None and status.start is not None:
                wrong.append(Fault(place, "has no date for its start", "date"))
            elif status.written is not None:
                yield Period(status.written, start, place, _day(status.end))

    def _notice(
        self, where: str, notice: Mapping[str, Any], place: str, notes: tuple[str, ...]
    ) -> Entry:
        building, who = Building(), self._id()
        for path, paths in self.system.fields.items():
            self._put(building, path, *paths)
        for name, value in notice.items():
            building.put(f"notice.{name}", value, place)
        for index, (one, origin) in enumerate(self._needs()):
            building.put(f"notice.needs.{index}", one, origin.place)
        if "startIs" in notice:
            if who is None:
                return Entry(
                    place=where, faults=(Fault(self._at(("id",)), "is missing", "required"),)
                )
            building.put("record", f"{self.system.name}:{who}")
        building.put("id", who or "-")
        building.put("kind", "sen-support-notice")
        building.put("sent", self.upload.sent.isoformat())
        building.put("source", source(self.upload))
        document, places, _ = building.finish()
        return Entry(place=where, document=document, places=places, notes=notes)

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
                building.put(path, value, self._at(tuple(place.split("."))))
                return

    def _needs(self) -> list[tuple[dict[str, Any], Need]]:
        found = [
            Need(
                one.written,
                one.rank,
                self._at(one.place),
                _day(one.start),
                _day(one.end),
                one.description.strip() if isinstance(one.description, str) else "",
            )
            for one in self.system.needs(self.student)
            if one.written
        ]
        return ranked(found, self.upload.today, self.tables)

    def _id(self) -> str | None:
        found = first(self.student, "id", "mis_id")
        return str(found) if isinstance(found, str | int) else None

    def _at(self, place: Place) -> str:
        return pointer((*self.place, *place))


def _day(value: Any) -> date | None:
    """Return the date of `2020-09-30`, of an instant, or of an object with `date`."""
    written = at(value, "date") if isinstance(value, Mapping) else value
    try:
        return date.fromisoformat(written[:10])
    except (TypeError, ValueError):
        return None
