"""What the tests prove for partners becomes docs/conformance.md: `make conformance`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from tests.conformance import Claims

# The same examples in each run; `make test-long` draws others, and twice as many.
settings.register_profile("same", derandomize=True, max_examples=50)
settings.load_profile("same")

CLAIMS = pytest.StashKey[Claims]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--conformance", metavar="FILE", help="write what the tests prove to FILE")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[CLAIMS] = Claims()


@pytest.hookimpl(tryfirst=True)  # before any test is deselected
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("conforms"):
            config.stash[CLAIMS].claim(item.nodeid, **mark.kwargs)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        _passed.add(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    file = session.config.getoption("--conformance")
    if file and not hasattr(session.config, "workerinput"):
        Path(file).write_text(session.config.stash[CLAIMS].page(_passed), encoding="utf-8")


@pytest.fixture
def claims(request: pytest.FixtureRequest) -> Claims:
    """What the collected tests claim to prove."""
    return request.config.stash[CLAIMS]


_passed: set[str] = set()
