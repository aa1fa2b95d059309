"""Many messages in one call: a line in, a line out, in order, and never more than a window of them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gateway.api import batch
from gateway.api.batch import IN_FLIGHT, NDJSON, lines
from gateway.problems import Problem
from tests.builders import (
    a_probable_sen_review,
    a_review,
    a_safeguarding_referral,
    body,
    changed,
)
from tests.end_to_end.running import eventually
from tests.integration.serving import Gateway, Partner, serving
from tests.integration.streaming import Stream
from tests.unit.adapters.fhir_writer import bundle_of

LIMIT = 16 * 1024
Json = dict[str, Any]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(tmp_path_factory.mktemp("batch") / "gateway.db", max_bytes=LIMIT) as running:
        yield running


@pytest.fixture(scope="module")
def partner(gateway: Gateway) -> Partner:
    return gateway.partner()


def send(partner: Partner, *lines: bytes | Json) -> list[Json]:
    content = b"\n".join(one if isinstance(one, bytes) else body(one) for one in lines)
    answer = partner.post(content, "/messages/batch", NDJSON)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == NDJSON
    return [orjson.loads(line) for line in answer.content.splitlines()]


@contextmanager
def held_up(gateway: Gateway) -> Iterator[None]:
    """Let the journal write nothing until the block ends."""
    free, held = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        held.set()
        free.wait(20)

    done = gateway.service.journal.transact(wait)
    assert held.wait(10)
    try:
        yield
    finally:
        free.set()
        done.result(10)


# ── lines ────────────────────────────────────────────────────────────────────────────────────


def test_each_line_has_the_answer_that_it_would_have_alone(partner: Partner) -> None:
    review = a_review()
    said = send(
        partner,
        review,
        bundle_of(a_probable_sen_review()),
        b"",
        b" \r",
        b'{"kind": "referral",}',
        {"kind": "birth-notice"},
        a_review(source={"odsCode": "RJR"}),
        b"[" + b"7," * LIMIT,
        body(review) + b"\r",
        changed(review, "child.sex", "male"),
        bundle_of(changed(a_review(), "child.nhsNumber", "1")),
        b'{"resourceType": "Patient"}',
        b'"resourceType"',
        a_review(),
    )
    assert [(one["line"], one["status"]) for one in said] == [
        (1, 202),
        (2, 202),
        (5, 400),
        (6, 422),
        (7, 403),
        (8, 413),
        (9, 200),
        (10, 409),
        (11, 422),
        (12, 422),
        (13, 422),
        (14, 202),
    ]
    by_line = {one["line"]: one for one in said}
    for one in said:
        if one["status"] in (200, 202):
            receipt = partner.get(one["location"]).json()
            assert one["receipt"]["id"] == receipt["id"]
            assert one["receipt"]["record"] == receipt["record"]
        else:
            assert one["problem"]["status"] == one["status"]
    assert by_line[9]["location"] == by_line[1]["location"]
    assert by_line[5]["problem"]["column"] == 21
    assert by_line[11]["problem"]["errors"][0]["pointer"].startswith("Bundle.entry[")
    assert by_line[12]["problem"]["errors"][0]["pointer"] == "Bundle.resourceType"


def test_the_answers_are_what_openapi_says(gateway: Gateway, partner: Partner) -> None:
    document = gateway.stranger.get("/openapi.json").json()
    call = document["paths"]["/messages/batch"]["post"]
    schema = call["responses"]["200"]["content"][NDJSON]["schema"]
    validator = Draft202012Validator({**schema, "components": document["components"]})
    for answer in send(partner, a_review(), b"{"):
        validator.validate(answer)


def test_of_harm_each_line_has_the_numbers(partner: Partner) -> None:
    broken = changed(a_safeguarding_referral(), "child.birthDate", "yesterday")
    taken, refused = send(partner, a_safeguarding_referral(), broken)
    assert taken["receipt"]["warning"].startswith("NOT DELIVERED")
    assert refused["problem"]["detail"].startswith("NOT DELIVERED")
    assert refused["problem"]["telephone"] == taken["receipt"]["telephone"]


def test_lines_of_one_record_are_taken_in_their_order(partner: Partner) -> None:
    reviews = [
        a_review(record="batch-order", action="new" if n == 0 else "update", communication=n)
        for n in range(40)
    ]
    said = send(partner, *reviews)
    assert [one["receipt"]["record"]["version"] for one in said] == list(range(1, 41))


def test_a_batch_of_nothing_is_answered_by_nothing(partner: Partner) -> None:
    assert send(partner, b"") == send(partner, b"\n\n \n") == []


def test_who_may_not_send_or_sends_no_lines_is_told_once(
    gateway: Gateway, partner: Partner
) -> None:
    assert gateway.stranger.post(b"{}", "/messages/batch", NDJSON).status_code == 401
    assert partner.post(a_review(), "/messages/batch").status_code == 415


@given(st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"7", b"\n")), max_size=12))
def test_however_the_bytes_are_cut_the_lines_are_the_same(chunks: list[bytes]) -> None:
    async def cut() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def read() -> list[bytes | None]:
        return [line async for line in lines(cut(), 8)]

    expected = b"".join(chunks).split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert asyncio.run(read()) == [line if len(line) <= 8 else None for line in expected]


# ── streams ──────────────────────────────────────────────────────────────────────────────────


def test_a_line_is_answered_while_the_next_is_not_yet_written(partner: Partner) -> None:
    with closing(Stream(partner)) as stream:
        for number in range(1, 4):
            stream.write(body(a_review()) + b"\n")
            answer = stream.read()
            assert (answer["line"], answer["status"]) == (number, 202)


def test_no_more_lines_are_worked_on_than_the_window_has(
    gateway: Gateway, partner: Partner
) -> None:
    waiting = gateway.service.journal._queue
    with closing(Stream(partner)) as stream:
        with held_up(gateway):
            for n in range(3 * IN_FLIGHT):
                stream.write(body(a_review(record=f"window-{n}")) + b"\n")
            eventually(lambda: waiting.qsize() >= IN_FLIGHT)
            time.sleep(0.3)
            assert waiting.qsize() <= IN_FLIGHT + 2
        assert [stream.read()["line"] for _ in range(3 * IN_FLIGHT)] == list(
            range(1, 3 * IN_FLIGHT + 1)
        )


def test_who_does_not_read_the_answers_has_no_more_lines_worked_on(
    partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the machines between hold of the answers is some ten megabytes; the rest must wait."""
    taken: list[bytes] = []

    async def answers_at_length(*words: Any) -> Problem:
        taken.append(words[-1])
        return Problem(400, "x" * 100_000, "at-length")

    monkeypatch.setattr(batch, "take", answers_at_length)
    with closing(Stream(partner)) as stream:
        stream.write(b"{}\n" * 400)
        eventually(lambda: len(taken) >= IN_FLIGHT)
        time.sleep(1)
        assert len(taken) < 300
        assert [stream.read()["line"] for _ in range(400)] == list(range(1, 401))


