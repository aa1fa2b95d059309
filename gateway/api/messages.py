"""`/messages`: send one, check one, follow one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from fastapi.security import HTTPBearer

from adapters.errors import Fault, Refused
from adapters.inbound import PARSERS
from gateway.api.openapi import MESSAGE_BODY, RESPONSES
from gateway.api.problems import problem, respond
from gateway.caller import Caller, NotAllowed, Unknown
from gateway.intake import Answer, Intake, Repeated
from gateway.journal import JournalError
from gateway.problems import Problem, not_taken, refusal_of
from gateway.service import Service
from schemas.file_receipt import FileReceipt
from schemas.receipt import Receipt

router = APIRouter(tags=["messages"])
log = structlog.get_logger(__name__)
RETRY_AFTER = {"Retry-After": "5"}
LARGEST = 2**63 - 1
"""The largest size that is noted, in bytes."""
bearer = HTTPBearer(auto_error=False, description="The key from `gateway org add`.")


class Rejected(Exception):
    """An answer that ends the request here."""

    def __init__(self, response: Response) -> None:
        self.response = response


def service_of(request: Request) -> Service:
    """Return the running service."""
    service: Service = request.app.state.service
    return service


async def caller_of(
    request: Request,
    service: Annotated[Service, Depends(service_of)],
    _: Annotated[object, Depends(bearer)],
) -> Caller:
    """Know the caller, or answer 401 (or 503, where the journal cannot be read)."""
    header = request.headers.get("authorization")
    try:
        known = service.callers.remembered(header)
        if known is None:
            known = await asyncio.to_thread(service.callers.identify, header)
        return known
    except Unknown as unknown:
        await note_denied(service, None, 401, "no or unknown key", length_of(request))
        raise Rejected(
            problem(
                request,
                401,
                str(unknown),
                code="unauthorised",
                headers={"WWW-Authenticate": "Bearer"},
            )
        ) from None
    except JournalError as away:
        body = await bounded(request, service.settings.max_bytes)
        raise Rejected(respond(request, _not_accepted(service, str(away), body or b""))) from None


async def body_of(
    request: Request,
    service: Annotated[Service, Depends(service_of)],
    caller: Annotated[Caller, Depends(caller_of)],
) -> bytes:
    """Read the body, bounded: 413 as soon as it is known to be too large."""
    limit = service.settings.max_bytes
    body = await bounded(request, limit)
    if body is None:
        size = max(length_of(request), limit + 1)
        too_large = await denied_as_too_large(service, caller, size)
        raise Rejected(respond(request, replace(too_large, headers={"Connection": "close"})))
    return body


async def denied_as_too_large(service: Service, caller: Caller, size: int) -> Problem:
    """Note that a message was too large, and say so. It was not read, so nothing of it is known."""
    await note_denied(service, caller.organisation, 413, "too large", size)
    limit = service.settings.max_bytes
    detail = f"The message is larger than {limit} bytes; send one message, without attachments."
    return Problem(413, detail, "too-large")


async def bounded(request: Request, limit: int) -> bytes | None:
    """Read the body, or return None as soon as it is known to be too large."""
    if length_of(request) > limit:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def media_type_of(request: Request) -> str:
    """Return the media type, or answer 415 naming those that are taken."""
    return one_of(PARSERS, request)


def one_of(taken: Iterable[str], request: Request) -> str:
    """Return the request's media type, or answer 415 naming those that are taken."""
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type not in taken:
        detail = f"Send Content-Type {' or '.join(taken)}."
        raise Rejected(problem(request, 415, detail, code="not-supported"))
    return media_type


Service_ = Annotated[Service, Depends(service_of)]
Caller_ = Annotated[Caller, Depends(caller_of)]
Body_ = Annotated[bytes, Depends(body_of)]
MediaType_ = Annotated[str, Depends(media_type_of)]


@router.post(
    "/messages",
    status_code=202,
    response_model=Receipt,
    responses=RESPONSES,
    openapi_extra=MESSAGE_BODY,
    summary="Send one message",
)
async def send(
    request: Request, service: Service_, caller: Caller_, media_type: MediaType_, body: Body_
) -> Response:
    """Take one message. Answered 202 once it is on disk, 200 where it was sent before."""
    outcome = await take(service, caller, media_type, body)
    if isinstance(outcome, Problem):
        return respond(request, outcome)
    return json_of(
        outcome.receipt, status_of(outcome), {"Location": f"/messages/{outcome.receipt.id}"}
    )


