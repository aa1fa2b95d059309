"""What comes with a file because the file does not hold it: who sends, and what was stated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from adapters.errors import Fault, NotUnderstood
from adapters.inbound import json
from adapters.inbound.files.understanding import STATEMENT
from schemas.fields import nearest
from schemas.identifiers import OrganisationKey
from schemas.message import BODY, MESSAGE, UNCLOCKED
from schemas.organisation import Organisation

STATED = ("professional", "sharing", "conclusions", "alreadyNotified", "child", *BODY.values())
"""Properties of a message that a statement may hold, for every record of the file."""
DEEPEST = 20
_KNOWN = ("source", *STATED, "byRecord")
_PROBE = {
    "kind": "sen-support-notice",
    "id": "-",
    "sent": "2026-01-01T00:00:00+00:00",
    "record": "-",
    "source": {"laCode": "000"},
}
_NOTICE = {"start": "2026-01-01", "provision": "K"}
_KEY: TypeAdapter[str] = TypeAdapter(OrganisationKey)


@dataclass(frozen=True)
class Statement:
    """A statement that was understood."""

    source: str | None = None
    """Key of the organisation, where the sender names it."""
    common: Mapping[str, Any] = field(default_factory=dict)
    """Canonical JSON for every record."""
    by_record: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Canonical JSON for single records, by UPN or the record's own identifier."""

    @property
    def content(self) -> bytes:
        """Return it as bytes: equal for the same statement."""
        whole = {"source": self.source, "common": self.common, "by": self.by_record}
        return orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)

    def under(self, *names: str | None) -> dict[str, Any]:
        """Return what is stated for a record of these identifiers."""
        stated = dict(self.common)
        for name in names:
            for key, value in self.by_record.get(name or "", {}).items():
                below = stated.get(key)
                both = isinstance(below, Mapping) and isinstance(value, Mapping)
                stated[key] = {**below, **value} if both else value  # type: ignore[dict-item]
        return stated


def read_statement(body: bytes) -> Statement:
    """Read a statement of JSON.

    Raises:
        NotUnderstood: with every fault that can be told without the file.
    """
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        detail = f"is not JSON (line {error.lineno}, column {error.colno})"
        raise NotUnderstood((Fault(STATEMENT, detail, "value"),)) from None
    return statement_of(given)


def statement_of(given: Any) -> Statement:
    """Check a statement as the sender gave it. Raises NotUnderstood."""
    if not isinstance(given, dict):
        raise NotUnderstood((Fault(STATEMENT, "is not an object", "value"),))
    if _deeper_than(given, DEEPEST):
        raise NotUnderstood((Fault(STATEMENT, "is nested too deeply", "too-deep"),))
    faults = [
        Fault(
            f"{STATEMENT}{json.pointer((name,))}",
            f"is not a property of a statement{nearest(name, _KNOWN)}",
            "unknown-property",
        )
        for name in given
        if name not in _KNOWN
    ]
    source = _source(given.get("source"), faults)
    common = {name: given[name] for name in STATED if name in given}
    faults += _wrong(common)
    by_record = given.get("byRecord", {})
    if not isinstance(by_record, dict) or not all(isinstance(v, dict) for v in by_record.values()):
        detail = "is not an object of objects, one for each UPN"
        faults.append(Fault(f"{STATEMENT}/byRecord", detail, "value"))
        by_record = {}
    if any(name not in STATED for one in by_record.values() for name in one):
        detail = f"holds a property that cannot be stated; these can: {', '.join(STATED)}"
        faults.append(Fault(f"{STATEMENT}/byRecord", detail, "unknown-property"))
    if faults:
        raise NotUnderstood(tuple(faults))
    return Statement(source, common, {key.upper(): value for key, value in by_record.items()})


def _deeper_than(node: Any, levels: int) -> bool:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return levels == 0 or any(_deeper_than(one, levels - 1) for one in inner)


def _source(given: Any, faults: list[Fault]) -> str | None:
    try:
        if given is None:
            return None
        if isinstance(given, str):
            return _KEY.validate_python(given)
        return Organisation.model_validate(given).key
    except ValidationError:
        detail = 'is not an organisation; write its key, such as "urn:199901"'
        faults.append(Fault(f"{STATEMENT}/source", detail, "organisation-key"))
        return None


def _wrong(common: Mapping[str, Any]) -> list[Fault]:
    """Tell once what every record would be told: faults of what a notice can hold."""
    own = {n: v for n, v in common.items() if n == "notice" or n not in BODY.values()}
    probe = {**_PROBE, **own}
    notice = own.get("notice", {})
    probe["notice"] = {**_NOTICE, **notice} if isinstance(notice, dict) else notice
    try:
        # Days are held against the time of sending, record by record.
        MESSAGE.validate_json(
            orjson.dumps(probe), strict=True, by_alias=True, by_name=False, context=UNCLOCKED
        )
    except ValidationError as error:
        return [
            Fault(f"{STATEMENT}{fault.pointer}", fault.detail, fault.code)
            for fault in json.faults(error, probe, clock=False)
        ]
    return []
