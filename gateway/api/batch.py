"""`/messages/batch`: messages in and their answers out, a line each (NDJSON), for as long as you like.

Answers come in the order of the lines, while the lines still come. No more is read than is answered:
whoever does not read answers is not read from either.
"""

from __future__ import annotations

import asyncio
from codecs import BOM_UTF8
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from gateway.api.messages import Caller_, Service_, denied_as_too_large, one_of, status_of, take
from gateway.api.openapi import BATCH_BODY, BATCH_RESPONSES
from gateway.caller import Caller
from gateway.intake import Answer
from gateway.problems import Problem, broken
from gateway.service import Service

router = APIRouter(tags=["messages"])
log = structlog.get_logger(__name__)
NDJSON = "application/x-ndjson"
IN_FLIGHT = 32
"""How many lines are worked on at a time: they share the journal's commits."""


def batch_type_of(request: Request) -> str:
    """Return the media type, or answer 415."""
    return one_of((NDJSON,), request)


@router.post(
    "/messages/batch",
    responses=BATCH_RESPONSES,
    openapi_extra=BATCH_BODY,
    summary="Send many messages, a line each",
)
async def send_many(
    service: Service_, caller: Caller_, _: Annotated[str, Depends(batch_type_of)]
) -> Response:
    """Take a message a line. Each line has an answer of its own, which fails no other."""
    return Batch(service, caller)


class Batch(Response):
    """The answer to a batch, which reads the lines as it writes."""

    media_type = NDJSON

    def __init__(self, service: Service, caller: Caller) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._service, self._caller = service, caller
        self._answers: asyncio.Queue[asyncio.Task[bytes] | None] = asyncio.Queue(IN_FLIGHT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the batch. What was begun is finished, even where nobody is left to read it."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        begun = False
        reading = asyncio.create_task(self._read(Request(scope, receive).stream()))
        try:
            while task := await self._answers.get():
                answer = await task
                # Not before the first line: a client may wait to be asked for its body.
                if not begun:
                    await send(start)
                    begun = True
                await send({"type": "http.response.body", "body": answer, "more_body": True})
        finally:
            reading.cancel()
        if not begun:
            await send(start)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _read(self, chunks: AsyncIterator[bytes]) -> None:
        """Begin each line in its turn, so that two lines of one record keep their order."""
        number = 0
        try:
            async for line in lines(chunks, self._service.settings.max_bytes):
                number += 1
                if line is None or line.strip():
                    await self._answers.put(asyncio.create_task(self._answer(number, line)))
        except ClientDisconnect:
            log.info("a batch ended early: its sender went away", lines=number)
        await self._answers.put(None)

    async def _answer(self, number: int, line: bytes | None) -> bytes:
        """Take one line; return the line that answers it."""
        outcome: Answer | Problem
        try:
            if line is None:
                size = self._service.settings.max_bytes + 1
                outcome = await denied_as_too_large(self._service, self._caller, size)
            else:
                outcome = await take(self._service, self._caller, media_type_of(line), line)
        except Exception:
            log.exception("a line of a batch broke")
            outcome = broken(self._service.intake.receipts.telephone)
        said: dict[str, Any] = {"line": number}
        if isinstance(outcome, Problem):
            said |= {"status": outcome.status, "problem": outcome.document()}
        else:
            receipt = outcome.receipt
            said |= {
                "status": status_of(outcome),
                "location": f"/messages/{receipt.id}",
                "receipt": orjson.Fragment(
                    receipt.model_dump_json(by_alias=True, exclude_defaults=True)
                ),
            }
        return orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE)


async def lines(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes | None]:
    """Yield each line without its newline, the last even without one; None of one over the limit.

    limit: bytes. No more than a line and a chunk are ever held.
    """
    held, too_long = bytearray(), False
    async for chunk in chunks:
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            held += chunk[start:end]
            yield None if too_long or len(held) > limit else bytes(held)
            held.clear()
            start, too_long = end + 1, False
        held += chunk[start:]
        if len(held) > limit:
            held.clear()
            too_long = True
    if held or too_long:
        yield None if too_long else bytes(held)


def media_type_of(line: bytes) -> str:
    """Tell FHIR from the canonical JSON by its shape: a resource says what it is."""
    if b'"resourceType"' in line:  # which a text may hold too
        try:
            said = orjson.loads(line.removeprefix(BOM_UTF8))
        except orjson.JSONDecodeError:
            return "application/json"
        if isinstance(said, dict) and "resourceType" in said:
            return "application/fhir+json"
    return "application/json"
