"""The gateway's MESH parts without processes of their own: a real journal, the real sandbox."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.delivery.mesh import MeshChannel
from gateway.directory import Directory
from gateway.files.filing import Filing
from gateway.journal import Codec, Journal
from gateway.mesh.client import Mesh
from gateway.mesh.inbox import Inbox
from gateway.mesh.poller import Poller
from gateway.rules import Rules
from gateway.service import build_intake
from gateway.settings import Settings
from schemas.receipt import Receipt
from tests.builders import default_policy, tables
from tests.integration.journal.conftest import (  # noqa: F401 - fixtures
    SECRET,
    codec,
    migrated_sqlite,
)
from tests.mesh import Box, Way, a_sandbox, an_area, emptied, mesh_settings


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a MESH that lasts for all tests."""
    with a_sandbox(tmp_path_factory.mktemp("mesh")) as url:
        yield url


@pytest.fixture
def mesh(sandbox: str) -> str:
    """The address of a MESH with empty mailboxes."""
    emptied(sandbox)
    return sandbox


@pytest.fixture
def way(mesh: str) -> Iterator[Way]:
    """The gateway's way to MESH, which may break."""
    with Way(mesh) as way:
        yield way


@pytest.fixture
def partner(mesh: str) -> Iterator[Box]:
    """The partner's mailbox."""
    with Box(mesh) as box:
        yield box


@pytest.fixture(scope="session")
def area(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an area whose partner has a mailbox."""
    return an_area(tmp_path_factory.mktemp("area"))


@pytest.fixture(scope="session")
def directory(area: Path) -> Directory:
    """That area."""
    return Directory.load(area)


class Office:
    """A gateway's MESH side: `turn` is one look of the poller, `deliver` one of the relay."""

    def __init__(
        self,
        journal: Journal,
        codec: Codec,  # noqa: F811
        known: Directory,
        **settings: Any,
    ) -> None:
        self.settings = Settings(amqp_url=None, **settings)
        self.journal = journal
        self.environment = {
            f"GATEWAY_{name.upper()}": str(value) for name, value in settings.items()
        } | {
            "GATEWAY_DATABASE_URL": str(journal._writing.url),
            "GATEWAY_JOURNAL_KEY": base64.b64encode(SECRET).decode(),
        }
        rules = Rules(tables(), known, default_policy())
        self.intake = build_intake(self.settings, rules, journal)
        self.mesh = Mesh(self.settings)
        self.filing = Filing(self.intake)
        self.inbox = Inbox(
            self.mesh,
            self.intake,
            self.filing,
            self.settings.max_bytes,
            self.settings.max_file_bytes,
        )
        self.poller = Poller(self.mesh, self.inbox, journal, self.settings)
        self.lane = MeshChannel(journal, self.settings, known, "relay")

    def turn(self) -> None:
        """What the poller does in a turn."""
        asyncio.run(self.poller.turn(asyncio.Event()))

    def deliver(self) -> None:
        """Deliver what is due by MESH."""
        asyncio.run(self.lane._deliver_some())

    def receipts(self) -> list[Receipt]:
        """The receipts of all messages, as they stand, first to last."""
        rows = self.rows("SELECT id FROM message ORDER BY received_at")
        return [
            self.journal.read(lambda tx, i=row.id: self.intake.receipts.standing(tx, i))  # type: ignore[misc]
            for row in rows
        ]

    def rows(self, query: str) -> list[Any]:
        """Rows that no query of the journal shows."""
        with self.journal._reading.connect() as connection:
            return list(connection.exec_driver_sql(query))

    def beside(self) -> list[tuple[str, str | None]]:
        """State and code of all that goes by MESH."""
        return [(d.state, d.code) for r in self.receipts() for a in r.alerts for d in a.beside]

    def kept_refused(self, codec: Codec) -> list[tuple[str, int, str, Any]]:  # noqa: F811
        """Who was refused, how, why, and the bytes that are kept."""
        query = "SELECT organisation, status, why, bytes FROM refused ORDER BY received_at"
        return [
            (r.organisation, r.status, r.why, codec.open(r.bytes) if r.bytes else None)
            for r in self.rows(query)
        ]


@pytest.fixture
def journal(migrated_sqlite: Path, codec: Codec, tmp_path: Path) -> Iterator[Journal]:  # noqa: F811
    """An empty journal."""
    file = tmp_path / "gateway.db"
    file.write_bytes(migrated_sqlite.read_bytes())
    with Journal(f"sqlite:///{file}", codec) as journal:
        yield journal


@pytest.fixture
def office(
    journal: Journal,
    codec: Codec,  # noqa: F811
    directory: Directory,
    way: Way,
    area: Path,
) -> Iterator[Office]:
    """A gateway that knows the partner."""
    office = Office(journal, codec, directory, **mesh_settings(way.url, area))
    with office.mesh, office.lane._mesh:
        yield office
