"""A batch whose lines are written, and its answers read, piece by piece."""

from __future__ import annotations

import socket
from typing import Any

import orjson

from gateway.api.batch import NDJSON
from tests.integration.serving import Partner


class Stream:
    """A call whose body is written, and its answers read, piece by piece."""

    def __init__(self, partner: Partner) -> None:
        url = partner.client.base_url
        self._socket = socket.create_connection((url.host, url.port), timeout=10)
        self._reader = self._socket.makefile("rb")
        self._socket.sendall(
            f"POST /messages/batch HTTP/1.1\r\nHost: {url.host}\r\nContent-Type: {NDJSON}\r\n"
            f"Authorization: Bearer {partner.key}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        self._begun = False

    def write(self, data: bytes) -> None:
        self._socket.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def read(self) -> dict[str, Any]:
        """Return the next answer."""
        while not self._begun:
            self._begun = self._reader.readline() == b"\r\n"
        size = int(self._reader.readline(), 16)
        line = self._reader.read(size + 2)
        answer: dict[str, Any] = orjson.loads(line)
        return answer

    def close(self) -> None:
        self._reader.close()
        self._socket.close()