def status_of(answer: Answer) -> int:
    """Return 202, or 200 of a message that was sent before."""
    return 200 if answer.repeated else 202


async def take(service: Service, caller: Caller, media_type: str, body: bytes) -> Answer | Problem:
    """Take one message: the way in of every call that carries messages.

    What becomes of it is counted, logged by ids and codes, and on disk where an Answer is returned.
    """
    intake: Intake = service.intake
    try:
        answer = await intake.take(body, media_type, caller)
    except Refused as refused:
        service.metrics.refused(refused)
        return refusal_of(refused, body, intake.receipts.telephone)
    except NotAllowed as refused:
        await note_denied(service, caller.organisation, 403, "not allowed", len(body))
        return nothing_taken(service, 403, str(refused), "forbidden", body)
    except Repeated as repeated:
        service.metrics.answered("duplicate")
        return nothing_taken(service, 409, str(repeated), "duplicate", body)
    except JournalError as away:
        return _not_accepted(service, str(away), body)
    receipt = answer.receipt
    service.metrics.took(receipt, repeated=answer.repeated)
    log.info(
        "message",
        id=receipt.id,
        kind=receipt.kind,
        organisation=caller.organisation,
        status=receipt.status,
        repeated=answer.repeated,
        alerts=len(receipt.alerts),
        held=len(receipt.held),
    )
    return answer


@router.post(
    "/messages/check",
    response_model=Receipt,
    responses=RESPONSES,
    openapi_extra=MESSAGE_BODY,
    summary="Check one message: nothing is stored",
)
async def check(
    request: Request, service: Service_, caller: Caller_, media_type: MediaType_, body: Body_
) -> Response:
    """Say what would be understood, who would be told, what would be held, and every fault."""
    try:
        parsed = service.intake.understand(body, media_type, datetime.now(UTC))
        service.rules.allow(caller, parsed.message)
    except Refused as refused:
        return respond(request, refusal_of(refused, body, service.intake.receipts.telephone))
    except NotAllowed as refused:
        return respond(request, nothing_taken(service, 403, str(refused), "forbidden", body))
    return json_of(service.intake.receipts.check(parsed))


@router.get(
    "/messages/{id}",
    response_model=Receipt,
    responses=RESPONSES,
    summary="A message's receipt, as it stands now",
)
async def follow(
    request: Request,
    service: Service_,
    caller: Caller_,
    id: Annotated[UUID, Path(description="The gateway's id, from the receipt")],
) -> Response:
    """Return the receipt with the state of each alert. Only its sender sees it."""
    try:
        receipt = await asyncio.to_thread(service.follow, str(id), caller)
    except JournalError as away:
        return respond(request, _not_accepted(service, str(away)))
    if receipt is None:
        return problem(request, 404, "You have sent no message with this id.", code="not-found")
    return json_of(receipt)


def json_of(
    receipt: Receipt | FileReceipt, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Answer with a receipt."""
    return Response(
        receipt.model_dump_json(by_alias=True, exclude_defaults=True),
        status_code=status,
        headers=headers,
        media_type="application/json",
    )


def _not_accepted(service: Service, why: str, body: bytes = b"") -> Problem:
    service.metrics.answered("not-accepted")
    detail = f"{why} Nothing was accepted; send it again."
    return nothing_taken(service, 503, detail, "not-accepted", body, RETRY_AFTER)


def nothing_taken(
    service: Service,
    status: int,
    detail: str,
    code: str,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    faults: Sequence[Fault] = (),
) -> Problem:
    """Say that nothing was taken; of a safeguarding referral with the numbers to telephone."""
    return not_taken(status, detail, code, body, service.intake.receipts.telephone, headers, faults)


async def note_denied(
    service: Service,
    organisation: str | None,
    status: int,
    why: str,
    size: int,
    file: bytes | None = None,
) -> None:
    """Note who was denied, when, why and how much they sent; never what, of a file its hash.

    Of unknown callers a few a second are noted and all are counted: nobody can fill the disk.
    """
    service.metrics.answered(why)
    if organisation is None and not service.noting.allows():
        return
    noted = service.journal.transact(
        lambda tx: tx.note_denied(organisation, datetime.now(UTC), status, why, size, file)
    )
    try:
        await asyncio.wrap_future(noted)
    except JournalError:
        log.warning("denied, and the journal is away", status=status, why=why)


def length_of(request: Request) -> int:
    """Return the length that the request states, at most `LARGEST`; 0 where it states none."""
    value = request.headers.get("content-length", "0")
    return min(int(value), LARGEST) if value.isascii() and value.isdigit() else 0
