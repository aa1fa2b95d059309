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
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pika
import pytest
from pydantic.alias_generators import to_camel

from adapters.outbound.cloudevents import render
from gateway.api.application import create_application
from gateway.broker import Topology, remove, remove_policy
from gateway.cli.orgs import register
from gateway.service import Service
from gateway.settings import Settings
from gateway.storage import open_journal
from schemas.alert import AlertData, AlertService
from tests.builders import a_referral, body, default_policy, directory, understood
from tests.end_to_end.running import (
    ROOT,
    Said,
    Serving,
    a_gateway,
    environment,
    eventually,
    free_port,
    queues_of_its_own,
)
from tests.services import amqp_url

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(240)]

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

    @property
    def pattern(self) -> str:
        """What is expected, as a regular expression."""
        return "".join(
            r"(?:.*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n"
            for line in self.expected.splitlines()
        )


@dataclass(frozen=True)
class Ran:
    """What a command of a page printed."""

    command: Command
    printed: str


@dataclass(frozen=True)
class Surroundings:
    """Where a page's commands run."""

    folder: Path
    settings: Mapping[str, str]

    def here(self, words: str) -> str:
        """Turn a page's command into the one that is right here."""
        queue = f"consume.py {self._prefix}"
        return words.replace(":8000", f":{self._port}").replace("consume.py ", queue)

    def there(self, printed: str) -> str:
        """Turn what was printed here into what the page says."""
        lines = "".join(f"{line.rstrip()}\n" for line in printed.strip("\n").splitlines())
        return lines.replace(f":{self._port}", ":8000").replace(self._prefix or "\0", "")

    @property
    def _prefix(self) -> str:
        return self.settings.get("GATEWAY_AMQP_PREFIX", "")

    @property
    def _port(self) -> str:
        return self.settings.get("GATEWAY_PORT", "8000")


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
    """A key of the health visitors' trust."""
    journal, _ = open_journal(Settings(database_url=gateway.settings["GATEWAY_DATABASE_URL"]))
    with journal:
        return register(journal, directory(), "ods:RXA").key


@pytest.fixture(scope="module")
def ran(
    gateway: Serving, key: str, undeclared: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Ran]]:
    """What the commands of every page printed; two at a time, those for partners one by one."""
    prefix = {"GATEWAY_AMQP_PREFIX": gateway.settings["GATEWAY_AMQP_PREFIX"]}
    partner = {
        "GATEWAY_URL": gateway.url,
        "GATEWAY_KEY": key,
        "GATEWAY_AMQP_CONSUMER_URL": amqp_url(),
        "AMQP_URL": amqp_url(),
    }
    operator = {
        "GATEWAY_PORT": str(free_port()),
        "GATEWAY_AMQP_PREFIX": undeclared,
        "GATEWAY_AMQP_ADMIN_URL": amqp_url(),
    }
    settings = {
        "consume.md": prefix | partner,
        "send.md": partner,
        "operate.md": operator,
        "sharing-rules.md": {},
    }

    def run_one_by_one(pages: tuple[str, ...]) -> dict[str, list[Ran]]:
        printed = {}
        for page in pages:
            folder = tmp_path_factory.mktemp(page)
            for name in ("examples", "gateway"):
                (folder / name).symlink_to(ROOT / name)
            printed[page] = run(page, Surroundings(folder, settings[page]))
        return printed

    with ThreadPoolExecutor(2) as pool:
        operators = pool.submit(run_one_by_one, ("operate.md", "sharing-rules.md"))
        partners = run_one_by_one(("consume.md", "send.md"))
        return partners | operators.result()


@pytest.fixture(scope="module")
def undeclared() -> Iterator[str]:
    """A prefix under which nothing is declared yet, and nothing stays."""
    topology = Topology(f"test-{uuid4().hex[:12]}.")
    try:
        yield topology.prefix
    finally:
        remove_policy(amqp_url(), topology)
        remove(amqp_url(), topology)


@pytest.mark.parametrize("page", RUN)
def test_every_command_prints_what_the_page_says(page: str, ran: dict[str, list[Ran]]) -> None:
    assert ran[page]
    wrong = [done for done in ran[page] if not re.fullmatch(done.command.pattern, done.printed)]
    report = "\n".join(
        f"{page}:{done.command.line}: {done.command.words}\n--- should print\n"
        f"{done.command.expected}--- printed\n{done.printed}"
        for done in wrong
    )
    assert not wrong, report


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


