"""The documentation is true: its commands run, its samples come from the product, its tables agree.

In a page, a block of `console` is run in bash, line by line, in one scratch folder for the page. A
line after `$ ` is typed, what stands below it is compared with what comes back: `…` stands for any
text within a line, and alone on a line for any lines. A block of `json` is saved where the sentence
before it says "as `name.json`", or names the function below that produces it.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from gateway.api.application import create_application
from gateway.broker import Topology
from gateway.cli.orgs import register
from gateway.service import Service
from gateway.settings import Settings
from schemas.alert import AlertData
from tests.builders import default_policy, directory, understood
from tests.end_to_end.running import (
    ROOT,
    Serving,
    a_gateway,
    environment,
    eventually,
    free_port,
    queues_of_its_own,
)
from tests.services import amqp_url

pytestmark = pytest.mark.rabbitmq

DOCS = ROOT / "docs"
PAGES = ("index.md", "send.md", "consume.md", "operate.md", "sharing-rules.md")
RUN = tuple(page for page in PAGES if page != "index.md")
BINARIES = Path(sys.executable).parent
MARK = "\x1e"


@dataclass(frozen=True)
class Command:
    """One command of a page, and what should come back."""

    line: int
    words: str
    expected: str


@dataclass(frozen=True)
class Ran:
    """What a command of a page printed."""

    command: Command
    printed: str


@dataclass(frozen=True)
class Surroundings:
    """Where a page's commands run, and what stands in the page for what differs there."""

    folder: Path
    settings: Mapping[str, str]
    written: Mapping[str, str] = field(default_factory=dict)
    """What the page writes, and what it is here."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A gateway over RabbitMQ with queues of its own, which the pages for partners speak to."""
    with (
        queues_of_its_own(amqp_url()) as prefix,
        a_gateway(
            tmp_path_factory.mktemp("docs"),
            GATEWAY_AMQP_URL=amqp_url(),
            GATEWAY_AMQP_PREFIX=prefix,
        ) as serving,
    ):
        yield serving


@pytest.fixture(scope="module")
def key(gateway: Serving) -> str:
    return gateway.key("ods:RXA")


@pytest.fixture(scope="module")
def ran(
    gateway: Serving, key: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Ran]]:
    """What the commands of every page printed. Two run at a time, and the partners' one by one."""
    prefix = gateway.settings["GATEWAY_AMQP_PREFIX"]
    partners = {
        "GATEWAY_URL": gateway.url,
        "GATEWAY_KEY": key,
        "GATEWAY_AMQP_CONSUMER_URL": amqp_url(),
        "GATEWAY_AMQP_PREFIX": prefix,
        "AMQP_URL": amqp_url(),
    }
    port = str(free_port())

    def folder(page: str) -> Path:
        scratch = tmp_path_factory.mktemp(page)
        (scratch / "examples").symlink_to(ROOT / "examples")
        return scratch

    surroundings = {
        page: Surroundings(folder(page), partners, {"consume.py ": f"consume.py {prefix}"})
        for page in ("consume.md", "send.md")
    } | {
        "operate.md": Surroundings(
            folder("operate.md"),
            {"GATEWAY_PORT": port},
            {"127.0.0.1:8000": f"127.0.0.1:{port}"},
        ),
        "sharing-rules.md": Surroundings(folder("sharing-rules.md"), {}),
    }

    def run_all(*pages: str) -> dict[str, list[Ran]]:
        return {page: run(page, surroundings[page]) for page in pages}

    with ThreadPoolExecutor(2) as pool:
        halves = pool.map(
            lambda pages: run_all(*pages),
            [("consume.md", "send.md"), ("operate.md", "sharing-rules.md")],
        )
        return {page: printed for half in halves for page, printed in half.items()}


@pytest.mark.parametrize("page", RUN)
def test_every_command_of_a_page_prints_what_the_page_says(
    page: str, ran: dict[str, list[Ran]]
) -> None:
    assert ran[page]
    for done in ran[page]:
        assert re.fullmatch(pattern(done.command.expected), done.printed), (
            f"{page}:{done.command.line}: {done.command.words}\n--- should print\n"
            f"{done.command.expected}\n--- printed\n{done.printed}"
        )


@pytest.mark.parametrize("page", PAGES)
def test_every_json_sample_is_a_message_or_comes_from_the_product(
    page: str, tmp_path: Path
) -> None:
    for name, produced_by, text in json_blocks(page):
        sample = orjson.loads(text)
        assert name or produced_by, f"{page}: who says that this is right? {text:.60}"
        if name:
            assert understood(sample)
        else:
            assert sample == PRODUCERS[produced_by](tmp_path)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", text_of(page)):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        path = (DOCS / file).resolve() if file else DOCS / page
        assert path.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in anchors(path.read_text()), f"{page}: {target}"


def run(page: str, where: Surroundings) -> list[Ran]:
    """Run a page's commands in one shell, and return what each printed, in the page's words."""
    for name, _, text in json_blocks(page):
        if name:
            (where.folder / name).write_text(text)
    commands = list(commands_of(page))
    script = "exec 2>&1 </dev/null\n" + "".join(
        f"{here(c.words, where)}\nprintf '{MARK}'\n" for c in commands
    )
    settings = {**where.settings, "PATH": f"{BINARIES}:{os.environ['PATH']}"}
    shell = subprocess.Popen(
        ["bash", "-c", script],
        cwd=where.folder,
        env=environment(settings),
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, _ = shell.communicate(timeout=90)
    finally:
        # Whatever a page left in the background ends with it.
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(shell.pid, how)
            except ProcessLookupError:
                break
            if how is signal.SIGTERM:
                wait_for_the_end(shell.pid)
    printed = out.decode().split(MARK)
    return [
        Ran(command, there(text, where)) for command, text in zip(commands, printed, strict=False)
    ]