def test_what_a_sender_sent_before_it_went_away_is_finished_and_no_more(tmp_path: Path) -> None:
    messages = [a_review() for _ in range(3)]
    with serving(tmp_path / "gateway.db") as gateway:
        partner = gateway.partner()
        with closing(Stream(partner)) as stream, held_up(gateway):
            stream.write(b"\n".join(map(body, messages)))  # without a newline the last is not whole
            eventually(lambda: gateway.service.journal._queue.qsize() == 2)
            stream.close()
        eventually(lambda: gateway.counts()["message"] == 2)
        again = send(partner, *messages)
    assert [one["status"] for one in again] == [200, 200, 202]


def test_once_the_journal_is_away_each_line_says_so(tmp_path: Path) -> None:
    with serving(tmp_path / "gateway.db") as gateway, closing(Stream(gateway.partner())) as stream:
        stream.write(body(a_review()) + b"\n")
        assert stream.read()["status"] == 202
        gateway.service.journal.close()
        for number in (2, 3):
            stream.write(body(a_review()) + b"\n")
            answer = stream.read()
            assert (answer["line"], answer["status"]) == (number, 503)
            assert answer["problem"]["code"] == "not-accepted"


def test_a_line_that_breaks_the_gateway_breaks_no_other(
    gateway: Gateway, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(line: bytes) -> str:
        if line == b"{}":
            raise RuntimeError
        return "application/json"

    monkeypatch.setattr(batch, "media_type_of", breaks)
    assert [one["status"] for one in send(partner, a_review(), b"{}", a_review())] == [
        202,
        500,
        202,
    ]


def test_a_batch_may_be_longer_than_any_message(partner: Partner) -> None:
    content = b"\n".join(body(a_review(record=f"long-{n}")) for n in range(60))
    assert len(content) > 2 * LIMIT
    answer: httpx.Response = partner.post(content, "/messages/batch", NDJSON)
    assert [orjson.loads(one)["status"] for one in answer.content.splitlines()] == [202] * 60
