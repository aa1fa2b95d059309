"""`/schemas/{kind}` and `/schemas/alert`: the JSON Schemas."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from gateway.api.problems import problem
from gateway.json_schemas import NAMES, json_schema

router = APIRouter(tags=["schemas"])


@router.get("/schemas/{name}", summary="The JSON Schema of a kind of message, or of the alert")
async def schema(request: Request, name: str) -> Response:
    """Return one JSON Schema."""
    found = json_schema(name)
    if found is None:
        return problem(request, 404, f"There are schemas of {', '.join(NAMES)}.", code="not-found")
    return JSONResponse(found, media_type="application/schema+json")
