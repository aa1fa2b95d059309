"""How faults are told: problem+json (RFC 9457) to JSON callers, OperationOutcome to FHIR callers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import Request
from fastapi.responses import JSONResponse, Response

from adapters.errors import Fault, NotUnderstood, NotWellFormed, Refused
from adapters.outbound.fhir_xml import CONTENT_TYPE as FHIR_XML
from adapters.outbound.fhir_xml import to_xml
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
    409: "Duplicate",
    413: "Too large",
    415: "Media type not supported",
    422: "Not understood",
    500: "Broken",
    503: "Not accepted",
}
SAFEGUARDING = frozenset({"safeguarding-elsewhere", "harm-incomplete"})
"""Faults whose answer carries the front door's telephone numbers."""


_SPOKEN = {
    PROBLEM: PROBLEM,
    "application/json": PROBLEM,
    FHIR_JSON: FHIR_JSON,
    FHIR_XML: FHIR_XML,
}
"""What a caller may ask for, and the media type of a fault in it."""


def answer_type(request: Request) -> str:
    """Return the media type in which a caller wants a fault: Accept first, then Content-Type.

    Of what Accept names and is spoken here, the one with the highest `q` (RFC 9110, 12.5.1), of
    equals the first; `*/*` leaves it to the Content-Type.
    """
    asked = [_asked(part) for part in request.headers.get("accept", "").split(",")]
    spoken = [(q, name) for name, q in asked if name in _SPOKEN and q > 0]
    if spoken:
        return _SPOKEN[max(spoken, key=lambda one: one[0])[1]]
    sent, _ = _asked(request.headers.get("content-type", ""))
    return FHIR_XML if sent == FHIR_XML else FHIR_JSON if "fhir" in sent else PROBLEM


def _asked(part: str) -> tuple[str, float]:
    """Return a media type and its `q`, 0 to 1; one that is no number counts as 1."""
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        if re.fullmatch(r"q=(0(\.\d*)?|1(\.0*)?)", parameter, re.ASCII):
            return name, float(parameter[2:])
    return name, 1.0


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
    media_type = answer_type(request)
    if media_type != PROBLEM:
        outcome = operation_outcome(status, code, detail, faults, lead=telephone is not None)
        written = to_xml(outcome) if media_type == FHIR_XML else orjson.dumps(outcome)
        return Response(written, status, dict(headers or {}), media_type)
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
    return JSONResponse(body, status_code=status, headers=dict(headers or {}), media_type=PROBLEM)


def speaks_of_harm(body: bytes) -> bool:
    """Tell whether a message seems to be about significant harm, understood or not.

    Looks for the words as every format writes them. Too often is harmless: an answer then carries
    two telephone numbers that nobody needed.
    """
    text = body.replace(b"\0", b"")  # XML may come in UTF-16
    words = (b"safeguarding", b"significant-harm", b'"harm"', b"'harm'")
    return any(word in text for word in words)


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