def test_the_consumer_in_the_page_is_the_one_that_runs() -> None:
    (shown,) = re.findall(r"^```python\n(.*?)^```$", text_of("consume.md"), re.M | re.S)
    assert shown == (ROOT / "examples" / "consume.py").read_text()


def test_the_settings_are_those_that_there_are() -> None:
    fields = Settings.model_fields
    told = {quoted(name)[0]: default for name, default, _ in table("operate.md", "Settings")}
    assert list(told) == [f"GATEWAY_{name.upper()}" for name in fields]
    for name, default in told.items():
        if words := quoted(default):
            assert words == [str(fields[name.removeprefix("GATEWAY_").lower()].default)], name


def test_the_users_of_rabbitmq_may_do_what_the_page_says() -> None:
    rows = table("operate.md", "Users of RabbitMQ")
    told = {quoted(user)[0]: tuple(quoted(" ".join(may))) for user, *may, _ in rows}
    assert told == Topology().permissions


def test_the_queues_have_the_limits_that_the_page_says() -> None:
    topology = Topology()
    limits = table("operate.md", "Topology")[0][2]
    assert [int(n.replace(",", "")) for n in re.findall(r"[\d,]*\d", limits)] == [
        topology.delivery_limit,
        topology.max_length,
    ]


def test_the_metrics_are_those_that_there_are(gateway: Serving, key: str) -> None:
    rows = table("operate.md", "Metrics, and what to alert on")
    told = {quoted(name)[0] for name, *_ in rows}
    shown = httpx.get(f"{gateway.url}/metrics").text
    there = set(re.findall(r"^# HELP (\w+)", shown, re.M))
    assert told == {name for name in there if not name.endswith("_created")}


def test_an_alert_has_the_attributes_and_fields_that_the_page_says() -> None:
    event = orjson.loads(an_event())
    assert [quoted(row[0])[0] for row in table("consume.md", "The event")] == list(event)
    told = {name for row in table("consume.md", "Its data") for name in quoted(row[0])}
    assert told == {to_camel(name) for name in AlertData.model_fields}


def test_the_routes_are_those_of_the_policy() -> None:
    rows = table("send.md", "What routes, and what never does")
    told = {route for row in rows for route in row[1].split(", ")}
    assert told == {name.partition(".")[0] for name in default_policy().routes}


def test_the_telephone_numbers_are_those_of_the_directory() -> None:
    told = [row[1] for row in table("send.md", "Suspected harm: telephone first")]
    numbers = directory().area.telephones
    assert told == [numbers.front_door, numbers.night_team, "999"]


def test_the_bases_stand_in_the_page_as_in_the_policy() -> None:
    refused = {
        "stops": "stops it", "does-not-stop": "does not stop it", "not-asked": "is not asked"
    }  # fmt: skip
    rows = table("sharing-rules.md", "The legal grounds")
    bases = default_policy().bases
    told = {quoted(name)[0]: (on, effect) for name, on, _, effect in rows}
    assert list(told) == list(bases)
    for name, (on, effect) in told.items():
        assert on == ("yes" if bases[name].on else "no")
        assert effect.startswith(refused[bases[name].refused])


def test_the_reasons_of_a_hold_are_those_of_the_policy() -> None:
    rows = table("sharing-rules.md", "Held, and why")
    assert [quoted(reason)[0] for reason, _ in rows] == list(default_policy().holds)


def test_the_example_sender_repeats_until_it_is_answered_and_nobody_is_told_twice(
    gateway: Serving, key: str, tmp_path: Path
) -> None:
    """The first answer is lost on its way, the second is a 503; then the receipt comes."""
    sent = [a_referral(), a_referral()]
    files = [tmp_path / "first.json", tmp_path / "second.json"]
    for file, message in zip(files, sent, strict=True):
        file.write_bytes(body(message))
    with a_bad_line(gateway.url, [None, 503]) as line:
        done = example("send.py", *files, folder=tmp_path, GATEWAY_URL=line.url, GATEWAY_KEY=key)
    assert done.code == 0, done.out
    assert line.asked == [sent[0]["id"]] * 3 + [sent[1]["id"]]
    assert done.out.count(": recorded, id ") == 2
    metrics = httpx.get(f"{gateway.url}/metrics").text
    assert 'gateway_messages_total{kind="referral",status="repeated"} 1.0' in metrics


