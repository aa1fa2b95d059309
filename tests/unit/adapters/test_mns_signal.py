"""An alert as a thin signal of the Multicast Notification Service."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from adapters.outbound import FORMATS
from tests.builders import corpus
from tests.conformance import conforms
from tests.unit.adapters.alerts import (
    ALERT,
    BASE,
    CHANGES,
    SAMPLES,
    THREAD,
    sample,
    stored,
    strings,
)

SCHEMA = corpus("mns/fhirsignal.schema.json")


def signal(body: bytes) -> dict[str, Any]:
    return orjson.loads(FORMATS["mns-signal"].render(body))  # type: ignore[no-any-return]


def parts(bundle: dict[str, Any], name: str) -> dict[str, Any]:
    """The parts of a parameter by their names."""
    parameters = bundle["entry"][0]["resource"]["parameter"]
    [found] = [one["part"] for one in parameters if one["name"] == name]
    return {one["name"]: one for one in found}


@conforms("Multicast Notification Service", "alert", "rendered", direction="out")
@pytest.mark.skipif(not SCHEMA.exists(), reason="the published schema is not here")
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", SAMPLES)
def test_every_signal_is_what_the_published_schema_says(name: str, change: str) -> None:
    schema = Draft202012Validator(orjson.loads(SCHEMA.read_bytes()))
    schema.validate(signal(sample(name, change)))
    broken = signal(sample(name, change))
    del broken["entry"][0]["resource"]["parameter"][4]
    assert not schema.is_valid(broken)


@pytest.mark.parametrize("name", SAMPLES)
def test_it_points_at_the_alert_and_says_nothing_else_of_the_child(name: str) -> None:
    said = set(strings(signal(sample(name))))
    assert f"{BASE}/alerts/{ALERT}" in said
    child = {"Ashdown", "Maya", "2024-05-14", "CH65 9ZZ", "N81992"}
    assert not child & said
    assert parts(signal(sample(name)), "additional-context")["version-id"]["valueString"] == "3"


@pytest.mark.parametrize(
    ("fields", "change", "subject"),
    [
        ({"child": {"nhsNumber": "9990001006"}}, "created", "9990001006"),
        ({"child": {"familyName": "Ashdown"}}, "created", THREAD),
        ({}, "updated", THREAD),
        ({}, "withdrawn", THREAD),
    ],
)
def test_the_nhs_number_is_the_subject_only_where_the_view_lets_it_through(
    fields: dict[str, Any], change: str, subject: str
) -> None:
    context = parts(signal(stored("referral", fields, change)), "additional-context")
    assert context["subject"]["valueReference"]["identifier"]["value"] == subject
    assert context["event-type"]["valueString"] == f"referral-{change}-1"
