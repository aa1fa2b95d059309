"""One message, written in whatever ways mean the same, is one canonical message."""

from __future__ import annotations

import codecs
import copy
import json
import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import NotUnderstood
from adapters.inbound import fhir
from adapters.inbound.fhir import PROFILES, xml
from adapters.outbound.fhir_xml import to_xml
from tests.builders import corpus
from tests.strategies import whole_messages
from tests.unit.adapters.fhir_reading import SAMPLES, TABLES, example

MESSAGES = {name: example(name) for name in SAMPLES}


def version(bundle: Any) -> str:
    header = bundle["entry"][0]["resource"]
    return "STU3" if "event" in header else "R4"


def outcome(read: Callable[..., Any], body: bytes) -> Any:
    """Return what was understood, or where and what the faults are."""
    try:
        parsed = read(body, TABLES)
    except NotUnderstood as refused:
        return {(fault.pointer, fault.code) for fault in refused.faults}
    return parsed.canonical, parsed.unmapped, parsed.event


def identified(name: str) -> Any:
    """A sample whose id does not depend on its addresses."""
    bundle = copy.deepcopy(MESSAGES[name])
    bundle["entry"][0]["resource"]["id"] = "the-id-of-this-message"
    return bundle


@cache
def as_it_stands(name: str) -> Any:
    return outcome(fhir.parse, json.dumps(identified(name)).encode())


# ── ways of writing ─────────────────────────────────────────────────────────────────────────


def shuffled(value: Any, chance: random.Random) -> Any:
    """The properties of every object in another order."""
    if isinstance(value, list):
        return [shuffled(inner, chance) for inner in value]
    if not isinstance(value, dict):
        return value
    keys = list(value)
    chance.shuffle(keys)
    return {key: shuffled(value[key], chance) for key in keys}


def in_other_order(entries: list[Any], chance: random.Random) -> list[Any]:
    """The entries in another order. Those of one type keep theirs: a list is read in it."""
    by_type: dict[str, list[Any]] = {}
    for entry in entries:
        by_type.setdefault(entry["resource"]["resourceType"], []).append(entry)
    kinds = [entry["resource"]["resourceType"] for entry in entries]
    chance.shuffle(kinds)
    return [by_type[kind].pop(0) for kind in kinds]


def replaced(value: Any, words: dict[str, str]) -> Any:
    """Every string that is one of the words as another word."""
    if isinstance(value, list):
        return [replaced(inner, words) for inner in value]
    if isinstance(value, dict):
        return {key: replaced(inner, words) for key, inner in value.items()}
    return words.get(value, value) if isinstance(value, str) else value


def addressed(bundle: Any, how: str) -> Any:
    """Each resource by an absolute address; references to it absolute, relative or versioned."""
    urls, references = {}, {}
    for number, entry in enumerate(bundle["entry"]):
        name = f"{entry['resource']['resourceType']}/{number}"
        urls[entry["fullUrl"]] = f"https://sender.example/fhir/{name}"
        references[entry["fullUrl"]] = {
            "absolute": urls[entry["fullUrl"]],
            "relative": name,
            "versioned": f"{urls[entry['fullUrl']]}/_history/3",
        }[how]
    moved = replaced(bundle, references)
    for entry, old in zip(moved["entry"], bundle["entry"], strict=True):
        entry["fullUrl"] = urls[old["fullUrl"]]
    return moved


def contained(bundle: Any) -> Any:
    """Each organisation within the resources that refer to it."""
    moved = copy.deepcopy(bundle)
    organisations = {
        entry["fullUrl"]: entry["resource"]
        for entry in moved["entry"]
        if entry["resource"]["resourceType"] == "Organization"
    }
    moved["entry"] = [e for e in moved["entry"] if e["fullUrl"] not in organisations]
    for entry in moved["entry"]:
        for number, (url, organisation) in enumerate(organisations.items()):
            inside = replaced(entry["resource"], {url: f"#o{number}"})
            if inside != entry["resource"]:
                inside.setdefault("contained", []).append({**organisation, "id": f"o{number}"})
                entry["resource"] = inside
    return moved


