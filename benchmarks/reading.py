"""Reading a message, by format and size, beside the usual library for that format alone.

What is shown is the cost of a kilobyte: where it stays the same, the cost grows linearly.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import Any
from xml.etree import ElementTree

import orjson

from adapters.inbound import PARSERS
from adapters.inbound.files import Upload, ctf
from adapters.outbound.fhir_xml import to_xml
from gateway.examples import EXAMPLES
from gateway.tables import load_tables
from schemas.codes import CodeTables
from tests.school_files import a_ctf, a_need, a_pupil

ROUNDS = 7
K = [("2025-09-01", "N"), ("2026-01-05", "K")]
SIZES = (1, 5, 25)
"""Scores of a review are repeated so often: a usual message, and two that are larger."""

Read = Callable[[bytes], Any]


def measure() -> Iterator[str]:
    """Yield a line for each format and size."""
    tables = load_tables()
    for name, media_type, sample, decode in (
        ("canonical JSON", "application/json", "messages/review.json", orjson.loads),
        ("FHIR R4, JSON", "application/fhir+json", "fhir/r4/review.json", _fhir("R4B")),
        ("FHIR R4, XML", "application/fhir+xml", "fhir/r4/review.json", ElementTree.fromstring),
        ("FHIR STU3, JSON", "application/fhir+json", "fhir/stu3/CH004.json", _fhir("STU3")),
        ("FHIR STU3, XML", "application/fhir+xml", "fhir/stu3/CH004.json", ElementTree.fromstring),
    ):
        text = (EXAMPLES / sample).read_bytes()
        for size in SIZES:
            body = _enlarged(text, size)
            if media_type.endswith("xml"):
                body = to_xml(orjson.loads(body), "STU3" if "STU3" in name else "R4")
            yield line(name, body, partial(_parse, media_type, tables), decode)
    for pupils in (50, 500, 2000):
        body = a_ctf(*(a_pupil(n, K, [a_need("SLCN")]) for n in range(pupils)))
        yield line("CTF, many pupils", body, partial(_read_ctf, tables), ElementTree.fromstring)


def _fhir(version: str) -> Read:
    """Return what reads a Bundle by `fhir.resources` alone."""
    model = import_module(f"fhir.resources.{version}.bundle").Bundle
    return lambda body: model.model_validate(orjson.loads(body))


def _parse(media_type: str, tables: CodeTables, body: bytes) -> Any:
    return PARSERS[media_type](body, tables)


def _read_ctf(tables: CodeTables, body: bytes) -> Any:
    return list(ctf.parse(body, Upload(source="urn:199901", sent=datetime.now(UTC)), tables))


def line(name: str, body: bytes, ours: Read, theirs: Read) -> str:
    """Write one line: milliseconds a message, microseconds a kilobyte, and the ratio."""
    pairs = [(_milliseconds(ours, body), _milliseconds(theirs, body)) for _ in range(ROUNDS)]
    a, b = (min(one) for one in zip(*pairs, strict=True))
    ratio = statistics.median(x / y for x, y in pairs)
    kilobytes = len(body) / 1024
    return (
        f"{name:<20} {kilobytes:>7.1f} kB {a:>9.2f} ms {b:>9.3f} ms"
        f" {a / kilobytes * 1000:>7.0f} µs/kB   costs {ratio:.1f} times"
    )


def _milliseconds(read: Read, body: bytes) -> float:
    """Return the processor's time of one reading, the mean of as many as fill 50 ms."""
    gc.collect()
    count, begin = 0, time.process_time()
    while (spent := time.process_time() - begin) < 0.05:
        read(body)
        count += 1
    return spent / count * 1000


def _enlarged(text: bytes, times: int) -> bytes:
    """Say more of the same: words of the canonical message, or Observations of a Bundle."""
    message = orjson.loads(text)
    if "entry" not in message:
        message["review"]["strengths"] = [f"Plays with others, {n}" for n in range(20 * times)]
        return orjson.dumps(message)
    observation = next(
        entry
        for entry in message["entry"]
        if entry["resource"]["resourceType"] == "Observation" and "valueQuantity" in str(entry)
    )
    for number in range(5 * (times - 1)):
        address = f"00000000-0000-4000-8000-{number:012}"
        resource = {**observation["resource"], "id": address}
        message["entry"].append({"fullUrl": f"urn:uuid:{address}", "resource": resource})
    return orjson.dumps(message)


if __name__ == "__main__":
    for written in measure():
        print(written)
