"""How faults are told: problem+json (RFC 9457) to JSON callers, OperationOutcome to FHIR callers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from adapters.errors import Fault, NotUnderstood, NotWellFormed, Refused
from adapters.outbound.operation_outcome import operation_outcome
from schemas.receipt import Telephone

TITLES = {
    400: "Not well-formed",
    401: "Unauthorised",
    403: "Forbidden",
    404: "Not found",
    409: "Duplicate",
    413: "Too large",
    415: "Media type not supported",
    422: "Not understood",
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
            operation_outcome(status, code, detail, faults),
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


def refusal(request: Request, refused: Refused, telephone: Telephone) -> Response:
    """Answer a message that could not be understood, with every fault."""
    if isinstance(refused, NotWellFormed):
        place = {"line": refused.line, "column": refused.column} if refused.line else None
        where = f" (line {refused.line}, column {refused.column})" if refused.line else ""
        return problem(request, 400, refused.detail + where, code="not-well-formed", place=place)
    assert isinstance(refused, NotUnderstood)
    faults = refused.faults
    codes = {fault.code for fault in faults}
    count = "One thing is" if len(faults) == 1 else f"{len(faults)} things are"
    detail = f"{count} wrong with this message; nothing was accepted."
    urgent = next((f.detail for f in faults if f.code in SAFEGUARDING), None)
    if urgent:
        numbers = (
            f"Front door: {telephone.front_door}; nights and weekends: {telephone.night_team}."
        )
        detail = f"{urgent} {numbers}"
        faults = tuple(
            replace(f, detail=f"{f.detail} {numbers}") if f.code in SAFEGUARDING else f
            for f in faults
        )
    return problem(
        request,
        422,
        detail,
        code=codes.pop() if len(codes) == 1 else "not-understood",
        faults=faults,
        telephone=telephone if urgent else None,
    )
