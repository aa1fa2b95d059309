"""A school's largest file: two thousand pupils, with all that a full export holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.running import Serving, a_gateway, eventually
from tests.school_files import a_ctf, a_need, a_pupil

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

PUPILS = 2_000
MEBIBYTES = 1024
"""In the kibibytes of /proc."""
K = [("2025-09-01", "N"), ("2026-01-05", "K")]
ATTENDANCE = {"Session": [{"Code": "/" * 40, "Note": "x" * 60} for _ in range(50)]}


def peak(serving: Serving) -> int:
    """The most memory that the serving process ever had, in KiB."""
    assert serving.process is not None
    status = Path(f"/proc/{serving.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1])


def test_two_thousand_pupils_take_bounded_memory_and_all_settle(tmp_path: Path) -> None:
    body = a_ctf(*(a_pupil(n, K, [a_need("SLCN")], Attendance=ATTENDANCE) for n in range(PUPILS)))
    assert 15_000_000 < len(body) < 20 * 1024 * 1024
    with (
        a_gateway(tmp_path, "--no-relay") as serving,
        serving.client(serving.key("urn:199901")) as client,
    ):
        before = peak(serving)
        answer = client.post(
            "/files",
            content=body,
            params={"parentsToldOn": "2026-01-09"},
            headers={"Content-Type": "application/xml"},
            timeout=60,
        )
        assert answer.status_code == 202, answer.text

        def done() -> dict[str, Any] | None:
            receipt: dict[str, Any] = client.get(answer.headers["location"]).json()
            return receipt if receipt["state"] == "done" else None

        receipt = eventually(done, 200)
        assert receipt["counts"] == {"accepted": PUPILS}
        grown = peak(serving) - before
        assert grown < 150 * MEBIBYTES