def test_the_example_sender_says_what_is_wrong_and_what_is_missing(
    gateway: Serving, key: str, tmp_path: Path
) -> None:
    messages = ROOT / "examples" / "messages"
    files = [messages / f"review-{name}.json" for name in ("refused", "held")]
    settings = {"GATEWAY_URL": gateway.url, "GATEWAY_KEY": key}
    done = example("send.py", *files, folder=tmp_path, **settings)
    assert done.code == 1
    assert "refused. 422: 5 things are wrong" in done.out
    assert "/review/outcome is missing" in done.out
    assert "missing: that the parent was offered a talk about it" in done.out


def test_the_example_consumer_keeps_the_latest_of_each_thread_and_puts_rubbish_aside(
    tmp_path: Path,
) -> None:
    """A dead letter can then be put back by the other example, as it was."""
    came = [
        (an_event(2, "b"), "new"),
        (an_event(2, "b"), "repeat"),
        (an_event(1, "a"), "older"),
        (b"rubbish", "put aside"),
        (an_event(3, "c").replace(b".created.v1", b".created.v2"), "put aside"),
        (an_event(4, "d", "withdrawn"), "new"),
    ]
    with queues_of_its_own(amqp_url()) as prefix:
        publish(prefix, [event for event, _ in came])
        settings = environment({"AMQP_URL": amqp_url(), "PYTHONUNBUFFERED": "1"})
        consumer = [sys.executable, ROOT / "examples" / "consume.py", f"{prefix}health"]
        with (
            (tmp_path / "out").open("w") as out,
            subprocess.Popen(consumer, cwd=tmp_path, env=settings, stdout=out) as process,
        ):
            try:
                printed = eventually(lambda: told(tmp_path / "out", len(came)))
            finally:
                process.terminate()
        assert printed == [word for _, word in came]
        with sqlite3.connect(tmp_path / "alerts.db") as store:
            kept = store.execute("SELECT subject, sequence, change FROM thread").fetchall()
        assert kept == [("thread-1", "0000000004", "withdrawn")]

        done = example("requeue.py", f"{prefix}health", folder=tmp_path, AMQP_URL=amqp_url())
        assert done.out.count("(was rejected)") == 2, done.out
        assert taken(f"{prefix}health") == [(ROUTING_KEY, came[3][0]), (ROUTING_KEY, came[4][0])]
        assert taken(f"{prefix}health.dead") == []


