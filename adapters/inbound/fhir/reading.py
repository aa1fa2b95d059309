"""Reads a Bundle by the tables of its profile into a canonical document, and knows the way back.

For every canonical value the reading remembers the FHIRPath that it came from, so that what the
canonical model finds wrong is told where the sender can find it.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adapters.errors import Fault
from adapters.inbound.fhir.convert import CONVERTERS, is_ours
from adapters.inbound.fhir.objects import Objects
from adapters.inbound.fhir.paths import Node, Nodes, elements
from adapters.inbound.fhir.profile import Event, Profile, Row
from adapters.inbound.json import fault as json_fault
from schemas.base import Coding
from schemas.codes import SNOMED, CodeTables
from schemas.identifiers import SnomedCode
from schemas.message import BODY
from schemas.receipt import Question

_RESOURCE = re.compile(r"Bundle\.entry\[\d+\]\.resource(\.contained\[\d+\])?")

_SNOMED_CODE: TypeAdapter[str] = TypeAdapter(SnomedCode)

_NOWHERE = Node(None, "Bundle")

MOST_NOTES = 100
"""Notes that are told one by one; of more, their number."""


class Reading:
    """One Bundle being read. `document` is what was understood, `faults` what was wrong."""

    def __init__(
        self, profile: Profile, event: Event, bundle: dict[str, Any], tables: CodeTables
    ) -> None:
        self.profile, self.event, self.tables = profile, event, tables
        self.document: dict[str, Any] = {"kind": event.kind}
        self.origins = {
            "": "Bundle",
            "/kind": f"Bundle.entry[0].resource.{profile.event_element}.code",
        }
        self.body = f"/{BODY[event.kind]}"
        """Where the body of the message stands (JSON Pointer)."""
        self.faults: list[Fault] = []
        self._objects = Objects(event.kind, self.origins, self.faults)
        self.codings: dict[str, Coding] = {}
        """Codes that are not in our maps, by where they stand."""
        self.variables: dict[str, Nodes] = {}
        root = Node(bundle, "Bundle")
        entries = elements([root], "entry")
        self.roots = {"Bundle": root, "MessageHeader": elements([entries[0]], "resource")[0]}
        self._targets: dict[str, Node] = {}
        for entry in entries:
            self._index(entry)
        self._refused: list[Fault] = []
        self._last: list[Row] = []
        self.notes: list[Question] = []
        """What the sender is told of a message that is taken."""
        self.tables_read = event.read_by(self._shape())
        """The tables of this message's shape."""
        for table in self.tables_read:
            self.read(table, self.document, "", _NOWHERE)
        for place, variable in (
            (self.body, "%focus"),
            (self.body, "%body"),
            ("/child", "%child"),
        ):
            if variable in self.variables:
                self.origins[place] = self.variables[variable][0].path
        stand = len(self.faults)
        for row in self._last:
            found = row.find(self, [_NOWHERE])
            self.notes += (Question(pointer=_near(node.path), detail=row.note) for node in found)
        # What only a note looks for is not read: that it is missing is no fault.
        self.notes += (
            Question(pointer=_near(fault.pointer), detail=fault.detail)
            for fault in self.faults[stand:]
        )
        del self.faults[stand:]
        if (more := len(self.notes) - MOST_NOTES) > 0:
            detail = f"{more} more places of this message were not read"
            self.notes[MOST_NOTES:] = [Question(detail=detail)]
        if self.document.get("action") != "retract":
            # What is retracted may well say of itself that it was entered in error.
            self.faults += self._refused

    def _shape(self) -> str:
        """Return the table of the shape in which the event comes: the type of its focus tells it."""
        for reference in elements([self.roots["MessageHeader"]], "focus"):
            for focus in self.resolve(reference):
                if shape := self.event.shapes.get(str(focus.value.get("resourceType"))):
                    return shape
        return self.event.table

    def read(self, table: str, target: dict[str, Any], at: str, this: Node) -> None:
        """Read one table into `target`, which stands at the JSON Pointer `at`."""
        for row in self.profile.tables.get(table, ()):
            if row.canonical in self.variables:
                continue
            if row.canonical == "noted":
                self._last.append(row)
                continue
            found = row.find(self, [this])
            if row.canonical.startswith("%"):
                if found:
                    self.variables[row.canonical] = found
            elif row.canonical == "refused":
                self._refused += (Fault(node.path, row.note, "not-supported") for node in found)
            elif row.canonical == "required":
                if not found:
                    self.faults.append(Fault(this.path, row.note, "required"))
            elif found or row.is_list:
                self._fill(row, found, target, at)

    def resolve(self, reference: Node) -> Nodes:
        """Follow a Reference: `urn:uuid:`, absolute, `Type/id` or `#contained`."""
        stated = elements([reference], "reference")
        if not stated or not isinstance(stated[0].value, str):
            return []
        target, path = stated[0]
        if target.startswith("#"):
            holder = _RESOURCE.match(path)
            target = f"{(holder[0] if holder else '').partition('.contained')[0]}{target}"
        if found := self._targets.get(_address(target)):
            return [found]
        detail = "leads to no resource of this message; add it, or correct the reference"
        self.faults.append(Fault(path, detail, "reference"))
        return []

    def unread(self, nodes: Nodes) -> Nodes:
        """Return the nodes at or below which nothing was read so far."""
        if not nodes:
            return []
        read: set[str] = set()
        for path in self.origins.values():
            while path and path not in read:
                read.add(path)
                path, _, last = path.rpartition(".")
                if last.startswith("contained["):  # a resource of its own
                    break
        return [node for node in nodes if node.path not in read]

    def unmapped(self, coding: Node) -> None:
        """List a code that is not in our maps, word for word. Our own words need none."""
        if not isinstance(coding.value, dict) or is_ours(coding.value.get("system")):
            return
        kept = {key: coding.value.get(key) for key in ("system", "code", "display")}
        try:
            found = Coding.model_validate(kept, strict=True)
            if found.system == SNOMED and found.code.isdecimal():  # else it is an expression
                _SNOMED_CODE.validate_python(found.code)
            self.codings[coding.path] = found
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False):
                fault, (name, *_) = json_fault(detail), detail["loc"] or ("code",)
                self.faults.append(Fault(f"{coding.path}.{name}", fault.detail, fault.code))

    def is_unmapped(self, coding: Node) -> bool:
        """Tell whether a code is listed as not in our maps."""
        return coding.path in self.codings

    def path_of(self, pointer: str) -> str:
        """Return the FHIRPath of what stands at a JSON Pointer, or of the nearest above it."""
        while pointer not in self.origins:
            pointer = pointer.rpartition("/")[0]
        return self.origins[pointer]

    def read_from(self, canonical: str) -> str | None:
        """Return the expression by which the profile reads a canonical property."""
        if canonical == BODY[self.event.kind]:
            found = [
                row.fhir
                for shape in self.event.tables
                for table in self.event.read_by(shape)
                for row in self.profile.tables.get(table, ())
                if row.canonical in ("%body", "%focus")
            ]
            return " or ".join(dict.fromkeys(found)) or None
        for table in self.tables_read:
            for row in self.profile.tables.get(table, ()):
                if row.canonical == canonical:
                    return row.fhir
        return None

    def _index(self, entry: Node) -> None:
        """Know a resource by its fullUrl, by type and id, and its contained ones by their ids."""
        if not isinstance(entry.value, dict):
            return
        addresses = []
        if isinstance(full_url := entry.value.get("fullUrl"), str):
            addresses = [full_url, "/".join(full_url.split("/")[-2:])]
            if _address(full_url) in self._targets:
                detail = "is the fullUrl of an earlier entry too; each resource has its own"
                self.faults.append(Fault(f"{entry.path}.fullUrl", detail, "value"))
        for resource in elements([entry], "resource"):
            if not isinstance(resource.value, dict):
                continue
            if isinstance(identity := resource.value.get("id"), str):
                addresses.append(f"{resource.value.get('resourceType')}/{identity}")
            for address in addresses:
                self._targets.setdefault(_address(address), resource)
            for inner in elements([resource], "contained"):
                if isinstance(inner.value, dict) and isinstance(inner.value.get("id"), str):
                    self._targets[f"{resource.path}#{inner.value['id']}"] = inner

    def _fill(self, row: Row, found: Nodes, target: dict[str, Any], at: str) -> None:
        """Put what a row found where it belongs. What yields no value leaves no trace."""
        name, pointer = row.keys[-1], at + row.pointer
        holder = _holder(target, row, create=False)
        old = holder.get(name) if holder is not None else None
        if row.is_list:
            items = old if isinstance(old, list) else []
            for node in found:
                place = f"{pointer}/{len(items)}"
                if (item := self._value(row, node, place, {})) is not None:
                    self.origins[place] = node.path
                    items.append(item)
            if items or holder is not None:
                _put(target, row, items)
            return
        merges = row.convert == "object" or row.convert in self.profile.tables
        for node in found:
            # Converted even where an earlier row has filled it: no code goes unseen.
            value = self._value(row, node, pointer, old if isinstance(old, dict) else {})
            if value is not None and (old is None or merges):
                self.origins.setdefault(pointer, node.path)
                _put(target, row, value)
                old = value

    def _value(self, row: Row, node: Node, pointer: str, into: dict[str, Any]) -> Any:
        """Convert what stands at a node; an object is read into `into`."""
        if row.convert == "object":
            self.origins.setdefault(pointer, node.path)
            return self._objects.read(node, into, pointer)
        if row.convert in self.profile.tables:
            self.origins.setdefault(pointer, node.path)
            self.read(row.convert, into, pointer, node)
            return into
        if row.words is not None:
            return self._word(row, node, pointer)
        return CONVERTERS[row.convert](self, node) if row.convert else node.value

    def _word(self, row: Row, node: Node, pointer: str) -> Any:
        """Translate a code, or the code of a Coding, by the row's own words."""
        assert row.words is not None
        code = node.value.get("code") if isinstance(node.value, dict) else node.value
        if not isinstance(code, str):
            return code
        if code in row.words:
            return row.words[code]
        if row.other == "as it is":
            return code
        if row.other == "unmapped":
            self.unmapped(node)
        elif row.other == "refused":
            self.origins.setdefault(pointer, node.path)
            detail = f"is not one of {', '.join(f'`{word}`' for word in row.words)}"
            self.faults.append(Fault(node.path, detail, "value"))
        return None


def _near(path: str) -> str:
    """Return a path, or the nearest above it that is short enough to be told."""
    return path if len(path) <= 200 else path[:200].rpartition(".")[0]


def _holder(target: dict[str, Any], row: Row, *, create: bool) -> dict[str, Any] | None:
    """Return the object that has the row's property, if it is there or may be made."""
    for key in row.keys[:-1]:
        inner = target.setdefault(key, {}) if create else target.get(key)
        if not isinstance(inner, dict):
            return None
        target = inner
    return target


def _put(target: dict[str, Any], row: Row, value: Any) -> None:
    holder = _holder(target, row, create=True)
    if holder is not None:
        holder[row.keys[-1]] = value


def _address(url: str) -> str:
    """Return the key by which a resource is found: without version, a UUID in lower case."""
    url = url.partition("/_history/")[0]
    return url.lower() if url[:9].lower() == "urn:uuid:" else url
