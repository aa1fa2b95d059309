"""docker-compose.yml keeps what it promises: no secret, no privilege, only names that exist."""

import re
from pathlib import Path

import pytest
import yaml

from gateway.broker import Topology
from gateway.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
SERVICES = yaml.safe_load(COMPOSE)["services"]
SECRET = re.compile(r"\$\{(\w+(?:_PASSWORD|_KEY)):\?run scripts/make_env first\}")


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_runs_without_privilege_on_a_root_that_it_cannot_write(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"cap_add", "privileged"} & set(service)
    # Our own image says it in the Dockerfile.
    assert "build" in service or service["user"] not in ("0", "root")


def test_our_image_does_not_run_as_root():
    *_, user = re.findall(r"^USER (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert user not in ("0", "root")


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_published_is_published_on_this_machine_only(name):
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", [name for name in SERVICES if "build" not in SERVICES[name]])
def test_an_image_of_others_is_pinned_to_a_version(name):
    assert re.search(r":\d+", SERVICES[name]["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_secret_comes_from_outside_and_its_absence_is_told_with_what_to_do(name):
    for variable, value in SERVICES[name].get("environment", {}).items():
        if variable.endswith(("_PASSWORD", "_KEY")):
            assert SECRET.fullmatch(value), variable
        elif "@" in value:
            assert re.search(r"://[\w-]+:" + SECRET.pattern + "@", value), variable


def test_the_example_of_the_environment_names_every_secret_and_gives_none():
    example = (ROOT / ".env.example").read_text()
    empty = set(re.findall(r"^(\w+)=$", example, re.MULTILINE))
    assert empty == set(SECRET.findall(COMPOSE))


@pytest.mark.parametrize("name", ["gateway", "relay", "mesh", "topology"])
def test_every_setting_is_one_that_the_gateway_knows(name):
    known = {f"GATEWAY_{field.upper()}" for field in Settings.model_fields}
    assert set(SERVICES[name]["environment"]) <= known


def test_every_user_of_the_broker_gets_a_password():
    named = [name.removesuffix("_PASSWORD") for name in SERVICES["definitions"]["environment"]]
    assert sorted(named) == sorted(u.upper().replace("-", "_") for u in Topology().permissions)
