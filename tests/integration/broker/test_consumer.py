"""Receiving from a real RabbitMQ: leaving the `with` acknowledges, an exception leaves it."""

import time
from threading import Timer

import pika
import pytest

from gateway.broker import BrokerAway, TopologyFault, consume, depths

pytestmark = pytest.mark.rabbitmq


class UnreadableError(Exception):
    """What a consumer raises over a poisonous alert."""


@pytest.fixture
def send(url, topology):
    def publish(*bodies):
        with pika.BlockingConnection(pika.URLParameters(url)) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            for body in bodies:
                properties = pika.BasicProperties(
                    message_id=f"id-{body}", type="referral.created.v1"
                )
                channel.basic_publish(
                    topology.alerts.name, "education.referral", body.encode(), properties
                )

    return publish


def settled_depths(url, topology, **expected):
    """The depths once dead letters have found their way, which takes RabbitMQ a moment."""
    deadline = time.monotonic() + 5
    while True:
        found = {name.replace(".", "_"): n for name, n in depths(url, topology).items() if n}
        if found == expected or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def test_leaving_an_alert_cleanly_acknowledges_it(url, topology, send):
    send("one", "two")
    with consume(url, topology, "education", idle=0.2) as alerts:
        seen = []
        for alert in alerts:
            with alert:
                seen.append((alert.message_id, alert.routing_key, alert.type, alert.body))
                assert not alert.redelivered
    assert seen == [
        ("id-one", "education.referral", "referral.created.v1", b"one"),
        ("id-two", "education.referral", "referral.created.v1", b"two"),
    ]
    assert depths(url, topology)["education"] == 0


def test_an_exception_leaves_the_alert_for_the_next_time(url, topology, send):
    send("one")
    with (
        pytest.raises(UnreadableError),
        consume(url, topology, "education") as alerts,
        next(alerts),
    ):
        raise UnreadableError
    with consume(url, topology, "education", count=1) as alerts:
        for alert in alerts:
            with alert:
                assert (alert.message_id, alert.redelivered) == ("id-one", True)
    assert settled_depths(url, topology) == {}


def test_a_consumer_that_dies_leaves_the_alert(url, topology, send):
    send("one")
    with consume(url, topology, "education") as alerts:
        next(alerts)
    assert settled_depths(url, topology, education=1) == {"education": 1}


def test_a_rejected_alert_is_put_aside(url, topology, send):
    send("bad", "good")
    with consume(url, topology, "education", count=2) as alerts:
        for alert in alerts:
            with alert:
                if alert.body == b"bad":
                    alert.reject()
    expected = {"education_dead": 1}
    assert settled_depths(url, topology, **expected) == expected
    with consume(url, topology, "education.dead", count=1) as alerts, next(alerts) as alert:
        assert alert.message_id == "id-bad"


def poisoned(url, topology):
    """Deliveries of the poison, in the hands of a consumer that goes on after each failure."""
    deliveries = 0
    with consume(url, topology, "education", idle=0.3) as alerts:
        for alert in alerts:
            try:
                with alert:
                    if alert.body == b"poison":
                        deliveries += 1
                        raise UnreadableError
            except UnreadableError:
                continue
    return deliveries


def test_poison_is_dead_after_the_limit_of_the_policy_and_holds_up_nobody(url, numbers, send):
    send("poison", "good")
    assert poisoned(url, numbers) == 6  # five may fail
    expected = {"education_dead": 1}
    assert settled_depths(url, numbers, **expected) == expected


def test_without_a_policy_the_ceiling_holds(url, topology, send):
    send("poison", "good")
    assert poisoned(url, topology) == 21
    expected = {"education_dead": 1}
    assert settled_depths(url, topology, **expected) == expected


def test_a_count_takes_no_more_than_that_out_of_the_queue(url, topology, send):
    send("one", "two", "three")
    with consume(url, topology, "education", count=2) as alerts:
        for alert in alerts:
            with alert:
                pass
    with consume(url, topology, "education", count=1) as alerts, next(alerts) as alert:
        assert (alert.message_id, alert.redelivered) == ("id-three", False)


def test_an_idle_queue_ends_the_wait(url, topology):
    before = time.monotonic()
    with consume(url, topology, "education", idle=0.3) as alerts:
        assert list(alerts) == []
    assert 0.3 <= time.monotonic() - before < 3


def test_a_queue_that_is_not_there_is_told_with_what_makes_it(url, undeclared):
    with (
        pytest.raises(TopologyFault, match=r"no queue .*`gateway topology apply` makes it"),
        consume(url, undeclared, "education") as alerts,
    ):
        next(alerts)


def test_a_queue_that_is_deleted_while_waiting_is_told(url, topology):
    name = topology.queue("education").name

    def delete():
        with pika.BlockingConnection(pika.URLParameters(url)) as connection:
            connection.channel().queue_delete(name)

    timer = Timer(0.3, delete)
    timer.start()
    with (
        pytest.raises(BrokerAway, match="was deleted or moved"),
        consume(url, topology, "education") as alerts,
    ):
        next(alerts)
    timer.join()
