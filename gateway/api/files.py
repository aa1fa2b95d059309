"""`/files`: send a file of many records, and follow what becomes of each."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from adapters.errors import Fault, NotUnderstood, Refused
from adapters.inbound.files.tabular import XLSX
from adapters.inbound.files.templates import template_csv, template_xlsx, templates
from gateway.api.messages import (
    RETRY_AFTER,
    Caller_,
    Rejected,
    Service_,
    bounded,
    json_of,
    length_of,
    note_denied,
    nothing_taken,
    one_of,
)
from gateway.api.openapi import FILE_BODY, RESPONSES
from gateway.api.problems import problem, respond
from gateway.caller import Caller, NotAllowed
from gateway.files.checking import LARGEST_CHECKED, MOST_CHECKED, checked
from gateway.files.multipart import MULTIPART, NotMultipart, file_and_statement
from gateway.files.reading import read_file
from gateway.files.statement import Statement, statement_of
from gateway.journal import JournalError
from gateway.problems import refusal_of
from gateway.service import Service
from schemas.file_receipt import FileReceipt

router = APIRouter(tags=["files"])
log = structlog.get_logger(__name__)

MEDIA_TYPES = tuple(FILE_BODY["requestBody"]["content"])
TOO_LARGE_TO_CHECK = (
    f"A check over HTTP takes at most {MOST_CHECKED} records and {LARGEST_CHECKED} bytes, so that it is "
    "answered at once. Check the file where it is with `gateway check-file`, or in parts; or send it "
    "to POST /files, whose answer says the same, record by record."
)
PATIENCE = 10.0
"""Seconds for which an answer waits until all records have settled."""
LOOK = 0.1
"""Seconds between two looks."""


async def file_of(request: Request, service: Service_, caller: Caller_) -> bytes:
    """Read the body, bounded: 413 as soon as it is known to be too large."""
    limit = service.settings.max_file_bytes
    detail = f"The file is larger than {limit} bytes; send it in parts."
    return await _bounded(request, service, caller, limit, detail)


async def file_to_check(request: Request, service: Service_, caller: Caller_) -> bytes:
    """Read the body of a check, bounded so that the answer comes soon."""
    return await _bounded(request, service, caller, LARGEST_CHECKED, TOO_LARGE_TO_CHECK)


async def _bounded(
    request: Request, service: Service, caller: Caller, limit: int, detail: str
) -> bytes:
    body = await bounded(request, limit)
    if body is None:
        size = max(length_of(request), limit + 1)
        await note_denied(service, caller.organisation, 413, "file too large", size)
        close = {"Connection": "close"}
        raise Rejected(problem(request, 413, detail, code="too-large", headers=close))
    return body


ToldOn = Annotated[
    str | None, Query(alias="parentsToldOn", description="When the parents were told: 2026-09-15")
]
ToldBy = Annotated[
    str | None, Query(alias="parentsToldBy", description="Who told them: name and role")
]


@router.post(
    "/files",
    status_code=202,
    response_model=FileReceipt,
    responses=RESPONSES,
    openapi_extra=FILE_BODY,
    summary="Send a file of many records",
)
async def send(
    request: Request,
    service: Service_,
    caller: Caller_,
    body: Annotated[bytes, Depends(file_of)],
    told_on: ToldOn = None,
    told_by: ToldBy = None,
) -> Response:
    """Take a file. Answered once all its records are on disk: 200 where it came today already.

    The answer waits some seconds for the records to settle; what has not by then is done without
    the sender, and `GET /files/{id}` shows how far it is.
    """
    try:
        content, media_type, statement = await asyncio.to_thread(
            _taken_apart, request, body, told_on, told_by
        )
        received = datetime.now(UTC)
        upload, known = await asyncio.to_thread(
            service.files.receive, content, media_type, statement, caller, received
        )
    except NotMultipart as wrong:
        await note_denied(service, caller.organisation, 400, "no multipart", len(body), file=body)
        return _nothing_taken(request, service, 400, str(wrong), "not-well-formed", body)
    except Refused as refused:
        service.metrics.refused(refused)
        why, size = "file not understood", len(body)
        await note_denied(service, caller.organisation, 422, why, size, file=body)
        told = refusal_of(refused, body.lower(), service.intake.receipts.telephone)
        return respond(request, told)
    except NotAllowed as refused:
        await note_denied(service, caller.organisation, 403, "not allowed", len(body))
        return _nothing_taken(request, service, 403, str(refused), "forbidden", body)
    except JournalError as away:
        detail = f"{away} Nothing was accepted; send it again."
        return _nothing_taken(request, service, 503, detail, "not-accepted", body, RETRY_AFTER)
    log.info("file", id=upload.id, format=upload.format, source=upload.organisation, known=known)
    try:
        await _settled(service, upload.id)
        receipt = await asyncio.to_thread(service.files.follow, upload.id, caller)
    except JournalError as away:
        return _away(request, f"{away} The file was accepted; see /files/{upload.id} later.")
    assert receipt is not None
    location = {"Location": f"/files/{upload.id}"}
    return json_of(receipt, 200 if known else 202, location)


@router.post(
    "/files/check",
    response_model=FileReceipt,
    responses=RESPONSES,
    openapi_extra=FILE_BODY,
    summary="Check a file: nothing is stored",
)
async def check(
    request: Request,
    service: Service_,
    caller: Caller_,
    body: Annotated[bytes, Depends(file_to_check)],
    told_on: ToldOn = None,
    told_by: ToldBy = None,
) -> Response:
    """Say of each record what `POST /messages/check` says of a message. Up to 500 records, 4 MiB."""
    try:
        receipt = await asyncio.to_thread(
            _checked, request, service, caller, body, told_on, told_by
        )
    except NotMultipart as wrong:
        return _nothing_taken(request, service, 400, str(wrong), "not-well-formed", body)
    except Refused as refused:
        faults = refused.faults if isinstance(refused, NotUnderstood) else ()
        if any(fault.code == "too-large" for fault in faults):
            return _nothing_taken(request, service, 413, TOO_LARGE_TO_CHECK, "too-large", body)
        told = refusal_of(refused, body.lower(), service.intake.receipts.telephone)
        return respond(request, told)
    except NotAllowed as refused:
        return _nothing_taken(request, service, 403, str(refused), "forbidden", body)
    return json_of(receipt)


def _checked(
    request: Request,
    service: Service,
    caller: Caller,
    body: bytes,
    told_on: str | None,
    told_by: str | None,
) -> FileReceipt:
    content, media_type, statement = _taken_apart(request, body, told_on, told_by)
    now, rules = datetime.now(UTC), service.intake.rules
    read = read_file(
        content,
        media_type,
        statement,
        sent=now,
        tables=rules.tables,
        directory=rules.directory,
        sender=caller.organisation,
        speaks_for=caller.rights.speaks_for,
        most=MOST_CHECKED,
    )
    return checked(read, service.intake.receipts, caller, now)


@router.get(
    "/files/templates/{name}",
    response_class=Response,
    summary="A table to fill in: CSV, or a workbook that explains its columns",
)
async def template(
    request: Request,
    name: Annotated[str, Path(description="A template's name, with .csv or .xlsx")],
) -> Response:
    """Return a template with its header; anybody may have it."""
    stem, _, ending = name.rpartition(".")
    written = {"csv": (template_csv, "text/csv; charset=utf-8"), "xlsx": (template_xlsx, XLSX)}
    if stem not in templates() or ending not in written:
        names = ", ".join(f"{known}.{kind}" for known in templates() for kind in written)
        return problem(
            request, 404, f"There is no such template; there are {names}.", code="not-found"
        )
    write, media_type = written[ending]
    content = await asyncio.to_thread(write, stem)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)


@router.get(
    "/files/{id}",
    response_model=FileReceipt,
    responses=RESPONSES,
    summary="What became of a file's records, as far as it has come",
)
async def follow(
    request: Request,
    service: Service_,
    caller: Caller_,
    id: Annotated[UUID, Path(description="The gateway's id, from the answer to the file")],
) -> Response:
    """Return each record's place, status and receipt. Only its sender sees it."""
    try:
        receipt = await asyncio.to_thread(service.files.follow, str(id), caller)
    except JournalError as away:
        return _away(request, str(away))
    if receipt is None:
        return problem(request, 404, "You have sent no file with this id.", code="not-found")
    return json_of(receipt)


