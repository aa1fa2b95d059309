"""The JSON Schemas: current as committed, and saying what the gateway does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from jsonschema import Draft202012Validator, FormatChecker

from adapters.inbound.parsed import canonical_bytes
from gateway.json_schemas import NAMES, json_schema
from schemas.fields import MODELS
from schemas.message import Message
from tests.builders import a_review, changed
from tests.strategies import messages, whole_messages

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "schemas" / "json"
SAMPLES = sorted((ROOT / "examples" / "messages").glob("*.json"))


def validator(name: str) -> Draft202012Validator:
    schema = json_schema(name)
    assert schema is not None
    return Draft202012Validator(schema, format_checker=FormatChecker())


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_schema_is_current(name: str) -> None:
    committed = COMMITTED / f"{name}.schema.json"
    assert json.loads(committed.read_text()) == json_schema(name), "run `make schemas`"


def test_nothing_else_is_committed_beside_them() -> None:
    names = {path.name for path in COMMITTED.iterdir()}
    assert names == {f"{name}.schema.json" for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_schema_and_describes_what_it_asks_for(name: str) -> None:
    schema = json_schema(name)
    assert schema is not None
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:early-identification-gateway:{name}:v1"


def test_there_is_a_schema_of_each_kind_and_of_the_alert_and_of_nothing_else() -> None:
    assert set(NAMES) == {*MODELS, "alert"}
    assert json_schema("review") is None


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_validates_unless_its_name_says_that_it_is_refused(sample: Path) -> None:
    document = json.loads(sample.read_bytes())
    wrong = [error.json_path for error in validator(document["kind"]).iter_errors(document)]
    assert bool(wrong) == sample.stem.endswith("-refused"), wrong


def test_the_refused_sample_is_wrong_where_the_schema_says_so() -> None:
    document = json.loads((ROOT / "examples" / "messages" / "review-refused.json").read_bytes())
    wrong = {error.json_path for error in validator(document["kind"]).iter_errors(document)}
    # A union with null is told as a whole: the faults within asq3 and review stand below it.
    assert wrong == {"$.review"}


@pytest.mark.parametrize("kind", MODELS)
def test_whatever_the_gateway_takes_validates_in_its_canonical_form(kind: str) -> None:
    valid = validator(kind)

    @whole_messages(30)
    @given(messages(kind))
    def check(message: Message) -> None:
        document = orjson.loads(canonical_bytes(message))
        assert [error.message for error in valid.iter_errors(document)] == []

    check()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sent", None),
        ("kind", "review"),
        ("child.sex", "girl"),
        ("child.nhsNumber", "12345"),
        ("child.birthDate", "14/05/2024"),
        ("child.adress", {}),
        ("review.date", "17 November 2026"),
        ("review.asq3.scores", [{"domain": "communication", "score": 61}]),
        ("review.asq3.scores", [{"domain": "communication", "score": "50"}]),
        ("child.familyName", ""),
        ("child.firstLanguage", "English"),
    ],
)
def test_the_schema_refuses_what_the_gateway_refuses_by_shape(path: str, value: Any) -> None:
    valid = validator("healthy-child-review")
    assert valid.is_valid(a_review())
    assert not valid.is_valid(changed(a_review(), path, value))


def test_a_receiver_that_validates_by_the_alerts_schema_takes_fields_that_are_added_later() -> None:
    alert: dict[str, Any] = {
        "change": "created",
        "kind": "referral",
        "agency": "health",
        "service": {"id": "speech-therapy"},
        "urgency": "routine",
    }
    valid = validator("alert")
    assert valid.is_valid(alert)
    assert not valid.is_valid(alert | {"change": "deleted"})
    assert valid.is_valid(alert | {"addedWithinV1": 1})
    assert valid.is_valid(alert | {"service": {"id": "speech-therapy", "addedWithinV1": 1}})
