"""Intake over HTTP beside endpoints that only read, or only parse."""

from __future__ import annotations

import asyncio
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from uuid import uuid4

import httpx
import orjson
from stdnum.gb import nhs

from benchmarks.load import messages_per_second
from benchmarks.servers import free_port, running
from gateway.cli.orgs import register
from gateway.directory import Directory
from gateway.examples import AREA, EXAMPLES
from gateway.settings import Settings
from gateway.storage import open_journal

MESSAGES_A_ROUND, ROUNDS = 400, 5


def measure(database_url: str | None = None) -> Iterator[str]:
    """Yield a line for each row: ours, the baseline, and the ratio of their medians."""
    with _gateway(database_url) as (ours, key), _baseline() as theirs:
        for name, media_type, path, sample in (
            (
                "JSON intake / only reading the body",
                "application/json",
                "/read",
                "messages/review.json",
            ),
            (
                "FHIR intake / only parsing",
                "application/fhir+json",
                "/parse",
                "fhir/r4/review.json",
            ),
        ):
            headers = {"Content-Type": media_type, "Authorization": f"Bearer {key}"}
            pairs = []
            for _ in range(ROUNDS):
                a, b = _bodies(sample), _bodies(sample)
                pairs.append(
                    (
                        asyncio.run(messages_per_second(ours, "/messages", a, headers)),
                        asyncio.run(messages_per_second(theirs, path, b, headers)),
                    )
                )
            yield row(name, pairs)
        headers = {"Authorization": f"Bearer {key}"}
        pairs = []
        for _ in range(ROUNDS):
            one_by_one = {"Content-Type": "application/json", **headers}
            alone = messages_per_second(
                ours, "/messages", _bodies("messages/review.json"), one_by_one
            )
            pairs.append(
                (_in_a_batch(ours, _bodies("messages/review.json"), headers), asyncio.run(alone))
            )
        yield row("JSON in one batch / a call each", pairs)


def _in_a_batch(port: int, bodies: list[bytes], headers: dict[str, str]) -> float:
    """Send all in one call, reading while writing; return how many a second were answered."""
    lines = b"\n".join(orjson.dumps(orjson.loads(body)) for body in bodies)
    begin = time.perf_counter()
    with httpx.stream(
        "POST",
        f"http://127.0.0.1:{port}/messages/batch",
        content=lines,
        headers={"Content-Type": "application/x-ndjson", **headers},
        timeout=120,
    ) as answer:
        statuses = [orjson.loads(line)["status"] for line in answer.iter_lines()]
    assert statuses == [202] * len(bodies), statuses
    return len(bodies) / (time.perf_counter() - begin)


def row(name: str, pairs: list[tuple[float, float]]) -> str:
    """Write one line: medians of ours and of the baseline, and the median of the pairwise ratios."""
    ours = statistics.median(a for a, _ in pairs)
    theirs = statistics.median(b for _, b in pairs)
    ratios = sorted(b / a for a, b in pairs)
    middle = statistics.median(ratios)
    return (
        f"{name:<42} {ours:>8.0f}/s {theirs:>8.0f}/s   costs {middle:.1f} times"
        f"  ({ratios[0]:.1f} to {ratios[-1]:.1f})"
    )


def _bodies(sample: str) -> list[bytes]:
    """Make messages of their own from one sample: each another child's, under an id of its own."""
    text = (EXAMPLES / sample).read_bytes()
    (child,) = set(re.findall(rb"999\d{7}", text))
    header = orjson.loads(text)["id"] if sample == "messages/review.json" else _header_ids(text)
    ids = [header] if isinstance(header, str) else header
    bodies = []
    for number in islice(_NHS_NUMBERS, MESSAGES_A_ROUND):
        body = text.replace(child, number)
        for known in ids:
            body = body.replace(known.encode(), str(uuid4()).encode())
        bodies.append(body)
    return bodies


def _header_ids(text: bytes) -> list[str]:
    """List what a FHIR message's identity may be read from: bundle and header."""
    bundle = orjson.loads(text)
    header = bundle["entry"][0]
    names = [bundle.get("id"), bundle.get("identifier", {}).get("value")]
    names += [header["resource"].get("id"), header["fullUrl"].removeprefix("urn:uuid:")]
    return [name for name in names if name]


def _nhs_numbers() -> Iterator[bytes]:
    """Yield synthetic NHS numbers of the 999 range, each once."""
    for nine in range(999_100_000, 1_000_000_000):
        for digit in "0123456789":
            if nhs.is_valid(f"{nine}{digit}"):
                yield f"{nine}{digit}".encode()


_NHS_NUMBERS = _nhs_numbers()


@contextmanager
def _gateway(database_url: str | None) -> Iterator[tuple[int, str]]:
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        environment = {
            "GATEWAY_DATABASE_URL": database_url or f"sqlite:///{Path(folder) / 'bench.db'}",
            "GATEWAY_JOURNAL_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
            "GATEWAY_PORT": str(port),
            "GATEWAY_AMQP_URL": "",
        }
        settings = Settings(
            database_url=environment["GATEWAY_DATABASE_URL"],
            journal_key=environment["GATEWAY_JOURNAL_KEY"],  # type: ignore[arg-type]
        )
        with open_journal(settings) as journal:
            key = register(journal, Directory.load(AREA), "ods:RXA").key
        with running(["gateway", "serve"], port, "/health/live", **environment):
            yield port, key


@contextmanager
def _baseline() -> Iterator[int]:
    port = free_port()
    command = ["uvicorn", "benchmarks.baseline:app", "--port", str(port), "--no-access-log"]
    with running(command, port, "/docs"):
        yield port
