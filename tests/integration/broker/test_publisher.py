"""The fate of what is published to a real RabbitMQ, in fair weather and foul."""

import asyncio
import time
from collections import Counter

import pika
import pytest

from gateway.broker import BrokerAway, Outcome, Publisher, Topology, apply, depths

pytestmark = [pytest.mark.rabbitmq, pytest.mark.anyio]


async def all_of(publisher, publications):
    return await asyncio.gather(*(publisher.publish(p) for p in publications))


@pytest.fixture
def small(url, topology):
    """A topology whose queue for education takes about 10 alerts."""
    queue = topology.queue("education")
    arguments = queue.arguments | {"x-max-length": 10}

    def replace(channel):
        channel.queue_delete(queue.name)
        channel.queue_declare(queue.name, durable=True, arguments=arguments)
        channel.queue_bind(queue.name, queue.binding.exchange, queue.binding.routing_key)

    on_broker(url, replace)
    return topology


def on_broker(url, do):
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        return do(connection.channel())


def taken(url, queue, count):
    """`count` messages out of the queue, acknowledged."""

    def take(channel):
        got = []
        channel.basic_qos(prefetch_count=count)
        for method, properties, body in channel.consume(queue, inactivity_timeout=5):
            if method is None:
                break
            got.append((properties, body))
            if len(got) == count:
                break
        channel.cancel()  # before acknowledging, or more would be handed out
        channel.basic_ack(0, multiple=True)
        return got

    return on_broker(url, take)


async def test_thousands_in_flight_are_all_confirmed_and_arrive_once(
    url, topology, publisher, an_alert
):
    sent = [an_alert() for _ in range(5000)]
    assert Counter(await all_of(publisher, sent)) == {Outcome.CONFIRMED: 5000}
    got = taken(url, topology.queue("education").name, 5000)
    assert sorted(properties.message_id for properties, _ in got) == sorted(
        alert.alert_id for alert in sent
    )
    assert depths(url, topology)["education"] == 0


async def test_what_arrives_carries_all_that_a_receiver_and_a_restart_need(
    url, topology, publisher, an_alert
):
    alert = an_alert("health")
    assert await publisher.publish(alert) is Outcome.CONFIRMED
    ((properties, body),) = taken(url, topology.queue("health").name, 1)
    assert body == alert.body
    assert properties.content_type == "application/cloudevents+json"
    assert properties.delivery_mode == 2
    assert properties.message_id == alert.alert_id
    assert properties.type == "referral.created.v1"
    assert properties.timestamp == 1790847000  # 2026-10-01 09:30 UTC
    assert not properties.headers or set(properties.headers) == {"x-delivery-count"}


async def test_what_no_queue_is_bound_for_is_unroutable_and_not_confirmed(
    url, topology, publisher, an_alert
):
    binding = topology.queue("education").binding
    on_broker(
        url, lambda channel: channel.queue_unbind(binding.queue, binding.exchange, "education.#")
    )
    agencies = ["education", "health"] * 20
    outcomes = await all_of(publisher, [an_alert(agency) for agency in agencies])
    assert outcomes == [Outcome.UNROUTABLE, Outcome.CONFIRMED] * 20


async def test_one_alert_to_two_queues_has_two_fates(publisher, an_alert):
    known = an_alert("health")
    unknown = an_alert("housing", alert_id=known.alert_id)
    assert await all_of(publisher, [known, unknown]) == [Outcome.CONFIRMED, Outcome.UNROUTABLE]


async def test_a_full_queue_refuses_its_agency_alone(small, publisher, an_alert):
    fill = [an_alert(agency) for agency in ("education", "health", "social-care")]
    for _ in range(5):
        outcomes = await all_of(publisher, fill[:1] * 10 + fill[1:])
        assert outcomes[-2:] == [Outcome.CONFIRMED, Outcome.CONFIRMED]
    assert set(outcomes[:10]) == {Outcome.REFUSED}
    assert publisher.refusing == {"education"}
    assert publisher.channels_lost == 0


async def test_a_channel_that_keeps_refusing_is_replaced(url, small, publisher, an_alert):
    queue = small.queue("education").name
    while await publisher.publish(an_alert()) is Outcome.CONFIRMED:
        pass
    held = depths(url, small)["education"]
    # One place is free. The old channel would say no until a fifth of the queue is free, and on
    # a cluster of 3.10 perhaps for ever; a fresh one is believed at once.
    taken(url, queue, held - 9)
    refusals = 1
    while await publisher.publish(an_alert()) is Outcome.REFUSED:
        refusals += 1
        assert refusals <= 20
    assert refusals == 20
    assert publisher.refusing == frozenset()


