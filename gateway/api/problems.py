"""How faults are told: problem+json (RFC 9457) to JSON callers, OperationOutcome to FHIR callers."""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson
from fastapi import Request
from fastapi.responses import JSONResponse, Response

from adapters.outbound.fhir_xml import CONTENT_TYPE as FHIR_XML
from adapters.outbound.fhir_xml import to_xml
from gateway.api.accept import media_range, wanted
from gateway.problems import FHIR_JSON, PROBLEM, Problem

FHIR_PATH = "/fhir/"
_STU3 = re.compile(r"fhirVersion\s*=\s*\"?3\.0")
"""A media type's parameter `fhirVersion=3.0`."""


def respond(request: Request, problem: Problem) -> Response:
    """Answer with a problem, in the caller's format."""
    headers, media_type = dict(problem.headers), answer_type(request)
    if media_type == PROBLEM:
        return JSONResponse(problem.document(), problem.status, headers, media_type=PROBLEM)
    version = fhir_version(request)
    outcome = problem.outcome(version)
    written = to_xml(outcome, version) if media_type == FHIR_XML else orjson.dumps(outcome)
    return Response(written, problem.status, headers, media_type)


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    code: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer with a fault that has no more than these, in the caller's format."""
    return respond(request, Problem(status, detail, code, headers=headers or {}))


def fhir_version(request: Request) -> str:
    """Return the FHIR version in which a caller is answered: `STU3` or `R4`.

    Under /fhir that of the message, else the one that the caller asks for, else R4; elsewhere STU3.
    """
    known: str | None = getattr(request.state, "fhir_version", None)
    if known is not None:
        return known
    if not request.url.path.startswith(FHIR_PATH):
        return "STU3"
    said = request.headers.get("accept", "") + request.headers.get("content-type", "")
    return "STU3" if _STU3.search(said) else "R4"


_SPOKEN = {
    PROBLEM: PROBLEM,
    "application/json": PROBLEM,
    FHIR_JSON: FHIR_JSON,
    FHIR_XML: FHIR_XML,
}
"""What a caller may ask for, and the media type of a fault in it."""


def answer_type(request: Request) -> str:
    """Return the media type in which a caller wants a fault: Accept first, then Content-Type.

    Of what Accept names the most wanted that is spoken here; `*/*` leaves it to the Content-Type.
    Under /fhir it is always FHIR.
    """
    spoken = [one.name for one in wanted(request.headers.get("accept", "")) if one.name in _SPOKEN]
    fhir = request.url.path.startswith(FHIR_PATH)
    if spoken:
        answer = _SPOKEN[spoken[0]]
        return FHIR_JSON if fhir and answer == PROBLEM else answer
    sent = media_range(request.headers.get("content-type", "")).name
    return FHIR_XML if sent == FHIR_XML else FHIR_JSON if fhir or "fhir" in sent else PROBLEM
