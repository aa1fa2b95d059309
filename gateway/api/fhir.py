"""`/fhir`: messages in by $process-message, answered in FHIR, and what is taken: metadata."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from adapters.errors import Fault
from adapters.inbound import PARSERS
from adapters.inbound.fhir import PROFILES, envelope
from adapters.inbound.fhir.envelope import BARS
from adapters.outbound.capability_statement import capability_statement
from adapters.outbound.fhir_xml import CONTENT_TYPE as FHIR_XML
from adapters.outbound.fhir_xml import to_xml
from adapters.outbound.message_response import message_response
from gateway.api.messages import Body_, Caller_, Service_, nothing_taken, one_of, take
from gateway.api.openapi import METADATA_RESPONSES, PROCESS_BODY, PROCESS_RESPONSES
from gateway.api.problems import answer_type, fhir_version, respond
from gateway.api.tracing import UUID
from gateway.problems import FHIR_JSON, Problem
from gateway.service import Service

router = APIRouter(prefix="/fhir", tags=["fhir"])
FORMATS = tuple(media_type for media_type in PARSERS if "fhir" in media_type)
_TARGET = "NHSD-Target-Identifier"


def fhir_type_of(request: Request) -> str:
    """Return the media type, or answer 415 naming those that are taken."""
    return one_of(FORMATS, request)


@router.post(
    "/$process-message",
    responses=PROCESS_RESPONSES,
    openapi_extra=PROCESS_BODY,
    summary="Send one FHIR message",
)
async def process_message(
    request: Request,
    service: Service_,
    caller: Caller_,
    media_type: Annotated[str, Depends(fhir_type_of)],
    body: Body_,
) -> Response:
    """Take one message, answered by a Bundle of type message once it is on disk."""
    sent = envelope(body, media_type)
    request.state.fhir_version = sent.version
    if sent.standard == BARS and (faults := tuple(_header_faults(request))):
        detail = "What the Booking and Referral Standard asks for in HTTP headers is wrong."
        service.metrics.answered("headers")
        await service.intake.keep(caller, datetime.now(UTC), 400, "headers", body)
        return respond(request, nothing_taken(service, 400, detail, "headers", body, faults=faults))
    outcome = await take(service, caller, media_type, body)
    if isinstance(outcome, Problem):
        return respond(request, outcome)
    answer = message_response(
        sent,
        outcome.receipt,
        repeated=outcome.repeated,
        at=datetime.now(UTC),
        endpoint=_address(service),
    )
    return _fhir(request, answer, {"Location": f"/messages/{outcome.receipt.id}"})


@router.get("/metadata", responses=METADATA_RESPONSES, summary="What is taken in FHIR")
async def metadata(request: Request, service: Service_) -> Response:
    """Return the CapabilityStatement: of R4, or of the version that `Accept` names."""
    return _fhir(
        request,
        capability_statement(
            fhir_version(request),
            PROFILES,
            FORMATS,
            url=_address(service),
            software=request.app.version,
            since=service.started,
        ),
    )


def _address(service: Service) -> str:
    return f"{service.settings.public_url.rstrip('/')}/fhir"


def _fhir(
    request: Request, document: dict[str, Any], headers: dict[str, str] | None = None
) -> Response:
    """Answer in the caller's format."""
    media_type = answer_type(request)
    if media_type == FHIR_XML:
        return Response(
            to_xml(document, fhir_version(request)), headers=headers, media_type=media_type
        )
    return JSONResponse(document, headers=headers, media_type=FHIR_JSON)


def _header_faults(request: Request) -> Iterator[Fault]:
    """Yield what is wrong with the headers that a call of the Booking and Referral Standard bears."""
    for name, is_right, words in (
        (_TARGET, _is_identifier, "an Identifier with system and value, as JSON in Base64"),
        ("X-Request-Id", UUID.fullmatch, "a UUID, new for each call"),
        ("X-Correlation-Id", UUID.fullmatch, "a UUID"),
    ):
        value = request.headers.get(name)
        if value is None:
            yield Fault(f"http.{name}", f"is missing: {words}", "required")
        elif not is_right(value):
            yield Fault(f"http.{name}", f"is not {words}", "value")


def _is_identifier(value: str) -> bool:
    try:
        said = orjson.loads(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return False
    return isinstance(said, dict) and all(
        isinstance(said.get(name), str) and said[name] for name in ("system", "value")
    )
