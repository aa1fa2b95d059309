"""The simplest endpoints that could be: one reads the body, one also parses FHIR. Nothing is kept."""

from __future__ import annotations

import orjson
from fastapi import FastAPI, Request, Response
from fhir.resources.R4B.bundle import Bundle

app = FastAPI()


@app.post("/read")
async def read(request: Request) -> Response:
    """Read the body and say 202."""
    await request.body()
    return Response(b"{}", status_code=202, media_type="application/json")


@app.post("/parse")
async def parse(request: Request) -> Response:
    """Parse the body with `fhir.resources` and say 202."""
    Bundle.model_validate(orjson.loads(await request.body()))
    return Response(b"{}", status_code=202, media_type="application/json")
