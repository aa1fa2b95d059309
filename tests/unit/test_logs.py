"""A log line about a failure says where it broke, and nothing that was in a message."""

from __future__ import annotations

import subprocess
import sys

SECRET = "Noah Gresford"
BREAKS = f"""
import logging, structlog
from gateway.logs import configure_logs
configure_logs()
def parse():
    try:
        int({SECRET!r})
    except ValueError as error:
        raise KeyError({SECRET!r}) from error
try:
    parse()
except KeyError:
    structlog.get_logger().exception("a line broke")
    logging.getLogger("uvicorn.error").error("in the application", exc_info=True)
"""


def test_what_an_exception_says_is_in_no_log() -> None:
    ran = subprocess.run([sys.executable, "-c", BREAKS], capture_output=True, text=True, timeout=60)
    assert "a line broke" in ran.stderr
    assert "in the application" in ran.stderr
    assert ran.stderr.count("ValueError") == ran.stderr.count("KeyError") == 2
    assert SECRET not in ran.stderr
