"""Reads a YAML file so that every fault can name its line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

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
            self.data: Any = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
        except OSError as error:
            detail = f"cannot be read in {path.parent}: {error.strerror}"
            raise SourceFaults([SourceFault(path.name, 1, detail)]) from None
        except UnicodeDecodeError:
            detail = "is not UTF-8; save it as UTF-8"
            raise SourceFaults([SourceFault(path.name, 1, detail)]) from None
        except YAMLError as error:
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
        node, line = self.data, 1
        for part in place:
            try:
                if isinstance(node, Mapping):
                    line = node.lc.key(part)[0] + 1  # type: ignore[attr-defined]
                elif isinstance(node, list):
                    line = node.lc.item(part)[0] + 1  # type: ignore[attr-defined]
                node = node[part]
            except (KeyError, IndexError, TypeError, AttributeError):
                break
        return line

    def fault(self, place: Place, detail: str) -> SourceFault:
        """Name a fault with its file and line."""
        return SourceFault(self.path.name, self.line(place), detail)


def _not_yaml(path: Path, error: YAMLError) -> SourceFault:
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    problem = error.problem if isinstance(error, MarkedYAMLError) else str(error).splitlines()[0]
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