def _taken_apart(
    request: Request, body: bytes, told_on: str | None, told_by: str | None
) -> tuple[bytes, str, Statement]:
    """Return the file, its media type, and what was stated. Raises NotMultipart, NotUnderstood."""
    media_type = one_of(MEDIA_TYPES, request)
    told = {name: value for name, value in (("on", told_on), ("by", told_by)) if value is not None}
    asked: dict[str, Any] = {"notice": {"parentsTold": told}} if told else {}
    if media_type != MULTIPART:
        return body, media_type, statement_of(asked)
    content, media_type, stated = file_and_statement(body, request.headers["content-type"])
    if stated and asked:
        detail = "is given twice: as a part, and in the address; give it once"
        raise NotUnderstood((Fault("statement", detail, "value"),))
    return content, media_type, stated or statement_of(asked)


async def _settled(service: Service, upload_id: str) -> None:
    """Wait until a file's records have settled, but no longer than a sender has patience."""
    end = time.monotonic() + PATIENCE
    while await asyncio.to_thread(service.files.waiting, upload_id):
        if time.monotonic() > end:
            return
        await asyncio.sleep(LOOK)


def _nothing_taken(
    request: Request,
    service: Service,
    status: int,
    detail: str,
    code: str,
    body: bytes,
    headers: dict[str, str] | None = None,
) -> Response:
    """Say that nothing was taken; with the numbers to telephone where a file speaks of harm."""
    written = body.lower()  # a table's header, which people write
    return respond(request, nothing_taken(service, status, detail, code, written, headers))


def _away(request: Request, detail: str) -> Response:
    return problem(request, 503, detail, code="not-accepted", headers=RETRY_AFTER)
