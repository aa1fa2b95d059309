"""The relay takes what intake recorded to the agencies' queues on a real RabbitMQ."""

import asyncio
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from uuid import uuid4

import orjson
import pika
import pytest

from gateway.broker import Topology, apply, depths, remove
from gateway.delivery import amqp
from gateway.relay import Relay
from gateway.settings import Settings
from tests.builders import (
    DAY,
    NHS_NUMBERS,
    a_child,
    a_probable_sen_review,
    a_review,
    a_safeguarding_referral,
    body,
    changed,
)
from tests.integration.intake.desk import on_both
from tests.services import amqp_url

pytestmark = pytest.mark.rabbitmq


@pytest.fixture
def topology():
    """A topology of the test's own, not declared yet."""
    topology = Topology(f"test-{uuid4().hex[:12]}.")
    yield topology
    remove(amqp_url(), topology)


@pytest.fixture
def declared(topology):
    apply(amqp_url(), topology)
    return topology


@pytest.fixture
def settings(topology):
    return Settings(amqp_url=amqp_url(), amqp_prefix=topology.prefix)


@pytest.fixture
def desk(opened, topology):
    """A gateway whose alerts go over RabbitMQ."""
    return opened(amqp_url=amqp_url(), amqp_prefix=topology.prefix)


@pytest.fixture
def quick(monkeypatch):
    """Back off for a tenth of the usual time."""
    monkeypatch.setattr(amqp, "BACK_OFF_FIRST", 0.1)


@contextmanager
def relaying(settings, journal):
    """A relay at work beside the test."""
    relay, started, ends = Relay(settings, journal), threading.Event(), []

    async def run():
        stop = asyncio.Event()
        ends.extend((asyncio.get_running_loop(), stop))
        started.set()
        await relay.run(stop)

    failed = []

    def work():
        try:
            asyncio.run(run())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    started.wait(5)
    try:
        yield relay
    finally:
        loop, stop = ends
        with suppress(RuntimeError):  # it has ended already
            loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        assert not thread.is_alive(), "the relay did not end when it was told to"
        if failed:
            raise failed[0]  # why the relay ended by itself


def until(true, seconds=10):
    """Wait until something is true, or fail."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "this did not come true in time"
        time.sleep(0.02)


def states(desk, receipt):
    """How far each alert of a receipt has come, by agency."""
    return {alert.agency: alert.state for alert in desk.follow(receipt).alerts}


def taken(topology, agency):
    """All that lies in an agency's queue, taken and acknowledged."""
    with pika.BlockingConnection(pika.URLParameters(amqp_url())) as connection:
        channel = connection.channel()
        got = []
        while True:
            method, properties, content = channel.basic_get(
                topology.queue(agency).name, auto_ack=True
            )
            if method is None:
                return got
            got.append((method, properties, content))


@contextmanager
def on_broker():
    with pika.BlockingConnection(pika.URLParameters(amqp_url())) as connection:
        yield connection.channel()


def many(count):
    """Reviews of different children, to be told to one practice."""
    return [
        a_review(child=a_child(nhsNumber=None, familyName=f"Family{number}"))
        for number in range(count)
    ]


@on_both
def test_what_was_recorded_is_confirmed_and_then_delivered(desk, settings, declared, journal):
    receipt = desk.send(a_probable_sen_review())
    expected = {event["id"]: event for event in desk.due()}
    assert states(desk, receipt) == {"education": "due", "health": "due"}
    with relaying(settings, journal) as relay:
        until(lambda: set(states(desk, receipt).values()) == {"delivered"})
        assert relay.state == "up"
    for agency in ("education", "health"):
        [(method, properties, content)] = taken(declared, agency)
        event = orjson.loads(content)
        assert event == expected[properties.message_id]
        assert event["data"]["agency"] == agency
        assert method.routing_key.split(".")[0] == agency
        assert properties.content_type == "application/cloudevents+json"
        assert properties.type == event["type"]
    assert taken(declared, "social-care") == []


def test_a_relay_that_is_told_to_end_while_it_claims_ends(settings, declared, journal, monkeypatch):
    claim, claiming, told = journal.deliveries.claim, threading.Event(), threading.Event()

    def slow(*given):
        found = claim(*given)
        claiming.set()
        told.wait(10)
        return found

    monkeypatch.setattr(journal.deliveries, "claim", slow)
    with relaying(settings, journal):
        assert claiming.wait(10)
        threading.Timer(0.5, told.set).start()  # once the relay has been told


def test_a_safeguarding_referral_is_not_delivered_until_it_is_confirmed(
    desk, settings, declared, journal
):
    receipt = desk.send(a_safeguarding_referral())
    assert "NOT DELIVERED" in desk.follow(receipt).warning
    with relaying(settings, journal):
        until(lambda: "NOT DELIVERED" not in desk.follow(receipt).warning)
    assert len(taken(declared, "social-care")) == 1
    assert "not known" in desk.follow(receipt).warning


def test_what_was_superseded_is_not_sent(desk, settings, declared, journal):
    review = a_review()
    first = desk.send(review)
    newer = changed(review, "review.nextStep", "Newer")
    desk.send({**newer, "id": "newer", "sent": f"{DAY}T16:00:00+00:00"})
    with relaying(settings, journal):
        until(lambda: depths(amqp_url(), declared)["health"] == 1)
        until(lambda: desk.journal.deliveries.backlog() == [])
    [(_, _, content)] = taken(declared, "health")
    assert orjson.loads(content)["data"]["fields"]["review"]["nextStep"] == "Newer"
    assert states(desk, first) == {"health": "superseded"}


