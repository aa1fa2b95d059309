"""Gives back the ids by which a caller traces its calls, whatever the answer."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ECHOED = (b"x-request-id", b"x-correlation-id")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""Nothing else is echoed: a header may hold anything."""


class Traced:
    """Puts `X-Request-Id` and `X-Correlation-Id` of a call on its answer, where they are UUIDs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        echoed = [
            (name, value)
            for name, value in scope.get("headers", ())
            if name in ECHOED and UUID.fullmatch(value.decode("latin-1"))
        ]

        async def send_echoing(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *echoed]}
            await send(message)

        await self._app(scope, receive, send_echoing if echoed else send)
