"""The topology as values: names, patterns, rights, and the definitions file."""

import base64
import hashlib
import re

import pytest

from gateway.broker import Topology, definitions

USERS = {"topology", "gateway", "education", "health", "social-care", "dead"}


def test_the_prefix_is_in_every_name_and_pattern_and_in_no_routing_key():
    topology = Topology("demo.1-")
    names = [e.name for e in topology.exchanges] + [q.name for q in topology.queues]
    names += [b.exchange for b in topology.bindings] + [b.queue for b in topology.bindings]
    names += [topology.policy.name]
    names += [
        q.arguments["x-dead-letter-exchange"]
        for q in topology.queues
        if "x-dead-letter-exchange" in q.arguments
    ]
    assert all(name.startswith("demo.1-") for name in names)
    rights = {p for user in topology.permissions.values() for p in user} - {"^$"}
    assert all(p.startswith(r"^demo\.1-") for p in [topology.policy.pattern, *rights])
    keys = [binding.routing_key for binding in topology.bindings]
    keys += [q.arguments.get("x-dead-letter-routing-key", "") for q in topology.queues]
    assert not any("demo" in key for key in keys)


def test_a_queue_comes_after_the_place_for_its_dead_letters():
    names = [queue.name for queue in Topology().queues]
    for agency in ("education", "health", "social-care"):
        assert names.index(f"{agency}.dead") < names.index(agency)


def test_the_policy_holds_for_the_living_queues_alone():
    topology = Topology("a.b.")
    held = [q.name for q in topology.queues if re.search(topology.policy.pattern, q.name)]
    assert held == ["a.b.education", "a.b.health", "a.b.social-care"]
    assert not re.search(topology.policy.pattern, "aXb.education")


@pytest.mark.parametrize(
    ("user", "may_read"),
    [
        ("gateway", []),
        ("education", ["education"]),
        ("social-care", ["social-care"]),
        ("dead", ["education.dead", "health.dead", "social-care.dead"]),
    ],
)
def test_a_user_may_read_what_is_theirs_and_configure_nothing(user, may_read):
    topology = Topology()
    configure, write, read = topology.permissions[user]
    names = (
        [q.name for q in topology.queues] + [e.name for e in topology.exchanges] + ["amq.default"]
    )
    assert [name for name in names if re.search(read, name)] == may_read
    assert [name for name in names if re.search(configure, name)] == []
    assert [n for n in names if re.search(write, n)] == (["alerts"] if user == "gateway" else [])


def test_the_definitions_file_says_what_the_topology_says():
    file = definitions(Topology(), dict.fromkeys(USERS, "a secret"))
    education = next(queue for queue in file["queues"] if queue["name"] == "education")
    assert education == {
        "name": "education",
        "vhost": "/",
        "durable": True,
        "auto_delete": False,
        "arguments": {
            "x-queue-type": "quorum",
            "x-delivery-limit": 20,
            "x-dead-letter-exchange": "alerts.dead",
            "x-dead-letter-routing-key": "education",
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    }
    assert file["policies"] == [
        {
            "vhost": "/",
            "name": "agencies",
            "pattern": "^(education|health|social-care)$",
            "apply-to": "queues",
            "priority": 10,
            "definition": {"delivery-limit": 5, "max-length": 1000000},
        }
    ]
    assert {
        "user": "gateway",
        "vhost": "/",
        "configure": "^$",
        "write": "^alerts$",
        "read": "^$",
    } in file["permissions"]
    assert {user["name"]: user["tags"] for user in file["users"] if user["tags"]} == {
        "topology": "policymaker"
    }
    assert "a secret" not in str(file)


def test_a_password_is_hashed_as_rabbitmq_hashes_it():
    (user,) = definitions(Topology(), {"gateway": "a secret"})["users"]
    raw = base64.b64decode(user["password_hash"])
    assert raw[4:] == hashlib.sha256(raw[:4] + b"a secret").digest()


@pytest.mark.parametrize("users", [{"guest": "guest"}, {"gateway": ""}])
def test_an_unknown_user_or_a_blank_password_is_refused(users):
    with pytest.raises(ValueError, match=r"no user 'guest'|gateway is blank"):
        definitions(Topology(), users)


@pytest.mark.parametrize("prefix", ["amq.", "a b", "a|b", "a" * 101, "ä"])
def test_a_prefix_that_rabbitmq_or_a_pattern_would_read_otherwise_is_refused(prefix):
    with pytest.raises(ValueError, match="right are up to 100 letters"):
        Topology(prefix)


def test_an_unknown_queue_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match=r"no queue 'housing'; there are .*social-care"):
        Topology("demo.").queue("housing")
