"""Why a message was not taken: as problem+json (RFC 9457), or as an OperationOutcome for FHIR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.errors import Fault, NotUnderstood, NotWellFormed, Refused
from adapters.outbound.operation_outcome import operation_outcome
from gateway.receipts import not_delivered
from schemas.receipt import Telephone

TITLES = {
    400: "Not well-formed",
    401: "Unauthorised",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Duplicate",
    413: "Too large",
    415: "Media type not supported",
    422: "Not understood",
    500: "Broken",
    503: "Not accepted",
}
SAFEGUARDING = frozenset({"safeguarding-elsewhere", "harm-incomplete"})
"""Faults whose answer carries the front door's telephone numbers."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why something was not taken. The status is HTTP's, whatever way it came."""

    status: int
    code: str
    detail: str
    faults: tuple[Fault, ...] = ()
    telephone: Telephone | None = None
    place: Mapping[str, int | None] | None = None

    def document(self, *, fhir: bool) -> dict[str, Any]:
        """Return what the sender reads."""
        if fhir:
            lead = self.telephone is not None
            return operation_outcome(self.status, self.code, self.detail, self.faults, lead=lead)
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": TITLES[self.status],
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **(self.place or {}),
        }
        if self.faults:
            body["errors"] = [
                {"pointer": f.pointer, "detail": f.detail, "code": f.code} for f in self.faults
            ]
        if self.telephone:
            body["telephone"] = self.telephone.model_dump(by_alias=True)
        return body

    def media_type(self, *, fhir: bool) -> str:
        """Return the media type of `document`."""
        return "application/fhir+json" if fhir else "application/problem+json"


def speaks_of_harm(body: bytes) -> bool:
    """Tell whether a message seems to be about significant harm, understood or not.

    Looks for the words as every format writes them. Too often is harmless: an answer then carries
    two telephone numbers that nobody needed.
    """
    return any(word in body for word in (b"safeguarding", b"significant-harm", b'"harm"'))


def of_refused(refused: Refused, body: bytes, telephone: Telephone) -> Problem:
    """Say why a message could not be understood, with every fault.

    No fault hides harm: where the message seems to be about it, the telephone numbers come first.
    """
    harm = speaks_of_harm(body)
    if isinstance(refused, NotUnderstood):
        faults = refused.faults
        harm = harm or any(fault.code in SAFEGUARDING for fault in faults)
        count = "One thing is" if len(faults) == 1 else f"{len(faults)} things are"
        detail = f"{count} wrong with this message; nothing was accepted."
        codes = {fault.code for fault in faults}
        code, status, place = codes.pop() if len(codes) == 1 else "not-understood", 422, None
    else:
        assert isinstance(refused, NotWellFormed)
        faults, code, status = (), "not-well-formed", 400
        place = {"line": refused.line, "column": refused.column} if refused.line else None
        where = f" (line {refused.line}, column {refused.column})" if refused.line else ""
        detail = refused.detail + where
    return Problem(
        status=status,
        code=code,
        detail=f"{not_delivered(telephone)} {detail}" if harm else detail,
        faults=faults,
        telephone=telephone if harm else None,
        place=place,
    )


def not_taken(status: int, code: str, detail: str, body: bytes, telephone: Telephone) -> Problem:
    """Say that nothing was taken; of a safeguarding referral with the numbers to telephone."""
    if not speaks_of_harm(body):
        return Problem(status=status, code=code, detail=detail)
    lead = f"{not_delivered(telephone)} {detail}"
    return Problem(status=status, code=code, detail=lead, telephone=telephone)
