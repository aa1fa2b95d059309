"""Cuts a canonical document to an allow-list. What is not named does not leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Fields = Mapping[str, str | None]
"""Path of a canonical field to its precision: None is the whole."""


def allowed(path: str, paths: Iterable[str]) -> bool:
    """Tell whether a path is one of `paths`, or stands below one."""
    return any(path == other or path.startswith(other + ".") for other in paths)


def cut_to(document: Mapping[str, Any], fields: Fields, cut: Iterable[str] = ()) -> dict[str, Any]:
    """Build from `document` what `fields` name, less what `cut` names. Nothing else is copied.

    A precision holds even where the branch above is named whole. No empty place shows that
    something was cut. The document itself stays as it is.
    """
    view: dict[str, Any] = {}
    for path, precision in sorted(fields.items(), key=lambda field: field[1] is not None):
        _copy(document, view, path.split("."), precision)
    for path in cut:
        _remove(view, path.split("."))
    return {name: value for name, value in view.items() if value not in ({}, [])}


def _copy(source: Any, target: dict[str, Any], path: list[str], precision: str | None) -> None:
    name, *rest = path
    if not isinstance(source, Mapping) or name not in source:
        return
    value = source[name]
    if not rest:
        target[name] = _blur(_copied(value), precision)
    elif isinstance(value, list):
        items = target.setdefault(name, [{} for _ in value])
        for item, part in zip(value, items, strict=True):
            _copy(item, part, rest, precision)
    else:
        _copy(value, target.setdefault(name, {}), rest, precision)
    _drop_if_empty(target, name)


def _remove(target: Any, path: list[str]) -> None:
    name, *rest = path
    if isinstance(target, list):
        for item in target:
            _remove(item, path)
    elif isinstance(target, dict) and name in target:
        if rest:
            _remove(target[name], rest)
            _drop_if_empty(target, name)
        else:
            del target[name]


def _drop_if_empty(target: dict[str, Any], name: str) -> None:
    value = target[name]
    if value in ({}, []) or (isinstance(value, list) and all(item == {} for item in value)):
        del target[name]


def _copied(value: Any) -> Any:
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return {k: _copied(v) for k, v in value.items()} if isinstance(value, dict) else value


def _blur(value: Any, precision: str | None) -> Any:
    """Give less than the whole: a date's month, an outward code, a list's first, computed findings."""
    match precision:
        case "year-month":
            return value[:7]
        case "outward":
            return value.split(" ")[0]
        case "first":
            return value[:1]
        case "computed":
            return [finding for finding in value if finding["origin"] == "computed"]
        case _:
            return value
