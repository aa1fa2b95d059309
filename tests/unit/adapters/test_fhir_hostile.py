"""Hostile messages, each read by a process of its own that may use little time and memory."""

from __future__ import annotations

import json
import multiprocessing
import resource
from collections.abc import Callable
from typing import Any

import pytest

from adapters.errors import Refused
from adapters.inbound import PARSERS
from adapters.outbound.fhir_xml import to_xml
from tests.unit.adapters.fhir_reading import TABLES, example
from tests.unit.adapters.fhir_reading import resource as resource_of

LIMIT = 1 << 20
"""Bytes that a message may have, unless set otherwise."""
SECONDS = 3
"""Of processor time."""
MEMORY = 256 << 20
"""Bytes beyond what the process has when it begins."""

XML, FHIR, JSON = "application/fhir+xml", "application/fhir+json", "application/json"
NAMESPACE = b'xmlns="http://hl7.org/fhir"'


def within(patient: bytes) -> bytes:
    """A whole message with more in its Patient."""
    body = to_xml(example("stu3/CH004.json"), "STU3")
    return body.replace(b"</Patient>", patient + b"</Patient>")


def in_json(**patient: Any) -> bytes:
    bundle = example("r4/review.json")
    resource_of(bundle, "Patient").update(patient)
    return json.dumps(bundle).encode()


