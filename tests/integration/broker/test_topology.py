"""Declaring, checking, counting and removing on a real RabbitMQ."""

import json
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from uuid import uuid4

import pika
import pytest

from gateway.broker import (
    BrokerAway,
    BrokerRefused,
    Topology,
    TopologyFault,
    apply,
    apply_policy,
    consume,
    definitions,
    depths,
    drift,
    missing,
    remove,
)

pytestmark = pytest.mark.rabbitmq


@pytest.fixture
def channel(url):
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        yield connection.channel()


def test_declaring_twice_changes_nothing(url, topology):
    apply(url, topology)
    assert drift(url, topology) == []
    assert missing(url, topology) == []


def test_looking_for_what_is_missing_makes_nothing(url, undeclared):
    told = drift(url, undeclared)
    assert len(told) == 8  # two exchanges, six queues
    assert f"no queue '{undeclared.prefix}education.dead'" in " ".join(told)
    assert missing(url, undeclared) == told
    assert depths(url, undeclared) == {}


def test_a_queue_with_another_limit_is_drift_that_applying_cannot_mend(url, topology, channel):
    education = topology.queue("education")
    channel.queue_delete(education.name)
    channel.queue_declare(
        education.name, durable=True, arguments=education.arguments | {"x-delivery-limit": 7}
    )
    (told,) = drift(url, topology)
    assert "x-delivery-limit" in told
    assert education.name in told
    assert "received '20' but current is '7'" in told
    assert missing(url, topology) == []
    with pytest.raises(TopologyFault, match=r"x-delivery-limit.*empty and delete it"):
        apply(url, topology)


def test_an_exchange_of_another_type_is_drift(url, topology, channel):
    channel.exchange_delete(topology.alerts.name)
    channel.exchange_declare(topology.alerts.name, "fanout", durable=True)
    (told,) = drift(url, topology)
    assert topology.alerts.name in told
    assert "type" in told


def test_what_waits_is_counted_for_each_queue(url, topology, channel):
    channel.basic_publish(topology.alerts.name, "education.referral.none.routine", b"1")
    channel.basic_publish(topology.dead.name, "health", b"2")
    channel.queue_declare(topology.queue("health.dead").name, passive=True)  # both have arrived
    nothing = dict.fromkeys(
        ("education", "education.dead", "health", "health.dead", "social-care", "social-care.dead"),
        0,
    )
    assert depths(url, topology) == nothing | {"education": 1, "health.dead": 1}


def test_the_real_queues_are_never_removed(url):
    with pytest.raises(ValueError, match="without a prefix these are the real queues"):
        remove(url, Topology())


def test_a_wrong_password_is_told_without_it(url, topology):
    wrong = "amqp://guest:not-the-secret@" + url.rpartition("@")[2]
    with pytest.raises(BrokerAway, match="refuses this user or password") as told:
        missing(wrong, topology)
    assert "not-the-secret" not in str(told.value)
    assert "guest:***@" in str(told.value)


def test_a_node_that_is_not_there_is_told_with_its_address():
    with pytest.raises(BrokerAway, match=r"amqp://127\.0\.0\.1:1 cannot be reached.*refused"):
        missing("amqp://127.0.0.1:1", Topology())


@pytest.fixture
def vhost_url(url):
    """An empty vhost, by rabbitmqctl; gone at the end with all that is in it."""
    if not shutil.which("rabbitmqctl"):
        pytest.skip("rabbitmqctl is not at hand")
    vhost = f"test-{uuid4().hex[:12]}"
    ctl("add_vhost", vhost)
    ctl("set_permissions", "-p", vhost, "guest", ".*", ".*", ".*")
    yield f"{url.rpartition('/')[0]}/{vhost}"
    ctl("delete_vhost", vhost)


def ctl(*arguments, text=None):
    command = ["rabbitmqctl", "-q", *arguments]
    subprocess.run(command, check=True, capture_output=True, input=text, text=True)


def test_an_imported_definitions_file_equals_declaring_and_lets_each_user_do_only_their_part(
    vhost_url,
):
    vhost = vhost_url.rpartition("/")[2]
    topology = Topology("area.")
    # Users are the whole broker's, so here they have names of this test.
    names = {user: f"{vhost}-{user}" for user in topology.permissions}
    file = definitions(topology, dict.fromkeys(names, "a secret"), vhost)
    for entry in file["users"]:
        entry["name"] = names[entry["name"]]
    for entry in file["permissions"]:
        entry["user"] = names[entry["user"]]
    ctl("import_definitions", text=json.dumps(file))
    try:

        def as_user(user):
            return f"amqp://{names[user]}:a%20secret@{vhost_url.rpartition('@')[2]}"

        assert drift(vhost_url, topology) == []
        assert drift(as_user("topology"), topology) == []
        apply(as_user("topology"), topology)
        assert missing(as_user("gateway"), topology) == []
        with pytest.raises(BrokerRefused, match=r"ACCESS_REFUSED.*area\.alerts"):
            apply(as_user("gateway"), topology)
        with pika.BlockingConnection(pika.URLParameters(as_user("gateway"))) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            for agency in ("education", "health"):
                channel.basic_publish("area.alerts", f"{agency}.referral", b"", mandatory=True)
        with consume(as_user("education"), topology, "education", count=1) as alerts:
            for alert in alerts:
                with alert:
                    assert alert.routing_key == "education.referral"
        with (
            pytest.raises(BrokerRefused, match=r"ACCESS_REFUSED.*area\.health"),
            consume(as_user("education"), topology, "health") as alerts,
        ):
            next(alerts)
        with consume(as_user("dead"), topology, "health.dead", idle=0.05) as alerts:
            assert list(alerts) == []
    finally:
        # All in one: each command starts an Erlang of its own.
        users = ",".join(f'<<"{user}">>' for user in names.values())
        each = "fun(User) -> rabbit_auth_backend_internal:delete_user(User, <<>>) end"
        ctl("eval", f"lists:foreach({each}, [{users}]).")


def test_where_nobody_may_set_the_policy_the_exact_command_is_told(url, topology, monkeypatch):
    monkeypatch.setenv("PATH", "")
    (command,) = apply_policy(url, topology, management_url="http://127.0.0.1:1")
    pattern = topology.policy.pattern
    assert command == (
        f"rabbitmqctl set_policy -p / --apply-to queues --priority 10 {topology.prefix}agencies"
        f""" '{pattern}' '{{"delivery-limit": 5, "max-length": 10}}'"""
    )


def test_the_policy_is_set_through_the_management_api_where_it_answers(url, topology):
    asked = []

    class Management(BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, self.headers["Authorization"], json.loads(body)))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Management) as server:
        Thread(target=server.handle_request).start()
        at = f"http://127.0.0.1:{server.server_port}"
        assert apply_policy("amqp://guest:guest@127.0.0.1/a%2Fb", topology, at) == []
    (path, authorization, body) = asked[0]
    assert path == f"/api/policies/a%2Fb/{topology.prefix}agencies"
    assert authorization.startswith("Basic ")
    assert body == {
        "pattern": topology.policy.pattern,
        "definition": {"delivery-limit": 5, "max-length": 10},
        "priority": 10,
        "apply-to": "queues",
    }
