"""For each test a topology of its own on the real RabbitMQ, a publisher, and a line to cut."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from gateway.broker import (
    Publication,
    Publisher,
    Topology,
    apply,
    apply_policy,
    remove,
    remove_policy,
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def url() -> str:
    return os.environ.get("GATEWAY_TEST_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")


@pytest.fixture
def undeclared(url: str) -> Iterator[Topology]:
    """A topology that is not there yet."""
    topology = Topology(f"test-{uuid4().hex[:12]}.", max_length=10)
    yield topology
    remove(url, topology)


@pytest.fixture
def topology(url: str, undeclared: Topology) -> Topology:
    """A topology that is there, without its policy."""
    apply(url, undeclared)
    return undeclared


@pytest.fixture
def numbers(url: str, topology: Topology) -> Iterator[Topology]:
    """A topology that is there with its policy: 5 failed deliveries, about 10 alerts."""
    if commands := apply_policy(url, topology):
        pytest.skip(f"neither the management API nor rabbitmqctl is at hand to run {commands[0]}")
    yield topology
    remove_policy(url, topology)


@pytest.fixture
async def publisher(url: str, topology: Topology) -> AsyncIterator[Publisher]:
    publisher = Publisher(url, topology)
    await publisher.connect()
    yield publisher
    await publisher.close()


@pytest.fixture
def an_alert() -> Callable[..., Publication]:
    def build(agency: str = "education", **changed: object) -> Publication:
        usual = {
            "alert_id": str(uuid4()),
            "agency": agency,
            "routing_key": f"{agency}.referral.none.routine",
            "body": b'{"specversion": "1.0"}',
            "type": "referral.created.v1",
            "time": datetime(2026, 10, 1, 9, 30, tzinfo=UTC),
        }
        return Publication(**usual | changed)

    return build


class Line:
    """A TCP line to RabbitMQ that the test can hold up, feed, or cut."""

    def __init__(self, url: str) -> None:
        login, _, place = url.removeprefix("amqp://").rpartition("@")
        host, _, vhost = place.partition("/")
        self._host, _, port = host.partition(":")
        self._port = int(port or 5672)
        self._login, self._vhost = login, vhost
        self._open = asyncio.Event()
        self._open.set()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> "Line":
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"amqp://{self._login}@127.0.0.1:{port}/{self._vhost}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    def hold(self) -> None:
        """Nothing that RabbitMQ says arrives any more."""
        self._open.clear()

    def cut(self) -> None:
        """Every connection breaks; new ones are taken."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        self._open.set()

    def say(self, frame: bytes) -> None:
        """To the newest client, as if RabbitMQ had said it."""
        self._writers[-1].write(frame)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_broker, to_broker = await asyncio.open_connection(self._host, self._port)
        self._writers += [to_broker, writer]
        with suppress(OSError):
            await asyncio.gather(
                self._carry(reader, to_broker, held=False),
                self._carry(from_broker, writer, held=True),
            )

    async def _carry(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, held: bool):
        while data := await source.read(65536):
            if held:
                await self._open.wait()
            to.write(data)
            await to.drain()
        to.close()


@pytest.fixture
async def line(url: str) -> AsyncIterator[Line]:
    async with Line(url) as line:
        yield line


@pytest.fixture
def publishing_over(topology: Topology):
    """A connected publisher over another address or with other limits, closed at the end."""

    @asynccontextmanager
    async def connected(url: str, **limits: float) -> AsyncIterator[Publisher]:
        publisher = Publisher(url, topology, **limits)
        await publisher.connect()
        try:
            yield publisher
        finally:
            await publisher.close()

    return connected
