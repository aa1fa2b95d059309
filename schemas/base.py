"""The base of every canonical model: frozen, camelCase in JSON, closed to unknown properties."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError


class Model(BaseModel):
    """A frozen value. JSON names are camelCase; a property that is not named here is refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,  # an error that nobody catches is logged with its words
    )

    def document(self) -> dict[str, Any]:
        """Return the canonical JSON document: camelCase, without what was not stated."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
"""No date of a child, a family or a message lies outside."""

_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")


def _written_day(value: Any) -> Any:
    """Read a day in the one way that it is written; nothing is guessed from a number."""
    if isinstance(value, str) and _DAY.match(value):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, date) or isinstance(value, datetime):
        raise PydanticCustomError("date_parsing", "is not a calendar date")
    if not EARLIEST <= value <= LATEST:
        raise PydanticCustomError("date", "is a date that cannot be; check its year")
    return value


Day = Annotated[date, BeforeValidator(_written_day)]
"""A calendar date. Never converted to a zone."""

_INSTANT = re.compile(
    r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:?\d{2})?$"
)


def _written_instant(value: Any) -> Any:
    """Read an instant in the one way that it is written; nothing is guessed from a number."""
    if isinstance(value, str) and _INSTANT.match(value):
        try:
            return datetime.fromisoformat(value.upper())
        except ValueError:
            pass
    elif isinstance(value, datetime):
        return value
    raise PydanticCustomError("datetime_parsing", "is not an instant")


def _utc(at: datetime) -> datetime:
    if not EARLIEST < at.date() < LATEST:
        raise PydanticCustomError("instant", "is an instant that cannot be; check its year")
    return at.astimezone(UTC)


Instant = Annotated[AwareDatetime, BeforeValidator(_written_instant), AfterValidator(_utc)]
"""An instant, in UTC. JSON gives it with its offset: `2026-11-24T10:15:00+00:00`."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


def _printable(value: str) -> str:
    if _CONTROL.search(value):
        raise PydanticCustomError(
            "control_character", "contains a control character; send plain text without it"
        )
    return value


def _one_line(value: str) -> str:
    if "\n" in value or "\r" in value:
        raise PydanticCustomError("line_break", "breaks the line; write it on one")
    return _printable(value)


Word = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_one_line),
]
"""A short text of one line: a name, a role, an identifier. 1 to 200 characters."""

Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=8000),
    AfterValidator(_printable),
]
"""Free text. 1 to 8,000 characters. Leaves only where a view names it."""

_PARTIAL = re.compile(r"^\d{4}(-\d{2}(-\d{2})?)?$")


def _partial_date(value: str) -> str:
    fault = PydanticCustomError(
        "partial_date", "is not a calendar date; write YYYY-MM-DD (or YYYY-MM, YYYY where unknown)"
    )
    if not _PARTIAL.match(value):
        raise fault
    try:
        day = date.fromisoformat((value + "-01-01")[:10])
    except ValueError:
        raise fault from None
    if not EARLIEST <= day <= LATEST:
        raise fault
    return value


PartialDate = Annotated[
    str,
    AfterValidator(_partial_date),
    Field(json_schema_extra={"pattern": _PARTIAL.pattern, "examples": ["2024-05-14"]}),
]
"""A calendar date of which month or day may be unknown (FHIR `date`). Never converted to a zone."""


def whole_date(value: str | None) -> date | None:
    """Return the day that a partial date names, or None where it names no single day."""
    return date.fromisoformat(value) if value is not None and len(value) == 10 else None


Language = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{1,8})*$"),
    Field(examples=["en", "pl", "bfi"]),
]
"""A language by its BCP 47 tag (FHIR `code` of urn:ietf:bcp:47), such as `en` or `bfi`."""


class Coding(Model):
    """A code as it was received (FHIR `Coding`). Kept word for word, known to our maps or not."""

    system: Word | None = None
    code: Word
    display: Word | None = None
