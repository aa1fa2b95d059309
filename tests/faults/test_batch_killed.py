"""kill -9 of the serving process in the middle of a batch."""

from __future__ import annotations

import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.api.batch import NDJSON
from tests.builders import a_review, body
from tests.end_to_end.running import a_gateway, eventually, key_in
from tests.integration.serving import Partner
from tests.integration.streaming import Stream

pytestmark = pytest.mark.fault
LINES, ENOUGH = 200, 20


def test_what_was_answered_in_a_batch_is_there_after_a_crash_and_the_rest_is_sent_again(
    tmp_path: Path,
) -> None:
    messages = [body(a_review(record=f"batch-{n}")) for n in range(LINES)]
    answers: list[dict[str, Any]] = []
    with a_gateway(tmp_path, "--no-relay", "--show-curl") as serving:
        key = key_in(serving.out)
        with serving.client(key) as http, closing(Stream(Partner(http, key))) as stream:

            def write() -> None:
                with suppress(OSError):
                    for message in messages:
                        stream.write(message + b"\n")

            def read() -> None:
                with suppress(OSError, ValueError):  # the last answer may be cut
                    while len(answers) < LINES:
                        answers.append(stream.read())

            threads = [threading.Thread(target=one) for one in (write, read)]
            for thread in threads:
                thread.start()
            eventually(lambda: len(answers) >= ENOUGH)
            serving.kill()
            for thread in threads:
                thread.join(10)
        assert ENOUGH <= len(answers) < LINES, "it was killed in the middle"
        assert {one["status"] for one in answers} == {202}
        serving.start("--no-relay")
        with serving.client(key) as http:
            for answer in answers:
                assert http.get(answer["location"]).status_code == 200, answer["line"]
            again = http.post(
                "/messages/batch", content=b"\n".join(messages), headers={"Content-Type": NDJSON}
            )
        said = [orjson.loads(line) for line in again.content.splitlines()]
        assert [one["line"] for one in said] == list(range(1, LINES + 1))
        assert {one["status"] for one in said[: len(answers)]} == {200}
        assert {one["status"] for one in said} == {200, 202}
        assert [one["location"] for one in answers] == [
            one["location"] for one in said[: len(answers)]
        ]
