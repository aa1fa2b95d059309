"""Reads a nested extension, or the items of a questionnaire, into a canonical object.

The one mechanism for whatever has no natural element in FHIR. Members are named by the canonical
property; the canonical model says which repeat and which hold objects. A name that it does not
know is taken as it is: the model then refuses it, and says which one is near. Of a list whose places
count, such as the items of a domain, the members are named by their place, from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, get_origin

from pydantic import BaseModel

from adapters.errors import Fault
from adapters.inbound.fhir.paths import Node, elements
from adapters.inbound.json import pointer as json_pointer
from schemas.base import Coding
from schemas.fields import MODELS, properties
from schemas.message import Kind

Model = type[BaseModel] | None


@dataclass(frozen=True)
class Objects:
    """Reads objects of one kind of message, noting where each value came from."""

    kind: Kind
    origins: dict[str, str]
    """JSON Pointer of the canonical document to FHIRPath."""
    faults: list[Fault]

    def read(self, node: Node, into: dict[str, Any], at: str) -> dict[str, Any]:
        """Read an Extension, or what has items, into an object that stands at a JSON Pointer."""
        model: Model = MODELS[self.kind]
        for name in at.split("/")[1:]:
            if not name.isdigit():
                model = _shapes(model).get(name, _VALUE).model
        return self._read(node, into, at, model)

    def _read(self, node: Node, into: dict[str, Any], at: str, model: Model) -> dict[str, Any]:
        nested, names = ("extension", "url") if "url" in node.value else ("item", "linkId")
        for member in elements([node], nested):
            name = member.value.get(names) if isinstance(member.value, dict) else None
            if isinstance(name, str):
                for holder in elements([member], "answer") or [member]:
                    if isinstance(holder.value, dict):
                        self._member(name, holder, into, at, model)
        return into

    def _member(self, name: str, holder: Node, into: dict[str, Any], at: str, model: Model) -> None:
        """Read one member: a value, or an object of its own."""
        inner, many, places = _shapes(model).get(name, _VALUE)
        if places:
            self._places(name, holder, into, at, places)
            return
        items = into.setdefault(name, []) if many else []
        pointer = at + json_pointer((name, len(items)) if many else (name,))
        old = None if many else into.get(name)
        values = [key for key in holder.value if key.startswith("value")]
        if values:
            if ("extension" if "url" in holder.value else "item") in holder.value:
                detail = "has a value and members of its own; send one or the other"
                self.faults.append(Fault(holder.path, detail, "value"))
            path, value = f"{holder.path}.{values[0]}", _leaf(holder.value[values[0]], inner)
        else:
            path = holder.path
            value = self._read(holder, old if isinstance(old, dict) else {}, pointer, inner)
        if many:
            items.append(value)
        elif old is None or old == value:
            into[name] = value
        else:
            where = self.origins.get(pointer, "another place")
            detail = f"is stated already, and otherwise, at {where}"
            self.faults.append(Fault(path, detail, "value"))
        self.origins.setdefault(pointer, path)

    def _places(self, name: str, holder: Node, into: dict[str, Any], at: str, count: int) -> None:
        """Read a list whose places count; a place of which nothing is said is null."""
        inner = Objects(self.kind, {}, self.faults)
        said = inner._read(holder, {}, "", None)
        wanted = [str(number) for number in range(1, count + 1)]
        detail = f"is a list whose places count; name its members `1` to `{count}`, each once"
        if not said or name in into:
            self.faults.append(Fault(holder.path, detail, "value"))
        for place in said.keys() - set(wanted):
            self.faults.append(
                Fault(inner.origins[json_pointer((place,))], detail, "unknown-property")
            )
        pointer = at + json_pointer((name,))
        self.origins.setdefault(pointer, holder.path)
        for index, place in enumerate(wanted):
            if place in said:
                self.origins[pointer + json_pointer((index,))] = inner.origins[
                    json_pointer((place,))
                ]
        into[name] = [said.get(place) for place in wanted]


def _leaf(value: Any, model: Model) -> Any:
    """Return a value as it is; of a Coding its code alone, unless the model wants it whole."""
    if not isinstance(value, dict) or "code" not in value:
        return value
    if model is not Coding:
        return value["code"]
    return {key: value[key] for key in ("system", "code", "display") if key in value}


class _Shape(NamedTuple):
    """What the model says of a property."""

    model: Model
    """The model that it holds, if it holds one."""
    many: bool
    """Whether it is a list."""
    places: int
    """Of a list whose places count, how many it has; else 0."""


_VALUE = _Shape(None, False, 0)


@cache
def _shapes(model: Model) -> dict[str, _Shape]:
    """Return what the model says of each property."""
    if model is None:
        return {}
    inner = properties(model)
    shapes = {}
    for field in model.model_fields.values():
        if field.alias:
            many = get_origin(field.annotation) is tuple
            extra = field.json_schema_extra
            places = extra.get("maxItems") if isinstance(extra, dict) else 0
            count = places if isinstance(places, int) else 0
            shapes[field.alias] = _Shape(inner[field.alias], many, count)
    return shapes
