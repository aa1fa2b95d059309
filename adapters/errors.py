"""What an adapter answers to a message that it cannot take.

Refused
├── NotWellFormed   not JSON at all: line and column
└── NotUnderstood   every fault of a message at once, each with its place and what would be right
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One fault: where it stands, what is wrong and what would be right, and a stable code.

    Holds no value of the message: a place and a rule are enough, and a value may be a child's.
    """

    pointer: str
    """JSON Pointer (RFC 6901) of JSON; FHIRPath of FHIR, by the names that FHIR has in JSON."""
    detail: str
    code: str
    """`required`, `unknown-property`, `duplicate-property`, `value`, `reference`, `format`,
    `not-supported`, `too-deep`, `too-large`, `hostile-xml`,
    `safeguarding-elsewhere`, `harm-incomplete`, or an identifier's own, such as `nhs-number`."""


class Refused(Exception):
    """The message was refused."""


class NotWellFormed(Refused):
    """The bytes are not of the format at all."""

    def __init__(self, detail: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(detail)
        self.detail, self.line, self.column = detail, line, column

    @property
    def where(self) -> str:
        """`, line 3, column 7`, as far as it is known."""
        known = (("line", self.line), ("column", self.column))
        return "".join(f", {name} {number}" for name, number in known if number is not None)


class NotUnderstood(Refused):
    """The message is well-formed, and wrong in what `faults` says."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(f"{f.pointer}: {f.detail}" for f in faults))
        self.faults = faults
