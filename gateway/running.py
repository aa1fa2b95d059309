"""How a process beside the serving one runs: until it is told to stop, or its parent dies."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

from gateway.journal import Journal, JournalAway, Transaction

HEARTBEAT = 3.0
"""Seconds between signs of life."""


async def wait(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but not beyond `stop`."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def heartbeat(
    journal: Journal, name: str, state: Callable[[], str], stop: asyncio.Event
) -> None:
    """Leave a sign of life with a process's state in the journal, at once when that changes."""
    told, at = "", 0.0

    def beat(tx: Transaction) -> None:
        tx.beat(name, told, datetime.now(UTC))

    while not stop.is_set():
        if state() != told or time.monotonic() - at > HEARTBEAT:
            told, at = state(), time.monotonic()
            with suppress(JournalAway):
                await asyncio.wrap_future(journal.transact(beat))
        await wait(stop, 0.2)


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
