"""The HTTP application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from gateway.api import alerts, batch, fhir, files, health, messages, schemas
from gateway.api.messages import Rejected
from gateway.api.openapi import add_examples
from gateway.api.problems import problem, respond
from gateway.api.tracing import Traced
from gateway.problems import broken
from gateway.service import Service


def create_application(service: Service) -> FastAPI:
    """Return the application over a service; closes the service when it ends."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPIOffline(
        title="Early Identification Gateway",
        version=version("early-identification-gateway"),
        description="Makes a child's early signs of need reach, once and safely, everyone who must act.",
        lifespan=lifespan,
    )
    app.state.service = service
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    app.add_middleware(Traced)
    for module in (messages, batch, files, fhir, alerts, schemas, health):
        app.include_router(module.router)

    @app.exception_handler(Rejected)
    async def rejected(_: Request, error: Rejected) -> Response:
        return error.response

    @app.exception_handler(RequestValidationError)
    async def no_such_id(request: Request, _: RequestValidationError) -> Response:
        return problem(request, 404, "There is nothing under this address.", code="not-found")

    @app.exception_handler(HTTPException)
    async def not_here(request: Request, error: HTTPException) -> Response:
        if error.status_code == 405:
            allow = (error.headers or {}).get("Allow", "")
            detail = f"This address takes {allow}."
            return problem(request, 405, detail, code="not-supported", headers={"Allow": allow})
        return problem(request, 404, "There is nothing under this address.", code="not-found")

    @app.exception_handler(Exception)
    async def not_known(request: Request, _: Exception) -> Response:
        return respond(request, broken(service.intake.receipts.telephone))

    return app


def _described(app: FastAPI) -> dict[str, Any]:
    """Describe the API without FastAPI's own validation error, which it never answers with."""
    if app.openapi_schema is None:
        add_examples()
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        for path in schema["paths"].values():
            for call in path.values():
                if "HTTPValidationError" in str(call["responses"].get("422")):
                    del call["responses"]["422"]
        for unused in ("HTTPValidationError", "ValidationError"):
            schema["components"]["schemas"].pop(unused, None)
        app.openapi_schema = schema
    return app.openapi_schema
