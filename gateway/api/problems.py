"""How faults are told: problem+json (RFC 9457) to JSON callers, OperationOutcome to FHIR callers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    406: "Not acceptable",
    409: "Duplicate",
    413: "Too large",
    415: "Media type not supported",
    422: "Not understood",
    500: "Broken",
    503: "Not accepted",
}
FHIR_PATH = "/fhir/"
_STU3 = re.compile(r"fhirVersion\s*=\s*\"?3\.0")
"""A media type's parameter `fhirVersion=3.0`."""
SAFEGUARDING = frozenset({"safeguarding-elsewhere", "harm-incomplete"})
"""Faults whose answer carries the front door's telephone numbers."""


@dataclass(frozen=True)
class Problem:
    """Why a call was not answered as it wished."""

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

    def answer(self, request: Request) -> Response:
        """Answer with it, in the caller's format."""
        headers, media_type = dict(self.headers), answer_type(request)
        if media_type == PROBLEM:
            return JSONResponse(self.document(), self.status, headers, media_type=PROBLEM)
        outcome = operation_outcome(
            self.status,
            self.code,
            self.detail,
            self.faults,
            lead=self.telephone is not None,
            version=fhir_version(request),
        )
        written = to_xml(outcome) if media_type == FHIR_XML else orjson.dumps(outcome)
        return Response(written, self.status, headers, media_type)


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

    Of what Accept names and is spoken here, the one with the highest `q` (RFC 9110, 12.5.1), of
    equals the first; `*/*` leaves it to the Content-Type. Under /fhir it is always FHIR.
    """
    asked = [_asked(part) for part in request.headers.get("accept", "").split(",")]
    spoken = [(q, name) for name, q in asked if name in _SPOKEN and q > 0]
    fhir = request.url.path.startswith(FHIR_PATH)
    if spoken:
        answer = _SPOKEN[max(spoken, key=lambda one: one[0])[1]]
        return FHIR_JSON if fhir and answer == PROBLEM else answer
    sent, _ = _asked(request.headers.get("content-type", ""))
    return FHIR_XML if sent == FHIR_XML else FHIR_JSON if fhir or "fhir" in sent else PROBLEM


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
    return Problem(
        status, detail, code, faults, telephone, dict(headers or {}), dict(place or {})
    ).answer(request)


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


def refusal(request: Request, refused: Refused, body: bytes, telephone: Telephone) -> Response:
    """Answer a message that could not be understood, with every fault."""
    return refusal_of(refused, body, telephone).answer(request)


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
            place = {"line": refused.line, "column": refused.column}
        where = f" (line {refused.line}, column {refused.column})" if refused.line else ""
        detail = refused.detail + where
    if harm:
        detail = f"{not_delivered(telephone)} {detail}"
    return Problem(status, detail, code, faults, telephone=telephone if harm else None, place=place)