async def test_replacing_a_channel_loses_no_word_about_what_is_in_flight(publisher, an_alert):
    in_flight = asyncio.gather(*(publisher.publish(an_alert()) for _ in range(400)))
    await asyncio.sleep(0)
    await publisher.reopen()
    outcomes = await in_flight + await all_of(publisher, [an_alert() for _ in range(100)])
    assert Counter(outcomes) == {Outcome.CONFIRMED: 500}


async def test_a_channel_is_replaced_at_most_once_a_second(publisher):
    await publisher.reopen()
    before = time.monotonic()
    await asyncio.gather(*(publisher.reopen() for _ in range(5)))
    assert 0.9 < time.monotonic() - before < 1.9


async def test_a_lost_channel_leaves_all_in_flight_unknown_and_the_next_one_works(
    url, topology, publisher, an_alert
):
    on_broker(url, lambda channel: channel.exchange_delete(topology.alerts.name))
    outcomes = await all_of(publisher, [an_alert() for _ in range(100)])
    assert Counter(outcomes) == {Outcome.UNKNOWN: 100}
    assert publisher.channels_lost == 1
    assert "NOT_FOUND - no exchange" in publisher.last_fault
    assert publisher.state == "up"
    apply(url, topology)
    assert await publisher.publish(an_alert()) is Outcome.CONFIRMED
    assert publisher.channels_lost == 1


async def test_a_cut_connection_leaves_all_in_flight_unknown_and_is_made_again(
    url, topology, line, publishing_over, an_alert
):
    async with publishing_over(line.url) as publisher:
        assert await publisher.publish(an_alert()) is Outcome.CONFIRMED
        line.hold()
        in_flight = asyncio.gather(*(publisher.publish(an_alert()) for _ in range(600)))
        await asyncio.sleep(0.2)
        line.cut()
        assert Counter(await in_flight) == {Outcome.UNKNOWN: 600}
        assert publisher.state == "away"
        assert await publisher.publish(an_alert()) is Outcome.UNKNOWN
        with pytest.raises(BrokerAway):
            await publisher.reopen()
        await publisher.connect()
        assert publisher.state == "up"
        assert publisher.channels_lost == 0
        assert await publisher.publish(an_alert()) is Outcome.CONFIRMED
    assert depths(url, topology)["education"] >= 2  # unknown is neither yes nor no


async def test_no_answer_in_time_is_unknown(line, publishing_over, an_alert):
    async with publishing_over(line.url, answer_within=0.2, in_flight=1) as publisher:
        line.hold()
        assert await publisher.publish(an_alert()) is Outcome.UNKNOWN
        assert await publisher.publish(an_alert()) is Outcome.UNKNOWN
        line.cut()


async def test_an_alarm_of_the_broker_is_seen(line, publishing_over, an_alert):
    async with publishing_over(line.url) as publisher:
        line.say(pika.frame.Method(0, pika.spec.Connection.Blocked("low on memory")).marshal())
        await until(lambda: publisher.state == "blocked")
        line.say(pika.frame.Method(0, pika.spec.Connection.Unblocked()).marshal())
        await until(lambda: publisher.state == "up")
        assert await publisher.publish(an_alert()) is Outcome.CONFIRMED


async def until(true):
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.01)
    pytest.fail("this did not come true within five seconds")


async def test_a_dead_node_among_several_does_not_matter(url, publishing_over, an_alert):
    for _ in range(4):  # the nodes are shuffled
        async with publishing_over(f"amqp://127.0.0.1:1,{url}") as publisher:
            assert await publisher.publish(an_alert()) is Outcome.CONFIRMED


async def test_a_broker_that_is_away_is_told_without_the_password():
    publisher = Publisher("amqp://gateway:secret@127.0.0.1:1", Topology())
    with pytest.raises(
        BrokerAway, match=r"gateway:\*\*\*@127\.0\.0\.1:1 cannot be reached"
    ) as told:
        await publisher.connect()
    assert "secret" not in str(told.value)
    assert publisher.state == "away"
    await publisher.close()
