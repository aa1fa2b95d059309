"""Addresses: what is shown of them, and what is said of a wrong one."""

import pytest

from gateway.broker import BrokerAddressWrong, masked
from gateway.broker.connection import parameters


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("amqp://gateway:secret@host:5672/%2F", "amqp://gateway:***@host:5672/%2F"),
        ("amqp://gateway:sec/r@et@host/%2F?heartbeat=5", "amqp://gateway:***@host/%2F"),
        ("amqp://gateway:sec?ret@host", "amqp://gateway:***@host"),
        ("amqp://host/vhost", "amqp://host/vhost"),
        ("amqp://a:secret@one,amqps://a:secret@two", "amqp://a:***@one,amqps://a:***@two"),
    ],
)
def test_an_address_is_shown_without_its_password(url, shown):
    assert masked(url) == shown


@pytest.mark.parametrize(
    "url", ["localhost:5672", "http://gateway:secret@host", "amqp://gateway:sec/ret@host", ""]
)
def test_a_wrong_address_is_refused_with_what_would_be_right_and_without_its_password(url):
    with pytest.raises(BrokerAddressWrong, match="right is amqp://user:password@host") as told:
        parameters(url, "test")
    assert "secret" not in str(told.value)
    assert "sec/ret" not in str(told.value)


def test_every_node_of_a_cluster_is_tried_within_limits_of_time():
    found = parameters("amqp://a:b@one/%2F,amqps://a:b@two:7000/v", "gateway relay")
    assert {(node.host, node.port, node.virtual_host) for node in found} == {
        ("one", 5672, "/"),
        ("two", 7000, "v"),
    }
    for node in found:
        assert (node.heartbeat, node.blocked_connection_timeout) == (30, 60)
        assert (node.socket_timeout, node.stack_timeout) == (2, 4)