def filled(piece: bytes, room: int = LIMIT - 40_000) -> bytes:
    return piece * (room // len(piece))


def numbered(piece: str, room: int = LIMIT - 40_000) -> bytes:
    return "".join(piece.format(n) for n in range(room // (len(piece) + 4))).encode()


def laughs(levels: int) -> bytes:
    names = [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, levels)]
    head = f'<!DOCTYPE Bundle [<!ENTITY a0 "ha">{"".join(names)}]>'
    return f"{head}<Bundle>&a{levels - 1};</Bundle>".encode()


def chain() -> bytes:
    names = "".join(f'<!ENTITY a{n} "&a{n - 1};">' for n in range(1, 30_000))
    return f'<!DOCTYPE Bundle [<!ENTITY a0 "">{names}]><Bundle>&a29999;</Bundle>'.encode()


def doctype(inside: str) -> bytes:
    return f"<!DOCTYPE Bundle {inside}><Bundle>&x;</Bundle>".encode()


HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "billion laughs": (XML, lambda: laughs(30)),
    "billion laughs in two bytes": (XML, lambda: laughs(30).decode().encode("utf-16")),
    "a long chain of entities": (XML, chain),
    "one large entity, often": (
        XML,
        lambda: b'<!DOCTYPE Bundle [<!ENTITY x "' + b"a" * 500_000 + b'">]><Bundle>'
        + b"&x;" * 150_000 + b"</Bundle>",
    ),
    "a file": (XML, lambda: doctype('[<!ENTITY x SYSTEM "file:///etc/passwd">]')),
    "another machine": (XML, lambda: doctype('[<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]')),
    "a parameter entity": (XML, lambda: doctype('[<!ENTITY % p SYSTEM "file:///dev/zero">%p;]')),
    "a DTD elsewhere": (XML, lambda: doctype('SYSTEM "http://127.0.0.1:9/x.dtd"')),
    "nesting": (XML, lambda: filled(b"<a>")),
    "nesting in a message": (XML, lambda: within(filled(b"<contact>"))),
    "nesting in a narrative": (
        XML,
        lambda: within(b'<text><div xmlns="http://www.w3.org/1999/xhtml">' + filled(b"<b>")),
    ),
    "one tag": (XML, lambda: b"<" + b"a" * LIMIT),
    "one tag that ends": (XML, lambda: within(b"<" + b"a" * 900_000 + b"/>")),
    "one attribute": (XML, lambda: within(b'<gender value="' + b"a" * 900_000 + b'"/>')),
    "one comment": (XML, lambda: b"<!--" + b"a" * LIMIT),
    "one text": (XML, lambda: within(b"a" * 900_000)),
    "many attributes": (XML, lambda: within(b"<gender" + numbered(' a{}="1"') + b"/>")),
    "many prefixes": (XML, lambda: within(b"<gender" + numbered(' xmlns:a{}="u"') + b"/>")),
    "many prefixes, used": (
        XML,
        lambda: within(
            b"<contact" + numbered(' xmlns:a{}="u"', 500_000) + b">"
            + numbered('<x a{}:y="1"/>', 400_000) + b"</contact>"
        ),
    ),
    "prefixes at every depth": (
        XML,
        lambda: within(
            b"".join(b"<contact" + numbered(" xmlns:a{}='u'", 15_000) + b">" for _ in range(50))
        ),
    ),
    "a long namespace, often": (
        XML,
        lambda: b'<Bundle xmlns="http://hl7.org/fhir" xmlns:u="' + b"u" * 500_000 + b'">'
        + filled(b"<u:a u:b='1'/>", 500_000) + b"</Bundle>",
    ),
    "many elements": (XML, lambda: b"<Bundle " + NAMESPACE + b">" + filled(b"<entry/>")),
    "many entries": (
        XML,
        lambda: b"<Bundle " + NAMESPACE + b">" + filled(b"<entry/>", 150_000) + b"</Bundle>",
    ),
    "many faults": (XML, lambda: within(filled(b'<x y="1"/>', 180_000))),
    "many faults of many names": (XML, lambda: within(numbered("<x{}/>", 140_000))),
    "many empty names": (XML, lambda: within(filled(b"<name/>", 140_000))),
    "many wrong numbers": (
        XML,
        lambda: within(filled(b'<extension url="x"><valueDecimal value="-"/></extension>', 500_000)),
    ),
    "many texts": (XML, lambda: within(filled(b"<name/>x", 140_000))),
    "many comments": (XML, lambda: within(filled(b"<!---->a"))),
    "a large number": (XML, lambda: within(b'<multipleBirthInteger value="' + b"9" * 900_000 + b'"/>')),
    "a number that is nested": (
        XML,
        lambda: within(b'<multipleBirthInteger value="' + b"[" * 900_000 + b'"/>'),
    ),
    "JSON: nesting": (FHIR, lambda: b'{"a":' * 170_000),
    "JSON: nesting of lists": (FHIR, lambda: b"[" * LIMIT),
    "JSON: as deep as its reader goes": (
        FHIR,
        lambda: b'{"entry":' * 1000 + b"1" + b"}" * 1000,
    ),
    "JSON: a large number": (
        FHIR,
        lambda: in_json(multipleBirthInteger=7654321).replace(b"7654321", b"9" * 900_000),
    ),
    "JSON: a large number in a text": (FHIR, lambda: in_json(multipleBirthInteger="9" * 900_000)),
    "JSON: one name, often": (FHIR, lambda: b"{" + filled(b'"a":1,') + b'"a":1}'),
    "JSON: many names twice": (
        FHIR,
        lambda: b"{" + numbered('"a{}":1,', 500_000) * 2 + b'"resourceType":"Bundle"}',
    ),
    "JSON: many faults": (FHIR, lambda: in_json(name=[{"use": "x", "x": 1}] * 6_000)),
    "JSON: many wrong numbers": (
        FHIR,
        lambda: in_json(extension=[{"url": "x", "valueDecimal": "1"}] * 6_000),
    ),
    "JSON: many contained of one id": (
        FHIR,
        lambda: in_json(contained=[{"resourceType": "Organization", "id": "a"}] * 6_000),
    ),
    "canonical: nesting": (JSON, lambda: b"[" * LIMIT),
    "canonical: a large number": (JSON, lambda: b'{"kind":' + b"9" * 900_000 + b"}"),
    "canonical: one name, often": (JSON, lambda: b"{" + filled(b'"a":1,', 100_000) + b'"a":1}'),
}  # fmt: skip


def read_under_limits(media: str, body: bytes, told: Any) -> None:
    """Read a body in a process that ends where it takes more than it may."""
    with open("/proc/self/statm") as pages:
        size = int(pages.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    try:
        PARSERS[media](body, TABLES)
    except Refused as refused:
        told.send(("refused", len(str(refused))))
    except BaseException as error:
        told.send((type(error).__name__, 0))
    else:
        told.send(("taken", 0))


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.long] if "many" in name else []) for name in HOSTILE],
)
def test_a_hostile_message_is_refused_cheaply(name: str) -> None:
    media, build = HOSTILE[name]
    body = build()
    assert len(body) < 2.2 * LIMIT
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=read_under_limits, args=(media, body, theirs))
    child.start()
    theirs.close()
    try:
        said, length = ours.recv()
    except EOFError:
        said, length = "nothing", 0
    child.join()
    assert (child.exitcode, said) == (0, "refused")
    assert length < 4 * LIMIT
