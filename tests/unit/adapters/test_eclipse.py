"""An alert as a call of Eclipse's GraphQL interface, checked by the part of its schema that it uses."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from graphql import GraphQLError, build_schema, parse, validate
from graphql.execution.values import get_variable_values

from adapters.outbound import FORMATS
from adapters.outbound.eclipse import ENTRY_TYPES
from schemas.message import KINDS
from tests.conformance import conforms
from tests.unit.adapters.alerts import ALERT, BASE, CHANGES, SAMPLES, THREAD, sample, stored

# Names, types and what is required, as published; of the enumerations what this area has.
SCHEMA = build_schema(
    """
    input NewExternalResource { systemIdentifier: String!, resourceIdentifier: String! }
    input ConstrainedDateTimeRangeInput {
      year: Int!, month: Int, day: Int, hour: Int, minute: Int
    }
    input NewCaseNoteEntry {
      entryType: CaseNote_EntryType!
      event: String!
      eventDate: ConstrainedDateTimeRangeInput!
      practitionerOrganisation: String!
      source: CaseNote_Source
      externalResource: NewExternalResource
    }
    enum CaseNote_EntryType { OWN }
    enum CaseNote_Source { NURSE }
    type CaseNoteEntry { id: ID! }
    type Query { version: String }
    type Mutation {
      addPersonCaseNoteEntry(personId: ID!, input: NewCaseNoteEntry!): CaseNoteEntry!
    }
    """.replace("OWN", " ".join(set(ENTRY_TYPES.values())))
)


def call(body: bytes) -> dict[str, Any]:
    return orjson.loads(FORMATS["eclipse"].render(body))  # type: ignore[no-any-return]


def faults(request: dict[str, Any]) -> list[GraphQLError]:
    """What a GraphQL server would answer to a request."""
    document = parse(request["query"])
    [mutation] = document.definitions
    values = get_variable_values(SCHEMA, mutation.variable_definitions, request["variables"])  # type: ignore[attr-defined]
    return [*validate(SCHEMA, document), *(values if isinstance(values, list) else [])]


@conforms("Eclipse", "alert", "rendered", direction="out")
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", SAMPLES)
def test_every_call_is_valid_once_the_person_is_found(name: str, change: str) -> None:
    request = call(sample(name, change))
    [missing] = faults(request)
    assert "personId" in missing.message
    request["variables"]["personId"] = "4711"
    assert faults(request) == []
    request["variables"]["input"]["eventDate"]["month"] = "November"
    assert faults(request)


def test_months_are_counted_from_0() -> None:
    date = call(sample("referral"))["variables"]["input"]["eventDate"]
    assert date == {"year": 2026, "month": 10, "day": 17}


def test_a_withdrawal_is_dated_by_its_own_day_and_names_no_sender() -> None:
    note = call(stored("referral", {}, "withdrawn"))["variables"]["input"]
    assert note["eventDate"] == {"year": 2026, "month": 10, "day": 17}
    assert note["practitionerOrganisation"] == "Early Identification Gateway"
    assert note["event"].startswith("Referral. Withdrawn")
    assert THREAD in note["event"]


def test_a_repeat_can_be_recognised() -> None:
    body = sample("early-help")
    assert call(body) == call(body)
    resource = call(body)["variables"]["input"]["externalResource"]
    assert resource == {"systemIdentifier": BASE, "resourceIdentifier": ALERT}


def test_every_kind_has_an_entry_type() -> None:
    assert ENTRY_TYPES.keys() == set(KINDS)
