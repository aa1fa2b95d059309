"""kill -9 in the middle of a school's file: every pupil is there afterwards, and none twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text

from tests.end_to_end.running import JOURNAL_KEY, Serving, a_gateway, eventually
from tests.school_files import a_ctf, a_need, a_pupil
from tests.services import scratch_database

pytestmark = [pytest.mark.fault, pytest.mark.postgresql]

PUPILS = 150
K = [("2025-09-01", "N"), ("2026-01-05", "K")]
TOLD = {"parentsToldOn": "2026-01-09"}


@pytest.fixture(params=[pytest.param("sqlite", marks=pytest.mark.long), "postgresql"])
def serving(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Serving]:
    with ExitStack() as stack:
        settings = {}
        if request.param == "postgresql":
            url = stack.enter_context(scratch_database())
            settings = {"GATEWAY_DATABASE_URL": url, "GATEWAY_JOURNAL_KEY": JOURNAL_KEY}
        yield stack.enter_context(a_gateway(tmp_path, "--no-relay", **settings))


def test_a_file_is_done_to_its_end_after_a_kill_and_no_pupil_is_lost_or_told_twice(
    serving: Serving,
) -> None:
    body = a_ctf(*(a_pupil(n, K, [a_need("SLCN")]) for n in range(PUPILS)))
    key = serving.key("urn:199901")
    engine = create_engine(serving.settings["GATEWAY_DATABASE_URL"], isolation_level="AUTOCOMMIT")

    def counted(what: str) -> int:
        with engine.connect() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {what}")).scalar_one())

    def send() -> httpx.Response:
        with closing(serving.client(key)) as client:
            headers = {"Content-Type": "application/xml"}
            return client.post("/files", content=body, params=TOLD, headers=headers, timeout=60)

    answers: list[Any] = []

    def send_and_lose_the_answer() -> None:
        try:
            answers.append(send())
        except httpx.TransportError as broken:
            answers.append(broken)

    sender = threading.Thread(target=send_and_lose_the_answer)
    for kill in (1, 2):
        if kill == 1:
            sender.start()
        settled = "entry WHERE state <> 'waiting'"
        eventually(lambda k=kill, s=settled: counted(s) >= 30 * k, 30)
        serving.kill()
        done = counted(settled)
        assert done < PUPILS, "it was killed in the middle"
        assert counted("entry") == PUPILS, "all of it was on disk before any was settled"
        assert counted("message") == done, "a message and its entry settle together"
        serving.start("--no-relay")
    sender.join()
    assert isinstance(answers[0], httpx.TransportError)

    def finished() -> dict[str, Any] | None:
        receipt = send().json()  # the sender has no answer, so it sends again
        return receipt if receipt["state"] == "done" else None

    receipt = eventually(finished, 60)
    assert receipt["counts"] == {"accepted": PUPILS}
    assert counted("upload") == 1
    assert counted("message") == counted("record") == counted("version") == PUPILS
    assert counted("alert") == counted("delivery") == PUPILS
    assert len({record["message"] for record in receipt["records"]}) == PUPILS
    assert counted("entry WHERE work IS NOT NULL") == 0
    engine.dispose()
