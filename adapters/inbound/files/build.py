"""What adapters of files share: documents from paths, keys from content, the DfE's words for SEN."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from adapters.inbound.files import Upload
from schemas.codes import CodeTables


class Building:
    """A document under construction: values by path, each with its place in the file.

    Its `id` is what names the record in its system: by it an upload states something of one record.
    Whoever takes the message gives each sending an id of its own.
    """

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}
        self._lacks: list[tuple[str, str]] = []

    def put(self, path: str, value: Any, place: str = "") -> None:
        """Set what stands at a path such as `child.givenNames.0`. What stands there is kept."""
        *parents, last = path.split(".")
        node = self._root
        for part in parents:
            node = node.setdefault(part, {})
            if isinstance(node, tuple):  # a whole value stands above
                return
        node.setdefault(last, (value, place))

    def has(self, path: str) -> bool:
        """Tell whether anything stands at a path, or below it."""
        node: Any = self._root
        for part in path.split(".") if path else ():
            if not isinstance(node, dict) or part not in node:
                return False
            node = node[part]
        return True

    def lacks(self, path: str, place: str) -> None:
        """Say where what belongs at a path would stand, or the object around it. Call it last."""
        parent = path.rpartition(".")[0]
        while not self.has(parent):
            path, parent = parent, parent.rpartition(".")[0]
        self._lacks.append((path, place))

    def finish(self) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
        """Return the document, JSON Pointers into it to places, and those of what it lacks.

        Gaps in lists close.
        """
        for path, place in self._lacks:
            self.put(path, _ABSENT, place)
        places: dict[str, str] = {}
        absent: dict[str, str] = {}
        return _plain(self._root, "", places, absent), places, absent


_ABSENT = object()


def _plain(node: Any, pointer: str, places: dict[str, str], absent: dict[str, str]) -> Any:
    if isinstance(node, tuple):
        value, place = node
        if place:
            places[pointer] = place
        return value
    if node and all(key.isdigit() for key in node):
        inner = [child for _, child in sorted(node.items(), key=lambda item: int(item[0]))]
        inner = [child for child in inner if not _is_absent(child)]
        return [_plain(child, f"{pointer}/{i}", places, absent) for i, child in enumerate(inner)]
    absent |= {f"{pointer}/{key}": child[1] for key, child in node.items() if _is_absent(child)}
    return {
        key: _plain(child, f"{pointer}/{key}", places, absent)
        for key, child in node.items()
        if not _is_absent(child)
    }


def _is_absent(node: Any) -> bool:
    return isinstance(node, tuple) and node[0] is _ABSENT


def source(upload: Upload) -> dict[str, str]:
    """Return the organisation that sends, by the code in its key; empty where it is not known."""
    system, _, code = upload.source.partition(":")
    names = {"ods": "odsCode", "urn": "urn", "la": "laCode"}
    return {names[system]: code} if system in names else {}


def key(*parts: Any) -> str:
    """Return a key that is the same for the same parts."""
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def provision(written: str, tables: CodeTables) -> str | None:
    """Return the DfE's code of a SEN provision, whatever the case; None where it is history only.

    Raises KeyError where it is unknown: it is never guessed.
    """
    known = {name: code for code, name in tables.sen_provisions.items()}
    known |= {code: code for code in tables.sen_provisions}
    return _by_case({**tables.sen_provision_aliases, **known})[_words(written).casefold()]


def need(written: str, tables: CodeTables) -> str:
    """Return the DfE's code of a type of need; what is unknown stays word for word."""
    known = {one.description: code for code, one in tables.sen_types.items()}
    known |= {code: code for code in tables.sen_types}
    words = _words(written)
    return _by_case({**tables.sen_type_aliases, **known}).get(words.casefold()) or words


def _words(written: str) -> str:
    return " ".join(written.split())


def _by_case(known: dict[str, str | None]) -> dict[str, str | None]:
    return {seen.casefold(): code for seen, code in known.items()}
