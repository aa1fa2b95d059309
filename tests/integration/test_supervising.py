"""A child of `serve` that does not end in time is killed: nothing outlives its parent."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from gateway import app


def test_a_child_that_does_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stubborn.py").write_text(
        "import os, time, pathlib\n"
        f"pathlib.Path({str(tmp_path)!r}, 'pid.new').write_text(str(os.getpid()))\n"
        f"os.rename({str(tmp_path / 'pid.new')!r}, {str(tmp_path / 'pid')!r})\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(app, "ENDS_WITHIN", 0.2)

    async def run() -> None:
        supervising = asyncio.create_task(app.supervise("stubborn"))
        async with asyncio.timeout(20):
            while not (tmp_path / "pid").exists():  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.02)
        supervising.cancel()
        await asyncio.gather(supervising, return_exceptions=True)

    asyncio.run(run())
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
