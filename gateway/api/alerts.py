"""`/alerts/{id}`: what stands of an alert, in the format that its reader asks for."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from adapters.outbound import FORMATS
from gateway.api.accept import media_range, wanted
from gateway.api.messages import RETRY_AFTER, Caller_, Rejected, Service_
from gateway.api.openapi import RESPONSES
from gateway.api.problems import problem
from gateway.journal import JournalError

router = APIRouter(tags=["alerts"])
log = structlog.get_logger(__name__)

DEFAULT = "cloudevents"
BY_NAME_ONLY = ("mns-signal", "referral-form", "eclipse")
"""Formats whose media type another format has first: `?format=` asks for them."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept, Authorization",
    "X-Content-Type-Options": "nosniff",
}

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "What stands: the last version of the thread that this alert is of",
        "content": {
            media: {"schema": {"$ref": "/schemas/alert"} if media == FORMATS[DEFAULT][0] else {}}
            for media in dict.fromkeys(one.media_type for one in FORMATS.values())
        },
        "headers": {
            "Content-Location": {
                "description": "The address of the version that is shown",
                "schema": {"type": "string"},
            }
        },
    },
    404: {**RESPONSES[404], "description": "No alert that you may read"},
    406: {
        **RESPONSES[404],
        "description": "A format that there is not: names those that there are",
    },
    **{status: RESPONSES[status] for status in (401, 503)},
}


@router.get("/alerts/{id}", responses=_ANSWERS, summary="An alert, as it stands now")
async def alert(
    request: Request,
    service: Service_,
    caller: Caller_,
    id: str,
    format: Annotated[str | None, Query(description=", ".join(FORMATS))] = None,
) -> Response:
    """Show what stands, to the organisation of the service that the alert names.

    Whichever version is asked for, the last one is answered: what was corrected or withdrawn is not
    shown again. Each look is noted.
    """
    name = _format(request, format)
    try:
        found = await asyncio.wrap_future(service.show_alert(str(UUID(id)), caller))
    except ValueError:  # not an id of ours: nobody can tell it from an unknown one
        found = None
    except JournalError as away:
        raise Rejected(
            problem(request, 503, str(away), code="unavailable", headers=RETRY_AFTER)
        ) from None
    if found is None:
        return problem(request, 404, "There is no alert for you under this id.", code="not-found")
    log.info("alert read", id=found.alert_id, organisation=caller.organisation, format=name)
    rendered = await asyncio.to_thread(FORMATS[name].render, found.body)
    headers = HEADERS | {"Content-Location": f"/alerts/{found.alert_id}"}
    return Response(rendered, headers=headers, media_type=FORMATS[name].media_type)


def _format(request: Request, asked: str | None) -> str:
    """Choose a format by name, else by the Accept header, or answer 406 naming those there are."""
    accept = request.headers.get("accept", "")
    if asked is None:
        name = negotiated(accept)
    else:
        plain = asked.replace(" ", "+")  # as a `+` reads in a query, where it was not escaped
        name = plain if plain in FORMATS else None
    if name is None:
        detail = f"Ask for a format that there is: ?format= with {', '.join(FORMATS)}, or Accept."
        raise Rejected(problem(request, 406, detail, code="not-supported"))
    return name


def negotiated(accept: str) -> str | None:
    """Return the format that an Accept header (RFC 9110, 12.5.1) prefers; None: there is none.

    Plain JSON is the event itself. Of several formats of one media type the first counts, unless
    the header says `fhirVersion`.
    """
    for one in wanted(accept) if accept.strip(" ,") else [media_range("*/*")]:
        if one.name in ("*/*", "application/*", "application/json"):
            return DEFAULT
        for name, offered in FORMATS.items():
            has = media_range(offered.media_type)
            type_ = f"{has.name.partition('/')[0]}/*"
            if name in BY_NAME_ONLY or one.name not in (has.name, type_):
                continue
            version = one.parameters.get("fhirversion")
            if version in (None, has.parameters.get("fhirversion")):
                return name
    return None
