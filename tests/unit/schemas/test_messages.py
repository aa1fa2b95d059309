"""The canonical message: what stands together, what cannot, and the one way in which it is written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.inbound.parsed import canonical_bytes
from schemas.base import whole_date
from schemas.fields import MODELS
from schemas.message import MESSAGE, Message, is_safeguarding
from schemas.rules import at, broken
from tests.builders import (
    DAY,
    HARM,
    a_child,
    a_notice,
    a_referral,
    a_report,
    a_review,
    a_safeguarding_referral,
    an_early_help_request,
    an_ehc_request,
    body,
    changed,
)
from tests.strategies import messages, whole_messages

BUILDERS: tuple[Callable[..., dict[str, Any]], ...] = (
    a_review,
    a_report,
    a_notice,
    a_referral,
    an_ehc_request,
    an_early_help_request,
    a_safeguarding_referral,
)
NO_LIMITS = whole_messages(40)


def taken(document: dict[str, Any]) -> Message:
    return MESSAGE.validate_json(body(document), strict=True, by_alias=True, by_name=False)


def faults(document: dict[str, Any]) -> set[str]:
    """The kinds of fault for which a document is refused; empty where it is taken."""
    try:
        taken(document)
    except ValidationError as error:
        return {detail["type"] for detail in error.errors()}
    return set()


@pytest.mark.parametrize("build", BUILDERS)
def test_what_the_builders_make_is_taken(build: Callable[..., dict[str, Any]]) -> None:
    document = build()
    message = taken(document)
    assert message.kind == document["kind"]
    assert message.source.key in {"ods:RXA", "ods:RBT", "urn:199901"}


@pytest.mark.parametrize("kind", MODELS)
def test_the_canonical_form_reads_as_the_message_that_it_came_from(kind: str) -> None:
    @NO_LIMITS
    @given(messages(kind))
    def check(message: Message) -> None:
        canonical = canonical_bytes(message)
        again = MESSAGE.validate_json(canonical, strict=True, by_alias=True, by_name=False)
        assert again == message
        assert canonical_bytes(again) == canonical

    check()


def test_the_canonical_form_says_nothing_that_the_sender_did_not() -> None:
    document = changed(a_review(), "child.familyName", None)
    assert taken(document).document().keys() == document.keys()
    assert taken(document).document()["child"].keys() == document["child"].keys()


def test_the_order_of_properties_does_not_change_the_canonical_form() -> None:
    document = a_review()
    turned = dict(reversed(document.items()))
    assert body(document) != body(turned)
    assert canonical_bytes(taken(document)) == canonical_bytes(taken(turned))


def test_an_instant_is_kept_in_utc_and_a_calendar_date_is_never_converted() -> None:
    summer = changed(a_review(), "sent", "2026-11-17T00:30:00+01:00")
    utc = changed(summer, "sent", "2026-11-16T23:30:00Z")
    assert canonical_bytes(taken(summer)) == canonical_bytes(taken(utc))
    assert taken(summer).document()["review"]["date"] == "2026-11-17"


def test_a_message_cannot_be_changed_once_it_was_understood() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        taken(a_review()).child.family_name = "Other"


def test_blanks_around_a_name_are_not_part_of_it() -> None:
    assert (
        taken(changed(a_review(), "child.familyName", " Ashdown ")).child.family_name == "Ashdown"
    )


@pytest.mark.parametrize(
    ("action", "reason", "expected"),
    [
        ("new", None, set()),
        ("update", None, set()),
        ("retract", "cancelled", set()),
        ("retract", "entered-in-error", set()),
        ("retract", None, {"retract_reason"}),
        ("new", "cancelled", {"retract_reason"}),
        ("update", "entered-in-error", {"retract_reason"}),
        ("retract", "a slip", {"literal_error"}),
    ],
)
def test_a_reason_stands_with_a_retract_and_with_nothing_else(
    action: str, reason: str | None, expected: set[str]
) -> None:
    assert faults(a_review(action=action, retractReason=reason)) == expected


@pytest.mark.parametrize("build", BUILDERS)
def test_only_a_retract_that_names_its_record_may_come_without_a_body(
    build: Callable[..., dict[str, Any]],
) -> None:
    document = build()
    bare = {
        name: value
        for name, value in document.items()
        if name not in ("review", "report", "notice", "referral", "sharing")
    }
    retract = bare | {"action": "retract", "retractReason": "entered-in-error"}
    assert faults(bare) == {"body_missing"}
    assert faults(bare | {"record": "r-1"}) == {"body_missing"}
    assert faults(retract) == {"body_missing"}
    assert faults(retract | {"record": "r-1"}) == set()


def test_a_message_has_the_body_of_its_own_kind_only() -> None:
    assert faults(a_review() | {"report": a_report()["report"]}) == {"extra_forbidden"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"odsCode": "RXA"}, set()),
        ({"odsCode": "RXA", "name": "Trust"}, set()),
        ({}, {"organisation_code"}),
        ({"name": "Trust"}, {"organisation_code"}),
        ({"odsCode": "RXA", "urn": "199901"}, {"organisation_code"}),
        ({"odsCode": "rx a"}, {"ods_code"}),
    ],
)
def test_an_organisation_has_exactly_one_code(source: dict[str, str], expected: set[str]) -> None:
    assert faults(a_review(source=source)) == expected


def test_the_key_of_a_source_names_the_system_of_its_code() -> None:
    keys = [
        taken(a_review(source=source)).source.key
        for source in ({"odsCode": "rxa"}, {"urn": "199901"}, {"laCode": "896"})
    ]
    assert keys == ["ods:RXA", "urn:199901", "la:896"]


@pytest.mark.parametrize(
    ("born", "reviewed", "sent", "expected"),
    [
        ("2024-05-14", "2026-11-17", "2026-11-17T15:20:00Z", set()),
        ("2026-11-18", "2026-11-18", "2026-11-17T23:30:00Z", set()),  # a sender's clock, a zone
        ("2026-11-19", "2026-11-19", "2026-11-17T23:30:00Z", {"birth_date"}),
        ("2024-05-14", "2026-11-19", "2026-11-17T23:30:00Z", {"review_date"}),
        ("2024-05-14", "2024-05-13", "2026-11-17T15:20:00Z", {"review_date"}),
        ("2024-05-14", "2024-05-14", "2026-11-17T15:20:00Z", set()),
        ("2024-05", "2024-01-01", "2026-11-17T15:20:00Z", set()),  # a partial date names no day
    ],
)
def test_birth_review_and_sending_come_in_this_order(
    born: str, reviewed: str, sent: str, expected: set[str]
) -> None:
    document = changed(a_review(sent=sent), "child.birthDate", born)
    assert faults(changed(document, "review.date", reviewed)) == expected


@pytest.mark.parametrize(("start", "expected"), [("2020-09-30", set()), ("2020-09-29", {"start"})])
def test_support_begins_after_birth(start: str, expected: set[str]) -> None:
    document = changed(a_notice(), "child.birthDate", "2020-09-30")
    assert faults(changed(document, "notice.start", start)) == expected


LATER = [
    (a_notice(), "notice.parentsTold.on", 0),
    (a_review(sharing={"agreement": {"status": "given"}}), "sharing.agreement.on", 0),
    (a_review(sharing={"opinion": {"talkOffered": True}}), "sharing.opinion.on", 0),
    (a_review(sharing={"opinion": {"on": DAY}}), "sharing.opinion.parentInformedOn", 0),
    (a_report(), "report.date", 1),
    (a_referral(), "referral.date", 1),
]


@pytest.mark.parametrize(("document", "path", "late"), LATER, ids=[path for _, path, _ in LATER])
def test_nothing_was_told_agreed_or_written_on_a_day_after_it_was_sent(
    document: dict[str, Any], path: str, late: int
) -> None:
    for days, expected in ((late, set()), (late + 1, {"future_date"})):
        day = date.fromisoformat(DAY) + timedelta(days=days)
        assert faults(changed(document, path, day.isoformat())) == expected


def test_each_who_was_informed_was_so_before_the_message_was_sent() -> None:
    document = a_review(sharing={"informed": [{"person": "has-care", "on": DAY}] * 2})
    assert faults(document) == set()
    document["sharing"]["informed"][1] = {"person": "has-care", "on": "2026-11-18"}
    [broken_] = broken(document)
    assert (broken_.path, broken_.code) == ("sharing.informed.1.on", "future_date")
    assert at(document, broken_.path) == "2026-11-18"


@pytest.mark.parametrize(
    ("sent", "on", "expected"),
    [
        ("2026-06-18T00:30:00+01:00", "2026-06-18", set()),  # still the 17th in UTC
        ("2026-06-17T23:30:00Z", "2026-06-18", set()),  # the 18th in England
        ("2026-11-17T23:30:00Z", "2026-11-18", {"future_date"}),
    ],
)
def test_the_day_of_sending_is_that_of_england(sent: str, on: str, expected: set[str]) -> None:
    document = a_review(sent=sent, sharing={"agreement": {"status": "given", "on": on}})
    assert faults(changed(document, "review.date", "2026-06-17")) == expected


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (["yes", "sometimes", "not-yet", None, None, "yes"], set()),
        (["yes"] * 5, {"places"}),
        ([], {"places"}),
        (["yes"] * 7, {"places"}),
        (["maybe", *["yes"] * 5], {"literal_error"}),
    ],
)
def test_a_domain_has_six_places_for_its_items(items: list[Any], expected: set[str]) -> None:
    scores = [{"domain": "communication", "items": items}]
    assert faults(changed(a_review(), "review.asq3.scores", scores)) == expected


@pytest.mark.parametrize(
    ("written", "day"),
    [("2024-05-14", "2024-05-14"), ("2024-02-29", "2024-02-29"), ("2024-05", None), ("2024", None)],
)
def test_a_partial_date_is_kept_as_it_is_and_names_a_day_only_where_it_is_whole(
    written: str, day: str | None
) -> None:
    message = taken(changed(a_review(), "child.birthDate", written))
    assert message.child.birth_date == written
    found = whole_date(message.child.birth_date)
    assert (found and found.isoformat()) == day


@pytest.mark.parametrize(
    "written",
    ["2023-02-29", "2024-13", "2024-00", "24", "2024-5-14", "2024-05-14T00:00:00", "2024-05-", ""],
)
def test_what_is_not_a_calendar_date_is_refused(written: str) -> None:
    assert faults(changed(a_review(), "child.birthDate", written)) == {"partial_date"}


def test_a_notice_needs_a_upn_or_the_key_of_its_record() -> None:
    nameless = changed(a_notice(), "child.upn", None)
    assert faults(nameless) == {"record_key"}
    assert faults(nameless | {"record": "n-1"}) == set()


@pytest.mark.parametrize("build", [a_review, a_report, a_notice, a_referral])
def test_significant_harm_stands_in_a_safeguarding_referral_only(
    build: Callable[..., dict[str, Any]],
) -> None:
    assert faults(build(conclusions=[{"kind": "significant-harm"}])) == {"safeguarding_elsewhere"}
    assert faults(build(sharing={"harm": HARM})) == {"safeguarding_elsewhere"}
    assert faults(build(sharing={"harm": {}})) == {"safeguarding_elsewhere"}


def test_a_service_referral_for_the_reason_of_safeguarding_is_told_what_to_do_instead() -> None:
    reason = {"system": "https://fhir.nhs.uk/STU3/CodeSystem/DCH-ReasonForReferral-1", "code": "58"}
    document = changed(a_referral(), "referral.service.reason", reason)
    with pytest.raises(ValidationError, match="Telephone the front door now"):
        taken(document)
    other_system = changed(document, "referral.service.reason.system", "https://sender.example")
    assert faults(other_system) == set()


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("sharing.harm.by", "who suspects"),
        ("sharing.harm.cause", "the cause, in words"),
        ("sharing.harm", "who suspects"),
        ("sharing", "who suspects"),
    ],
)
def test_a_safeguarding_referral_needs_a_named_person_and_a_cause_in_words(
    missing: str, named: str
) -> None:
    with pytest.raises(ValidationError, match=named) as caught:
        taken(changed(a_safeguarding_referral(), missing, None))
    [fault] = caught.value.errors()
    assert fault["type"] == "harm_incomplete"
    assert "Telephone the front door now" in fault["msg"]


@pytest.mark.parametrize(
    "unstated", ["on", "publicInterest", "telephonedAt", "spokeTo", "parentsTold", "notToldBecause"]
)
def test_a_safeguarding_referral_goes_whatever_else_is_missing(unstated: str) -> None:
    document = changed(a_safeguarding_referral(), f"sharing.harm.{unstated}", None)
    assert is_safeguarding(taken(document))


def test_a_retract_of_a_safeguarding_referral_need_not_repeat_the_cause() -> None:
    document = changed(a_safeguarding_referral(), "sharing", None)
    assert faults(document | {"action": "retract", "retractReason": "entered-in-error"}) == set()


BODIES = {
    "service": ("service", a_referral()["referral"]["service"]),
    "ehc-needs-assessment": ("ehc", an_ehc_request()["referral"]["ehc"]),
    "early-help": ("earlyHelp", an_early_help_request()["referral"]["earlyHelp"]),
    "safeguarding": ("safeguarding", a_safeguarding_referral()["referral"]["safeguarding"]),
}


@pytest.mark.parametrize("said", BODIES)
@pytest.mark.parametrize("carried", BODIES)
def test_a_referral_carries_what_its_type_needs_and_no_other(said: str, carried: str) -> None:
    name, content = BODIES[carried]
    document = a_referral(
        referral={"identifier": "R", "type": said, "date": "2026-11-17", name: content},
        sharing={"harm": HARM} if said == "safeguarding" else {},
    )
    wrong = "safeguarding_elsewhere" if carried == "safeguarding" else "referral_body"
    assert faults(document) == (set() if said == carried else {wrong})


def test_a_score_names_its_domain_or_its_code() -> None:
    scores = "review.asq3.scores"
    assert faults(changed(a_review(), scores, [{"score": 20}])) == {"asq3_domain"}
    assert faults(changed(a_review(), scores, [{"code": {"code": "1"}}])) == set()
    assert faults(changed(a_review(), scores, [{"domain": "communication"}])) == set()


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=60, derandomize=True)
def test_an_asq_3_score_lies_between_0_and_60(score: float) -> None:
    expected = {"greater_than_equal"} if score < 0 else {"less_than_equal"} if score > 60 else set()
    assert faults(a_review(score)) == expected


def test_a_childs_name_may_be_in_any_script() -> None:
    child = a_child(familyName="Łukasiewicz-O’Hara", givenNames=["Zoë", "علي", "美"])
    assert taken(a_review(child=child)).child.given_names == ("Zoë", "علي", "美")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("child.familyName", ["Birdwhistle"]),
        ("child.birthDate", "Birdwhistle"),
        ("review.outcome", "Birdwhistle"),
        ("birdwhistle", "Birdwhistle"),
        ("child", {"note": "Birdwhistle", "birthDate": "2030-01-01"}),
    ],
)
def test_an_error_that_nobody_caught_has_no_value_of_the_message_in_its_words(
    path: str, value: object
) -> None:
    """A traceback in the log has these words."""
    with pytest.raises(ValidationError) as error:
        MESSAGE.validate_json(orjson.dumps(changed(a_review(), path, value)))
    assert "Birdwhistle" not in str(error.value)
    assert "Ashdown" not in str(error.value)