@st.composite
def written_otherwise(draw: st.DrawFn) -> tuple[str, Callable[..., Any], bytes]:
    """A sample, and the same in another spelling: what reads it, and its bytes."""
    name = draw(st.sampled_from(SAMPLES))
    chance = draw(st.randoms(use_true_random=True))
    bundle = identified(name)
    if draw(st.booleans()):
        bundle = contained(bundle)
    how = draw(st.sampled_from(["urn", "absolute", "relative", "versioned"]))
    if how != "urn":
        bundle = addressed(bundle, how)
    first, *rest = bundle["entry"]
    if draw(st.booleans()):
        rest = in_other_order(rest, chance)
    bundle = shuffled({**bundle, "entry": [first, *rest]}, chance)
    if draw(st.booleans()):
        indent = draw(st.sampled_from([None, 0, 3, "\t"]))
        body = json.dumps(bundle, indent=indent, ensure_ascii=draw(st.booleans())).encode()
        return name, fhir.parse, draw(st.sampled_from([b"", codecs.BOM_UTF8])) + body
    return name, fhir.parse_xml, respelled(draw, to_xml(bundle, version(bundle)).decode())


def respelled(draw: st.DrawFn, text: str) -> bytes:
    """XML with a prefix, blanks, comments, single quotes, and in any encoding."""
    text = text.partition("\n")[2]
    if draw(st.booleans()):
        text = re.sub("<(/?)", r"<\1f:", text).replace(" xmlns=", " xmlns:f=")
    if draw(st.booleans()):
        text = text.replace("><", ">\r\n  <!-- <Patient/> & no -->\t<?app x?><")
    if draw(st.booleans()):
        text = text.replace("'", "&apos;").replace('"', "'")
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "us-ascii"]))
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    head = draw(st.sampled_from(["", f'<?xml version="1.0" encoding="{declared}"?>\n']))
    if not head and not encoding.startswith("utf"):
        encoding = "utf-8"
    return (head + text).encode(encoding, "xmlcharrefreplace")


@whole_messages(100)
@given(written_otherwise())
def test_what_means_the_same_reads_the_same(written: Any) -> None:
    name, read, body = written
    assert outcome(read, body) == as_it_stands(name)


# ── JSON and XML ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", SAMPLES)
def test_xml_is_read_into_the_very_bundle_that_json_has(name: str) -> None:
    bundle = MESSAGES[name]
    assert xml.read(to_xml(bundle, version(bundle)), PROFILES) == (bundle, [])


def without_comments(value: dict[str, Any]) -> dict[str, Any]:
    return {key: inner for key, inner in value.items() if key != "fhir_comments"}


PUBLISHED = sorted([*corpus("dch-stu3").glob("*.xml"), *corpus("uk-core-r4").glob("*.xml")])
NO_JSON = {"Referral.json"}
"""Published as JSON, and is none."""
ID_TWICE = {"EducationalHistory.xml"}
"""In XML alone its second Organization bears the first one's id."""


@pytest.mark.skipif(not PUBLISHED, reason="the folder of published messages is absent")
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.name)
def test_a_published_message_as_xml_comes_out_as_its_json_does(path: Path) -> None:
    other = path.with_suffix(".json")
    found = outcome(fhir.parse_xml, path.read_bytes())
    if path.name in ID_TWICE:
        assert found == {("Bundle.entry[5].resource.id", "value")}
    elif other.is_file() and other.name not in NO_JSON:
        body = other.read_bytes()
        assert found == outcome(fhir.parse, body)
        bundle = json.loads(body, object_hook=without_comments)
        assert found == outcome(fhir.parse_xml, to_xml(bundle, "STU3"))
    else:
        [bundle, _] = xml.read(path.read_bytes(), PROFILES)
        assert found == outcome(fhir.parse, json.dumps(bundle).encode())
