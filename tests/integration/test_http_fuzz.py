"""Whatever bytes come in, the gateway answers them and never breaks."""

from __future__ import annotations

import base64
import copy
import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

import httpx
import pytest
from fhir.resources import R4B, STU3
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from adapters.outbound.fhir_xml import to_xml
from gateway import examples
from gateway.api.batch import media_type_of
from schemas.message import KINDS
from tests.integration.serving import FHIR, JSON, XML, Gateway, Partner, serving

SAMPLES = {
    media: [json.loads(path.read_bytes()) for path in sorted(folder.rglob("*.json"))]
    for media, folder in ((JSON, examples.MESSAGES), (FHIR, examples.FHIR))
}
FUZZ = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.generate],  # to make a failing one smaller costs a thousand requests
)
SEVERAL = settings(FUZZ, max_examples=12)
"""Where an example is several requests."""
ANSWERS = {200, 202, 400, 403, 409, 422}
MEDIA = pytest.mark.parametrize("media", [JSON, FHIR])
EVERY = pytest.mark.parametrize("media", [JSON, FHIR, XML])
PATHS = st.sampled_from(["/messages", "/messages/check"])


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(tmp_path_factory.mktemp("fuzz") / "gateway.db") as running:
        yield running


@pytest.fixture(scope="module")
def partner(gateway: Gateway) -> Partner:
    """One who may send everything for everybody, so that nothing is turned away at the door."""
    everybody = [one.key for one in gateway.service.rules.directory.organisations()]
    return gateway.partner("ods:8Z921", KINDS, everybody)


def answered(answer: httpx.Response) -> None:
    """The answer is one of the contract's, and whole."""
    assert answer.status_code in ANSWERS, answer.text[:500]
    if answer.headers["content-type"] == XML:
        root = ElementTree.fromstring(answer.content)
        assert root.tag == "{http://hl7.org/fhir}OperationOutcome"
        assert len(root)
        return
    said = answer.json()
    if answer.status_code in (200, 202):
        assert said["status"] in ("recorded", "counted", "checked")
        assert ("location" in answer.headers) == (said["status"] != "checked")
    elif answer.headers["content-type"] == FHIR:
        assert said["resourceType"] == "OperationOutcome"
        assert all(issue["diagnostics"] and issue["code"] for issue in said["issue"])
    else:
        assert answer.headers["content-type"] == "application/problem+json"
        assert said["status"] == answer.status_code


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        [
            "",
            " ",
            "\x00",
            "\u2028",
            "9999-12-31",
            "0001-01-01",
            "2026-13-45",
            "9999-12-31T23:59:59Z",
            "0001-01-01T00:00:00+14:00",
            "9990000018",
            "CH65 9ZZ",
            "x" * 9000,
            [],
            [[]],
            {},
            [{}],
            {"code": "x"},
            {"reference": "#x"},
            {"reference": "urn:uuid:x"},
            {"coding": [{}]},
        ]
    ),
)


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every object or list of a document, with each of its keys."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(items):
        yield node, key
        if isinstance(value, dict | list):
            yield from places(value)


@st.composite
def mutated(draw: st.DrawFn, media: str) -> bytes:
    """A sample of which one to five places were left out, replaced, doubled or renamed."""
    document = copy.deepcopy(draw(st.sampled_from(SAMPLES[media])))
    document["id"] = draw(st.uuids()).hex
    for _ in range(draw(st.integers(1, 5))):
        everywhere = list(places(document))
        if not everywhere:
            break
        node, key = everywhere[draw(st.integers(0, len(everywhere) - 1))]
        match draw(st.sampled_from(["drop", "replace", "wrap", "rename", "double"])):
            case "drop":
                del node[key]
            case "replace":
                node[key] = copy.deepcopy(draw(VALUES))
            case "wrap":
                node[key] = [node[key]] if draw(st.booleans()) else {"value": node[key]}
            case "rename" if isinstance(node, dict):
                node[draw(st.sampled_from(["x", "id", "kind", "resourceType", "é/~"]))] = node.pop(
                    key
                )
            case _ if isinstance(node, list):
                node.append(copy.deepcopy(node[key]))
    return json.dumps(document).encode()


@EVERY
def test_random_bytes_are_answered(partner: Partner, media: str) -> None:
    @FUZZ
    @given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode), PATHS)
    def check(sent: bytes, path: str) -> None:
        answered(partner.post(sent, path, media))

    check()


@MEDIA
def test_samples_that_were_tampered_with_are_answered(partner: Partner, media: str) -> None:
    @FUZZ
    @given(mutated(media), PATHS)
    def check(sent: bytes, path: str) -> None:
        answered(partner.post(sent, path, media))

    check()


TEXTS = [
    to_xml(sample, "STU3" if "event" in sample["entry"][0]["resource"] else "R4").decode()
    for sample in SAMPLES[FHIR]
]


