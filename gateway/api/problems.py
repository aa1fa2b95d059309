"""How faults are told: problem+json (RFC 9457) to JSON callers, OperationOutcome to FHIR callers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

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


def speaks_fhir(request: Request) -> bool:
    """Tell in which format a caller wants its answer: Accept first, then Content-Type."""
    accept = request.headers.get("accept", "")
    if "fhir" in accept or "application/json" in accept or "problem+json" in accept:
        return "fhir" in accept
    return "fhir" in request.headers.get("content-type", "")


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    code: str,
    faults: Sequence[Fault] = (),
    telephone: Telephone | None = None,
    headers: Mapping[str, str] | None = None,
    place: Mapping[str, int | None] | None = None,
) -> Response:
    """Answer with a fault, in the caller's format."""
    if speaks_fhir(request):
        return JSONResponse(
            operation_outcome(status, code, detail, faults, lead=telephone is not None),
            status_code=status,
            headers=dict(headers or {}),
            media_type="application/fhir+json",
        )
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES[status],
        "status": status,
        "detail": detail,
        "code": code,
        **(place or {}),
    }
    if faults:
        body["errors"] = [
            {"pointer": f.pointer, "detail": f.detail, "code": f.code} for f in faults
        ]
    if telephone:
        body["telephone"] = telephone.model_dump(by_alias=True)
    return JSONResponse(
        body, status_code=status, headers=dict(headers or {}), media_type="application/problem+json"
    )


def speaks_of_harm(body: bytes) -> bool:
    """Tell whether a message seems to be about significant harm, understood or not.

    Looks for the words as every format writes them. Too often is harmless: an answer then carries
    two telephone numbers that nobody needed.
    """
    return any(word in body for word in (b"safeguarding", b"significant-harm", b'"harm"'))


def refusal(request: Request, refused: Refused, body: bytes, telephone: Telephone) -> Response:
    """Answer a message that could not be understood, with every fault.

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
    if harm:
        detail = f"{not_delivered(telephone)} {detail}"
    return problem(
        request,
        status,
        detail,
        code=code,
        faults=faults,
        telephone=telephone if harm else None,
        place=place,
    )
