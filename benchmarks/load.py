"""A load over keep-alive connections: as little client as possible, so that the server is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence


async def messages_per_second(
    port: int, path: str, bodies: Sequence[bytes], headers: dict[str, str], connections: int = 16
) -> float:
    """Send every body once, shared among the connections; return how many a second were answered.

    Raises AssertionError for any answer but 202.
    """
    shares = [bodies[start::connections] for start in range(connections)]
    begin = time.perf_counter()
    await asyncio.gather(*(_send(port, path, share, headers) for share in shares if share))
    return len(bodies) / (time.perf_counter() - begin)


async def _send(port: int, path: str, bodies: Sequence[bytes], headers: dict[str, str]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    for body in bodies:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        content = await reader.readexactly(length)
        assert answer.startswith(b"HTTP/1.1 202"), answer + content
    writer.close()
    await writer.wait_closed()
