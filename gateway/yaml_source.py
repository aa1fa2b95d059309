"""Reads a YAML file so that every fault can name its line.

YAML is read as its version 1.2 has it: `on`, `no` and days are words, a number has no zero in
front.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from schemas.fields import nearest, properties

Place = Sequence[str | int]
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class SourceFault:
    """One fault of a data file: where, what is wrong and what would be right."""

    file: str
    line: int
    detail: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.detail}"


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]  # untyped
    """PyYAML knows version 1.1 only: what differs is told here."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own name and type
        sign: [
            (tag, known)
            for tag, known in rules
            if not tag.endswith((":bool", ":int", ":float", ":timestamp"))
        ]
        for sign, rules in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile("[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


class SourceFaults(Exception):
    """Data files are not in order. `faults` names each fault with its file and line."""

    def __init__(self, faults: Iterable[object]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class YamlSource:
    """A YAML document with the line of every key."""

    def __init__(self, path: Path) -> None:
        """Read `path`. Raises SourceFaults where it cannot be read, or is not YAML."""
        self.path = path
        try:
            self._node, self.data = _read(path.read_text(encoding="utf-8"))
        except OSError as error:
            detail = f"cannot be read in {path.parent}: {error.strerror}"
            raise SourceFaults([SourceFault(path.name, 1, detail)]) from None
        except UnicodeDecodeError:
            detail = "is not UTF-8; save it as UTF-8"
            raise SourceFaults([SourceFault(path.name, 1, detail)]) from None
        except yaml.YAMLError as error:
            raise SourceFaults([_not_yaml(path, error)]) from None

    def read_as(self, model: type[M]) -> M:
        """Read the document as a model. Raises SourceFaults with every fault."""
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            raise SourceFaults(
                self.fault(detail["loc"], _sentence(detail, model))
                for detail in error.errors(include_url=False)
            ) from None

    def line(self, place: Place) -> int:
        """Return the line (from 1) of the deepest part of `place` that the file holds."""
        node, line = self._node, 1
        for part in place:
            found = next((pair for pair in _inside(node) if pair[0] == str(part)), None)
            if found is None:
                break
            _, line, node = found
        return line

    def fault(self, place: Place, detail: str) -> SourceFault:
        """Name a fault with its file and line."""
        return SourceFault(self.path.name, self.line(place), detail)


def _inside(node: Any) -> Iterator[tuple[str, int, Any]]:
    """Yield what a node holds: its key or index, its line, the node itself."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield str(index), value.start_mark.line + 1, value


def _read(text: str) -> tuple[Any, Any]:
    """Return a document's node and its data. Raises YAMLError."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        _check_keys(node, set())
        return node, loader.construct_document(node) if node else None
    finally:
        loader.dispose()


def _check_keys(node: Any, seen: set[int]) -> None:
    """Raise where a key stands twice, of which PyYAML would take the last."""
    if id(node) in seen:  # an alias, perhaps of what it stands in
        return
    seen.add(id(node))
    keys: set[str] = set()
    for key, line, value in _inside(node):
        if key in keys:
            mark = yaml.Mark(None, 0, line - 1, 0, None, None)
            raise yaml.MarkedYAMLError(problem=f"duplicate key `{key}`", problem_mark=mark)
        keys.add(key)
        _check_keys(value, seen)


def _not_yaml(path: Path, error: yaml.YAMLError) -> SourceFault:
    """Return the fault of a file that is not YAML at all."""
    marked = isinstance(error, yaml.MarkedYAMLError)
    mark = error.problem_mark if marked else None
    problem = error.problem if marked else str(error).splitlines()[0]
    return SourceFault(path.name, mark.line + 1 if mark else 1, f"is not YAML: {problem}")


def _sentence(detail: Any, model: type[BaseModel]) -> str:
    *parents, last = detail["loc"] or ("",)
    where = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"`{where}`: unknown key `{last}`{nearest(str(last), _known(model, parents))}"
    if detail["type"].startswith("bool"):
        return f"`{where}`: write true or false"
    if detail["type"] == "missing":
        return f"`{where}`: `{last}` is missing"
    return f"`{where}`: {detail['msg'][:1].lower()}{detail['msg'][1:]}"


def _known(model: type[BaseModel], place: Sequence[str | int]) -> Sequence[str]:
    """Return the keys known at a place; keys of open mappings are passed over."""
    for part in place:
        if isinstance(part, str):
            model = properties(model).get(part) or model
    return list(properties(model))
