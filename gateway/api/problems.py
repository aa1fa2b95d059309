"""How faults are told: problem+json (RFC 9457) to JSON callers, OperationOutcome to FHIR callers."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from adapters.errors import Refused
from gateway.problems import Problem, of_refused
from schemas.receipt import Telephone


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
    telephone: Telephone | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer with a fault, in the caller's format."""
    found = Problem(status=status, code=code, detail=detail, telephone=telephone)
    return respond(request, found, headers)


def refusal(request: Request, refused: Refused, body: bytes, telephone: Telephone) -> Response:
    """Answer a message that could not be understood, with every fault."""
    return respond(request, of_refused(refused, body, telephone))


def respond(request: Request, found: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a problem, in the caller's format."""
    fhir = speaks_fhir(request)
    return JSONResponse(
        found.document(fhir=fhir),
        status_code=found.status,
        headers=dict(headers or {}),
        media_type=found.media_type(fhir=fhir),
    )
