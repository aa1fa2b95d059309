"""A gateway that serves HTTP within the test's process: the real application on a real journal."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import uvicorn

from gateway.api.application import create_application
from gateway.cli.orgs import register
from gateway.journal.tables import metadata
from gateway.service import Service
from gateway.settings import Settings

JSON, FHIR, XML = "application/json", "application/fhir+json", "application/fhir+xml"
JOURNAL_KEY = "c3ludGhldGljIGNoaWxkcmVuIG9ubHksIDMyIGJ5dGU="
"""Base64 of 32 bytes, for PostgreSQL; a SQLite journal makes its own."""


@dataclass
class Partner:
    """One who calls with a key, or with none."""

    client: httpx.Client
    key: str | None
    credential: str = ""

    def post(
        self, message: Any, path: str = "/messages", media: str = JSON, **headers: str
    ) -> httpx.Response:
        """Send a document or bytes; a header is named like `accept`."""
        content = message if isinstance(message, bytes) else orjson.dumps(message)
        return self.client.post(
            path, content=content, headers={**self._authorised(), "content-type": media, **headers}
        )

    def check(self, message: Any, **options: str) -> httpx.Response:
        return self.post(message, "/messages/check", **options)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, headers={**self._authorised(), **headers})

    def _authorised(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"} if self.key else {}


@dataclass
class Gateway:
    """The running gateway, whoever calls it, and what lies on its disk."""

    service: Service
    client: httpx.Client
    file: Path | None
    stranger: Partner = field(init=False)

    def __post_init__(self) -> None:
        self.stranger = Partner(self.client, None)

    def partner(
        self,
        organisation: str = "ods:RXA",
        kinds: Sequence[str] = (),
        speaks_for: Sequence[str] = (),
    ) -> Partner:
        """Register an organisation of the directory and give its key."""
        service = self.service
        made = register(service.journal, service.rules.directory, organisation, kinds, speaks_for)
        return Partner(self.client, made.key, made.credential.id)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Look at the journal's file as any other process can."""
        assert self.file is not None
        with closing(sqlite3.connect(self.file)) as connection:
            return connection.execute(statement).fetchall()

    def counts(self) -> dict[str, int]:
        """Count the rows of every table but the signs of life."""
        names = sorted(name for name in metadata.tables if name != "pulse")
        return {name: self.query(f"SELECT count(*) FROM {name}")[0][0] for name in names}

    def on_disk(self) -> bytes:
        """Everything that the journal has written to its folder."""
        assert self.file is not None
        return b"".join(path.read_bytes() for path in self.file.parent.iterdir())


@contextmanager
def serving(database: str | Path, **settings: Any) -> Iterator[Gateway]:
    """Serve on a free port until the block ends; `database` is a SQLite file or a URL."""
    file = database if isinstance(database, Path) else None
    service = Service(
        Settings(
            database_url=f"sqlite:///{file}" if file else str(database),
            **{"amqp_url": None, "journal_key": None if file else JOURNAL_KEY, **settings},
        )
    )
    server = uvicorn.Server(
        uvicorn.Config(create_application(service), port=0, log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, name="http")
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield Gateway(service, client, file)
    finally:
        server.should_exit = True
        thread.join()
