"""The documentation is true: its commands run, its samples come from the product, its tables agree."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from pydantic.alias_generators import to_camel

from gateway.api.application import create_application
from gateway.broker import Topology, remove, remove_policy
from gateway.cli.orgs import register
from gateway.service import Service
from gateway.settings import Settings
from gateway.storage import open_journal
from schemas.alert import AlertData
from tests.builders import default_policy, directory, understood
from tests.end_to_end.pages import (
    DOCS,
    Ran,
    Surroundings,
    anchors,
    json_blocks,
    quoted,
    run,
    table,
    text_of,
)
from tests.end_to_end.running import ROOT, Serving, a_gateway, free_port, queues_of_its_own
from tests.end_to_end.test_examples import an_event
from tests.services import amqp_url

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(240)]

RUN = ("send.md", "school-files.md", "consume.md", "operate.md", "sharing-rules.md")
PAGES = ("index.md", "mesh.md", *RUN)


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
    with open_journal(Settings(database_url=gateway.settings["GATEWAY_DATABASE_URL"])) as journal:
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
        "school-files.md": {},
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
        operators = pool.submit(
            run_one_by_one, ("operate.md", "sharing-rules.md", "school-files.md")
        )
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
    assert not wrong, "\n".join(f"{page}:{done}" for done in wrong)


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