def test_an_unbound_queue_leaves_its_alerts_due_until_the_topology_is_applied(
    desk, settings, declared, journal, quick
):
    binding = declared.queue("education").binding
    with on_broker() as channel:
        channel.queue_unbind(binding.queue, binding.exchange, binding.routing_key)
    receipt = desk.send(a_probable_sen_review())
    with relaying(settings, journal) as relay:
        until(lambda: relay.state == "topology incomplete")
        until(lambda: states(desk, receipt) == {"education": "due", "health": "delivered"})
        apply(amqp_url(), declared)
        until(lambda: states(desk, receipt)["education"] == "delivered")
        until(lambda: relay.state == "up")
    assert [len(taken(declared, agency)) for agency in ("education", "health")] == [1, 1]


def test_a_relay_that_starts_before_a_queue_is_there_is_up_once_the_topology_is_applied(
    desk, settings, declared, journal, quick
):
    with on_broker() as channel:
        channel.queue_delete(declared.queue("education").name)
    receipt = desk.send(a_probable_sen_review())
    with relaying(settings, journal) as relay:
        until(lambda: relay.state == "topology incomplete")
        until(lambda: states(desk, receipt)["health"] == "delivered")
        apply(amqp_url(), declared)
        until(lambda: states(desk, receipt)["education"] == "delivered")
        until(lambda: relay.state == "up")


def test_a_relay_that_starts_before_the_topology_is_there_delivers_soon_after_it_is(
    desk, settings, topology, journal, quick
):
    receipt = desk.send(a_safeguarding_referral())
    with relaying(settings, journal) as relay:
        until(lambda: relay.state == "topology incomplete")
        assert states(desk, receipt) == {"social-care": "due"}
        apply(amqp_url(), topology)
        until(lambda: states(desk, receipt) == {"social-care": "delivered"})
        until(lambda: relay.state == "up")


def test_what_is_due_while_the_exchange_is_gone_is_delivered_soon_after_it_is_back(
    desk, settings, declared, journal, quick
):
    with relaying(settings, journal) as relay:
        until(lambda: relay.state == "up")
        with on_broker() as channel:
            channel.exchange_delete(declared.alerts.name)
        receipt = desk.send(a_safeguarding_referral())
        until(lambda: desk.rows("delivery")[0]["last_error"])
        until(lambda: relay.state == "topology incomplete")
        apply(amqp_url(), declared)
        until(lambda: states(desk, receipt) == {"social-care": "delivered"})
        until(lambda: relay.state == "up")


def test_a_full_queue_backs_off_alone_while_the_others_flow(
    desk, settings, declared, journal, quick
):
    queue = declared.queue("education")
    with on_broker() as channel:
        channel.queue_delete(queue.name)
        small = {**queue.arguments, "x-max-length": 1}
        channel.queue_declare(queue.name, durable=True, arguments=small)
        channel.queue_bind(queue.name, queue.binding.exchange, queue.binding.routing_key)
        channel.confirm_delivery()
        with suppress(pika.exceptions.NackError):
            while True:
                channel.basic_publish(declared.alerts.name, "education.x", b"{}")
    receipts = [
        desk.send(a_probable_sen_review(child=a_child(nhsNumber=number))) for number in NHS_NUMBERS
    ]

    def count(agency):
        return Counter(states(desk, receipt)[agency] for receipt in receipts)

    with relaying(settings, journal) as relay:
        until(lambda: count("health") == {"delivered": 6})
        until(lambda: relay.state == "refused by education")
        assert count("education") == {"due": 6}
        late = desk.send(a_review(child=a_child(nhsNumber=None)))
        until(lambda: states(desk, late) == {"health": "delivered"}, seconds=2)
        got = []
        end = time.monotonic() + 20
        while count("education") != {"delivered": 6}:
            got += taken(declared, "education")
            assert time.monotonic() < end
            time.sleep(0.1)
        until(lambda: relay.state == "up")
    got += taken(declared, "education")
    assert len({properties.message_id for _, properties, _ in got if properties.message_id}) == 6


@on_both
def test_two_relays_share_the_work_and_deliver_each_alert_once(
    desk, settings, declared, journal, another
):
    receipts = [answer.receipt for answer in desk.send_all(many(100))]
    with ExitStack() as stack:
        for one in (journal, another):
            stack.enter_context(relaying(settings, one))
        until(lambda: desk.journal.deliveries.backlog() == [], seconds=20)
    got = [properties.message_id for _, properties, _ in taken(declared, "health")]
    assert sorted(got) == sorted(alert.id for receipt in receipts for alert in receipt.alerts)
    assert {row["attempts"] for row in desk.rows("delivery")} == {1}


def test_an_alert_that_rabbitmq_cannot_take_is_set_aside_alone(desk, settings, declared, journal):
    review = a_review()
    # Of what a sender may send the alert shows each code in three places, and escapes its letters.
    review["review"]["asq3"]["scores"] = [{"code": {"code": "é" * 200}}] * 2200
    assert len(body(review)) < settings.max_bytes
    desk.send(review)
    receipt = desk.send(a_probable_sen_review(child=a_child(nhsNumber="9990001014")))
    with relaying(settings, journal):
        until(lambda: set(states(desk, receipt).values()) == {"delivered"})
