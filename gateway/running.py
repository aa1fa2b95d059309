"""How a process beside the serving one runs: until it is told to stop, or its parent dies."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress


async def wait(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but not beyond `stop`."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def run_until_told(
    run: Callable[[asyncio.Event], Awaitable[None]], *, while_stdin_is_open: bool
) -> None:
    """Run until SIGTERM or SIGINT, or until standard input ends."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    if while_stdin_is_open:
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        parent = asyncio.create_task(reader.read())
        parent.add_done_callback(lambda _: stop.set())
        await run(stop)
        parent.cancel()
    else:
        await run(stop)
