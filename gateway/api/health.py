"""`/health/live`, `/health/ready` and `/metrics`."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response

from gateway.api.messages import service_of
from gateway.journal import JournalError
from gateway.service import Service

router = APIRouter(tags=["operation"])


@router.get("/health/live", summary="The process runs")
async def live() -> dict[str, str]:
    """Answer while the process runs."""
    return {"status": "ok"}


@router.get("/health/ready", summary="Messages can be taken")
async def ready(service: Annotated[Service, Depends(service_of)]) -> Response:
    """Answer 503 only where the journal cannot be written; `degraded` where the broker is away."""
    try:
        await asyncio.to_thread(service.journal.writable, 2.0)
        relay = await asyncio.to_thread(service.relay_state)
        mesh = await asyncio.to_thread(service.mesh_state) if service.settings.mesh_url else None
    except JournalError as away:
        return JSONResponse({"status": "unavailable", "journal": str(away)}, status_code=503)
    broker = relay if service.settings.channel == "amqp" else "embedded"
    well = broker in ("up", "embedded") and mesh in ("up", None)
    answer = {"status": "ok" if well else "degraded", "journal": "writable", "broker": broker}
    return JSONResponse(answer | ({"mesh": mesh} if mesh else {}))


@router.get("/metrics", summary="Prometheus metrics")
async def metrics(service: Annotated[Service, Depends(service_of)]) -> Response:
    """Return counters and gauges in Prometheus' text format."""
    text = await asyncio.to_thread(service.metrics.render)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
