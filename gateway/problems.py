"""Why a message was not taken: as problem+json (RFC 9457), or as an OperationOutcome for FHIR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.errors import Fault, NotUnderstood, NotWellFormed, Refused
from adapters.outbound.operation_outcome import operation_outcome
from gateway.receipts import not_delivered
from schemas.receipt import Telephone

PROBLEM, FHIR_JSON = "application/problem+json", "application/fhir+json"

TITLES = {
    400: "Not well-formed",
    401: "Unauthorised",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    409: "Duplicate",
    413: "Too large",
    415: "Media type not supported",
    422: "Not understood",
    500: "Broken",
    503: "Not accepted",
}
SAFEGUARDING = frozenset({"safeguarding-elsewhere", "harm-incomplete"})
"""Faults whose answer carries the front door's telephone numbers."""


@dataclass(frozen=True)
class Problem:
    """Why something was not taken. The status is HTTP's, whatever way it came."""

    status: int
    detail: str
    code: str
    faults: Sequence[Fault] = ()
    telephone: Telephone | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    place: Mapping[str, int | None] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return it as problem details (RFC 9457)."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": TITLES[self.status],
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.place,
        }
        if self.faults:
            body["errors"] = [
                {"pointer": f.pointer, "detail": f.detail, "code": f.code} for f in self.faults
            ]
        if self.telephone:
            body["telephone"] = self.telephone.model_dump(by_alias=True)
        return body

    def outcome(self, version: str = "STU3") -> dict[str, Any]:
        """Return it as an OperationOutcome; `version` is that of the message, `STU3` or `R4`."""
        return operation_outcome(
            self.status,
            self.code,
            self.detail,
            self.faults,
            lead=self.telephone is not None,
            version=version,
        )


def broken(telephone: Telephone) -> Problem:
    """Say that the gateway itself failed."""
    detail = (
        "Something broke here; it is not known whether your message was accepted. Send it again."
    )
    return Problem(500, f"{not_delivered(telephone)} {detail}", "broken", telephone=telephone)


def speaks_of_harm(body: bytes) -> bool:
    """Tell whether a message seems to be about significant harm, understood or not.

    Looks for the words as every format writes them. Too often is harmless: an answer then carries
    two telephone numbers that nobody needed.
    """
    text = body.replace(b"\0", b"")  # XML may come in UTF-16
    words = (b"safeguarding", b"significant-harm", b'"harm"', b"'harm'")
    return any(word in text for word in words)


def refusal_of(refused: Refused, body: bytes, telephone: Telephone) -> Problem:
    """Say why a message could not be understood, with every fault.

    No fault hides harm: where the message seems to be about it, the telephone numbers come first.
    """
    harm = speaks_of_harm(body)
    place: dict[str, int | None] = {}
    if isinstance(refused, NotUnderstood):
        faults = refused.faults
        harm = harm or any(fault.code in SAFEGUARDING for fault in faults)
        count = "One thing is" if len(faults) == 1 else f"{len(faults)} things are"
        detail = f"{count} wrong with this message; nothing was accepted."
        codes = {fault.code for fault in faults}
        code, status = codes.pop() if len(codes) == 1 else "not-understood", 422
    else:
        assert isinstance(refused, NotWellFormed)
        faults, code, status = (), "not-well-formed", 400
        if refused.line:
            place = {"line": refused.line}
            if refused.column is not None:
                place["column"] = refused.column
        detail = refused.detail + (f" ({refused.where.removeprefix(', ')})" if refused.line else "")
    if harm:
        detail = f"{not_delivered(telephone)} {detail}"
    return Problem(status, detail, code, faults, telephone=telephone if harm else None, place=place)


def not_taken(
    status: int,
    detail: str,
    code: str,
    body: bytes,
    telephone: Telephone,
    headers: Mapping[str, str] | None = None,
    faults: Sequence[Fault] = (),
) -> Problem:
    """Say that nothing was taken; of a safeguarding referral with the numbers to telephone."""
    if not speaks_of_harm(body):
        return Problem(status, detail, code, faults, headers=headers or {})
    detail = f"{not_delivered(telephone)} {detail}"
    return Problem(status, detail, code, faults, telephone, headers or {})