def run(page: str, where: Surroundings) -> list[Ran]:
    """Run a page's commands in one shell, and return what each printed, in the page's words."""
    for name, _, text in json_blocks(page):
        if name:
            (where.folder / name).write_text(text)
    commands = commands_of(page)
    script = "".join(f"{where.here(c.words)}\nprintf '{MARK}'\n" for c in commands)
    output = where.folder / "output"
    with output.open("wb") as file:
        shell = subprocess.Popen(
            ["bash", "-c", script + "kill $(jobs -p) && wait"],
            cwd=where.folder,
            env=environment({**where.settings, "PATH": f"{BINARIES}:{os.environ['PATH']}"}),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        try:
            shell.wait(100)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    printed = output.read_text().split(MARK)
    assert len(printed) > len(commands), printed[-1]
    return [
        Ran(command, where.there(text)) for command, text in zip(commands, printed, strict=False)
    ]


@cache
def text_of(page: str) -> str:
    return (DOCS / page).read_text()


def commands_of(page: str) -> list[Command]:
    """Return the commands of a page's `console` blocks, each with what should come back."""
    text, found = text_of(page), []
    for block in re.finditer(r"^```console\n(.*?)^```$", text, re.M | re.S):
        for command in re.finditer(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block[1], re.M):
            line = text.count("\n", 0, block.start(1) + command.start()) + 1
            found.append(Command(line, command[1], command[2]))
    return found


def json_blocks(page: str) -> list[tuple[str, str, str]]:
    """Return a page's `json` blocks: under which name each is saved, what produces it, its text."""
    block = r"(?:as `([\w-]+\.json)`:|<!-- produced by: (\w+) -->|)\n+```json\n(.*?)^```$"
    return re.findall(block, text_of(page), re.M | re.S)


def table(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the first table below a heading, without their head."""
    below = re.split(rf"^#+ {re.escape(heading)}$", text_of(page), flags=re.M)[1]
    rows = re.search(r"(?:^\|.*\|\n)+", below, re.M)
    assert rows, heading
    return [
        [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in rows[0].splitlines()[2:]
    ]


def quoted(cell: str) -> list[str]:
    """Return the words of a cell that stand between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def anchors(markdown: str) -> set[str]:
    """Return the anchors that a page's headings make."""
    headings = re.findall(r"^#+ (.*)$", markdown, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def not_accepted(folder: Path) -> Any:
    """The answer while the journal cannot be written."""
    service = Service(Settings(database_url=f"sqlite:///{folder / 'gateway.db'}"))
    key = register(service.journal, service.rules.directory, "ods:RXA").key
    service.journal.close()

    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(create_application(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
            return await http.post(
                "/messages",
                content=(ROOT / "examples/messages/review.json").read_bytes(),
                headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            )

    answer = asyncio.run(post())
    assert answer.headers["Retry-After"] == "5"
    return answer.json()


PRODUCERS: dict[str, Callable[[Path], Any]] = {"not_accepted": not_accepted}


def an_event(sequence: int = 1, alert: str = "alert-1", change: str = "created") -> bytes:
    """An alert as the gateway renders it."""
    data = AlertData.model_validate(
        {
            "change": change,
            "kind": "referral",
            "agency": "health",
            "service": AlertService(id="practice-n81992"),
            "urgency": "routine",
        }
    )
    at = datetime(2026, 11, 17, tzinfo=UTC)
    return render(
        data, alert=alert, thread="thread-1", sequence=sequence, at=at, base="http://gateway"
    )


def example(name: str, *words: object, folder: Path, **settings: str) -> Said:
    """Run an example program to its end."""
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / name, *map(str, words)],
        cwd=folder,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


def told(file: Path, count: int) -> list[str] | None:
    """Return the first word or words of each line, once there are so many lines."""
    lines = file.read_text().splitlines()
    return [line.partition(":")[0] for line in lines] if len(lines) >= count else None


ROUTING_KEY = "health.referral.none.routine"


def publish(prefix: str, bodies: list[bytes]) -> None:
    """Put these into the health queue, as the gateway does."""
    with pika.BlockingConnection(pika.URLParameters(amqp_url())) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for number, content in enumerate(bodies):
            properties = pika.BasicProperties(message_id=str(number), delivery_mode=2)
            channel.basic_publish(f"{prefix}alerts", ROUTING_KEY, content, properties, True)


def taken(queue: str) -> list[tuple[str, bytes]]:
    """Take all that waits in a queue: routing key and body of each."""
    found = []
    with pika.BlockingConnection(pika.URLParameters(amqp_url())) as connection:
        channel = connection.channel()
        while (got := channel.basic_get(queue, auto_ack=True))[0]:
            found.append((got[0].routing_key, got[2]))
    return found


@dataclass
class Line:
    """A way to the gateway that fails as the network does."""

    url: str
    asked: list[str]
    """The id of each message that was sent over it."""


@contextmanager
def a_bad_line(to: str, faults: list[int | None]) -> Iterator[Line]:
    """Pass requests on to the gateway; first these faults: a status, or None for a lost answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            line.asked.append(orjson.loads(content)["id"])
            fault = faults.pop(0) if faults else 0
            if fault:
                self.send_response(fault)
                self.send_header("Retry-After", "0")
                self.end_headers()
                return
            names = ("Authorization", "Content-Type", "Accept")
            headers = {name: self.headers[name] for name in names}
            answer = httpx.post(to + self.path, content=content, headers=headers)
            if fault is None:
                self.close_connection = True  # without a word
                return
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    line = Line(f"http://127.0.0.1:{server.server_port}", [])
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield line
    finally:
        server.shutdown()
        server.server_close()
