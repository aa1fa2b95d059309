"""An alert as a CloudEvents 1.0 event in structured mode."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from jsonschema import Draft202012Validator

from adapters.outbound.cloudevents import CONTENT_TYPE, event_type, render
from gateway.json_schemas import json_schema
from schemas.alert import AlertBasis, AlertData, AlertSender, AlertService
from schemas.message import KINDS

BASE = "https://gateway.example"
AT = datetime(2026, 11, 17, 15, 20, 0, 250_000, tzinfo=UTC)


def an_alert(**changes: Any) -> AlertData:
    stated: dict[str, Any] = {
        "change": "created",
        "kind": "healthy-child-review",
        "agency": "education",
        "service": AlertService(id="early-years-sen-team", title="Early years SEN team"),
        "route": "C",
        "basis": AlertBasis(id="s23", title="Duty", power="p", confidence="c", uk_gdpr="u"),
        "urgency": "routine",
        "flags": ("The child's home lies outside this area",),
        "areas": ("communication-and-interaction",),
        "about_date": "2026-11-17",
        "received_at": AT,
        "sender": AlertSender(organisation="ods:RXA", professional="Zoë Łoś"),
        "fields": {"child": {"familyName": "Ó Briain", "givenNames": ["Zoë"]}},
    }
    return AlertData.model_validate({**stated, **changes})


def a_withdrawal() -> AlertData:
    return AlertData(
        change="withdrawn",
        kind="healthy-child-review",
        agency="education",
        service=AlertService(id="early-years-sen-team"),
        urgency="routine",
    )


def rendered(data: AlertData, sequence: int = 1) -> bytes:
    return render(data, alert="a-1", thread="t-1", sequence=sequence, at=AT, base=BASE)


def event(data: AlertData, sequence: int = 1) -> dict[str, Any]:
    return orjson.loads(rendered(data, sequence))


def test_the_envelope_has_what_the_contract_promises_and_nothing_else() -> None:
    attributes = {k: v for k, v in event(an_alert()).items() if k not in ("data", "time")}
    assert attributes == {
        "specversion": "1.0",
        "id": "a-1",
        "source": BASE,
        "subject": "t-1",
        "sequence": "0000000001",
        "type": "healthy-child-review.created.v1",
        "datacontenttype": "application/json",
        "dataschema": f"{BASE}/schemas/alert",
    }
    assert CONTENT_TYPE == "application/cloudevents+json"


def test_its_time_is_the_instant_of_the_decision_in_utc() -> None:
    time = event(an_alert())["time"]
    assert datetime.fromisoformat(time) == AT
    assert time.endswith(("Z", "+00:00"))


@pytest.mark.parametrize("sequence", [1, 9, 10, 99, 100, 999_999_999, 9_999_999_999])
def test_sequences_sort_as_text_in_the_order_of_their_numbers(sequence: int) -> None:
    written = event(an_alert(), sequence)["sequence"]
    assert len(written) == 10
    assert int(written) == sequence
    assert event(an_alert(), sequence - 1)["sequence"] < written


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", ["created", "updated", "withdrawn"])
def test_the_type_says_the_kind_and_what_happened(kind: str, change: str) -> None:
    assert event_type(kind, change) == f"{kind}.{change}.v1"
    assert event(an_alert(kind=kind, change=change))["type"] == f"{kind}.{change}.v1"


@pytest.mark.parametrize("data", [an_alert(), a_withdrawal()], ids=["created", "withdrawn"])
def test_its_data_is_what_the_served_schema_says(data: AlertData) -> None:
    schema = json_schema("alert")
    assert schema is not None
    Draft202012Validator(schema).validate(event(data)["data"])
    assert AlertData.model_validate_json(orjson.dumps(event(data)["data"])) == data


def test_it_reads_as_it_was_written() -> None:
    read = JSONFormat().read(CloudEvent, rendered(an_alert()))
    assert read.get_id() == "a-1"
    assert read.get_subject() == "t-1"
    assert read.get_extension("sequence") == "0000000001"
    data = read.get_data()
    assert isinstance(data, dict)
    assert data["fields"]["child"]["familyName"] == "Ó Briain"


def test_a_withdrawal_says_who_is_told_of_what_kind_and_nothing_of_the_child() -> None:
    assert event(a_withdrawal())["data"] == {
        "change": "withdrawn",
        "kind": "healthy-child-review",
        "agency": "education",
        "service": {"id": "early-years-sen-team"},
        "urgency": "routine",
    }


def test_what_was_not_stated_is_left_out() -> None:
    data = event(an_alert(flags=(), sender=None, areas=()))["data"]
    assert {"flags", "sender", "areas", "view", "respondBy"}.isdisjoint(data)