@st.composite
def respelled(draw: st.DrawFn) -> bytes:
    """A sample as XML of which some pieces were left out, doubled, renamed or swapped."""
    pieces = re.findall("<[^>]*>", draw(st.sampled_from(TEXTS)))
    chance = draw(st.randoms(use_true_random=True))
    for _ in range(draw(st.integers(1, 4))):
        at, other = chance.randrange(len(pieces)), chance.randrange(len(pieces))
        match draw(st.sampled_from(["drop", "double", "rename", "swap", "value", "text"])):
            case "drop":
                pieces[at] = ""
            case "double":
                pieces[at] *= 2
            case "rename":
                pieces[at] = pieces[at].replace("e", "x", 1)
            case "swap":
                pieces[at], pieces[other] = pieces[other], pieces[at]
            case "value":
                value = draw(
                    st.sampled_from(["", " ", "&#9;", "1e999", "true", "9999-12-31", "#x"])
                )
                pieces[at] = re.sub('".*"', f'"{value}"', pieces[at])
            case _:
                pieces[at] += draw(
                    st.sampled_from(["x", "<x/>", "<![CDATA[]]>", "&amp;", "\u2028"])
                )
    return "".join(pieces).encode()


def test_xml_that_was_tampered_with_is_answered(partner: Partner) -> None:
    @FUZZ
    @given(respelled(), PATHS)
    def check(sent: bytes, path: str) -> None:
        answered(partner.post(sent, path, XML))

    check()


def dates(node: Any) -> list[tuple[Any, Any]]:
    """Every place of a document that holds a day or an instant."""
    return [
        (inner, key)
        for inner, key in places(node)
        if isinstance(inner[key], str) and re.match(r"\d{4}-\d{2}-\d{2}", inner[key])
    ]


@MEDIA
@pytest.mark.parametrize("day", ["0001-01-01", "0001-02-03", "9996-02-29", "9999-12-31"])
def test_days_at_the_ends_of_the_calendar_are_answered(
    partner: Partner, media: str, day: str
) -> None:
    for sample in SAMPLES[media]:
        every = range(len(dates(sample)))
        for chosen in [[one] for one in every] + [every]:
            document = copy.deepcopy(sample) | {"id": uuid4().hex}
            for index, (node, key) in enumerate(dates(document)):
                if index in chosen:
                    node[key] = day + node[key][10:]
            answered(partner.check(document, media=media))


@EVERY
def test_samples_that_were_cut_off_or_garbled_are_answered(partner: Partner, media: str) -> None:
    texts = TEXTS if media == XML else [json.dumps(sample) for sample in SAMPLES[media]]

    @SEVERAL
    @given(st.sampled_from(texts), st.data())
    def check(text: str, data: st.DataObject) -> None:
        sent = text.encode()
        at = data.draw(st.integers(0, len(sent)))
        garbage = data.draw(st.binary(max_size=4))
        answered(partner.post(sent[:at] + garbage + sent[at + len(garbage) :], media=media))
        answered(partner.post(sent[:at], media=media))

    check()


@MEDIA
def test_an_answered_message_is_answered_the_same_when_it_is_checked(
    partner: Partner, media: str
) -> None:
    @SEVERAL
    @given(mutated(media))
    def check(sent: bytes) -> None:
        checked, posted = partner.check(sent, media=media), partner.post(sent, media=media)
        if posted.status_code in (200, 202):
            assert checked.status_code == 200
        elif posted.status_code != 409:
            assert (checked.status_code, checked.json()) == (posted.status_code, posted.json())

    check()


def test_what_is_answered_in_fhir_is_fhir(partner: Partner) -> None:
    target = base64.b64encode(b'{"system": "urn:dos", "value": "1"}').decode()
    headers = {"NHSD-Target-Identifier": target, "X-Request-Id": str(uuid4())}
    headers["X-Correlation-Id"] = headers["X-Request-Id"]

    @FUZZ
    @given(mutated(FHIR))
    def check(sent: bytes) -> None:
        answer = partner.post(sent, "/fhir/$process-message", FHIR, **headers)
        assert answer.status_code in ANSWERS - {202}, answer.text[:500]
        said = answer.json()
        assert answer.headers["content-type"] == FHIR
        assert said["resourceType"] == (
            "Bundle" if answer.status_code == 200 else "OperationOutcome"
        )
        stu3 = "entry" in said and "event" in said["entry"][0]["resource"]
        classes = STU3 if stu3 else R4B
        classes.get_fhir_model_class(said["resourceType"]).model_validate(said)

    check()


@MEDIA
def test_a_line_of_a_batch_is_answered_as_it_would_be_alone(partner: Partner, media: str) -> None:
    @SEVERAL
    @given(st.lists(mutated(media) | st.binary(max_size=60), max_size=6))
    def check(sent: list[bytes]) -> None:
        content = b"\n".join(sent)
        answer = partner.post(content, "/messages/batch", "application/x-ndjson")
        assert answer.status_code == 200
        said = [json.loads(line) for line in answer.content.splitlines()]
        lines = [line for line in content.split(b"\n") if line.strip()]
        assert len(said) == len(lines)
        for one, line in zip(said, lines, strict=True):
            alone = partner.post(line, media=media_type_of(line), accept=JSON)
            taken = {200, 202}
            assert {one["status"], alone.status_code} <= taken or (
                (one["status"], one["problem"]) == (alone.status_code, alone.json())
            )

    check()


def test_after_all_that_it_still_takes_messages(gateway: Gateway, partner: Partner) -> None:
    answered(partner.post(SAMPLES[JSON][0] | {"id": "at-the-end"}))
    assert gateway.stranger.get("/health/ready").status_code == 200
