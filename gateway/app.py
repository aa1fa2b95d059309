"""The serving process: HTTP here; relay and MESH mailbox as children that are restarted if they die."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import structlog
import uvicorn

from gateway.api.application import create_application
from gateway.service import Service
from gateway.settings import Settings

RESTART_AFTER = 1.0
"""Seconds between a child's end and its restart."""
ENDS_WITHIN = 10.0
"""Seconds that a child has to finish what it has in hand."""

log = structlog.get_logger(__name__)


def run(settings: Settings, *, relay: bool, ready: Callable[[Service], None]) -> None:
    """Serve until told to stop; `ready` is called once requests are taken.

    Raises what `Service` raises where it cannot start, OSError where the port is taken.
    """
    listening = socket.create_server((settings.host, settings.port), backlog=2048)
    # Inherited by each connection: an answer does not wait for its first packet's acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    service = Service(settings)
    config = uvicorn.Config(
        create_application(service),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    with listening:
        asyncio.run(_serve(_Server(config), listening, service, relay=relay, ready=ready))


class _Server(uvicorn.Server):
    """Ends with 0 when it is told to end; uvicorn's own would end by the signal."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self.handle_exit, signum, None)
        yield
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(signum)


async def _serve(
    server: uvicorn.Server,
    listening: socket.socket,
    service: Service,
    *,
    relay: bool,
    ready: Callable[[Service], None],
) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn offers no event
        await asyncio.sleep(0.01)
    children = ["gateway.relay"] if relay else []
    if relay and service.settings.mesh_url:
        children.append("gateway.mesh.poller")
    supervising = (
        asyncio.gather(*(supervise(module) for module in children)) if server.started else None
    )
    if server.started:
        ready(service)
    await serving
    if supervising:
        supervising.cancel()
        with suppress(asyncio.CancelledError):
            await supervising


async def supervise(module: str) -> None:
    """Keep one child running. It ends when its standard input does, and so when this process dies."""
    while True:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, stdin=asyncio.subprocess.PIPE
        )
        try:
            code = await child.wait()
        except asyncio.CancelledError:
            assert child.stdin is not None
            child.stdin.close()
            try:
                await asyncio.wait_for(child.wait(), ENDS_WITHIN)
            except TimeoutError:  # what it had in hand is done again at the next start
                log.error("a child did not end and is killed", child=module)
                child.kill()
                await child.wait()
            raise
        log.error("a child ended and is started again", child=module, code=code)
        await asyncio.sleep(RESTART_AFTER)
