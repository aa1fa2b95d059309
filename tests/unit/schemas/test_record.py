"""Which record a message speaks of, and the record's state as a pure fold of its parts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.message import Message
from schemas.record import (
    Part,
    body_of,
    child_key,
    fold,
    record_key,
    restated,
    review_day,
    same_content,
)
from tests.builders import (
    NHS_NUMBERS,
    UPN,
    a_child,
    a_notice,
    a_probable_sen_review,
    a_referral,
    a_report,
    a_review,
    changed,
    understood,
)

START = datetime(2026, 11, 17, 9, tzinfo=UTC)


def message(document: dict[str, Any]) -> Message:
    return understood(document).message


def key(document: dict[str, Any]) -> tuple[str, ...]:
    return record_key(message(document))


def part(document: dict[str, Any], hour: int = 0, event: str | None = None) -> Part:
    """A part as the journal gives it, sent so many hours after the first."""
    sent = message(document)
    return Part(
        source=sent.source.key,
        event=event or sent.kind,
        retracts=sent.action == "retract",
        order=(START + timedelta(hours=hour), sent.sequence or 0, sent.id),
        message=sent,
    )


def state(*parts: Part) -> dict[str, Any]:
    folded, _ = fold(parts)
    assert folded is not None
    return folded.document()


def retracted(document: dict[str, Any], reason: str = "entered-in-error") -> dict[str, Any]:
    return document | {"id": "retract", "action": "retract", "retractReason": reason}


# ── the key ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("build", [a_review, a_report, a_notice, a_referral])
def test_the_senders_own_key_outweighs_what_would_be_derived(
    build: Callable[..., dict[str, Any]],
) -> None:
    document = build(record="r-1")
    assert key(document) == key(changed(document, "child", a_child(nhsNumber=NHS_NUMBERS[1])))
    assert key(document) != key(document | {"record": "r-2"})
    other = document | {"source": {"laCode": "896"}}
    assert key(document) != key(other), "a key is the sender's own: another's `r-1` is another"


@pytest.mark.parametrize("build", [a_report, a_referral])
def test_a_report_or_referral_is_known_by_its_source_and_business_identifier(
    build: Callable[..., dict[str, Any]],
) -> None:
    document = build()
    name = "report" if document["kind"] == "speech-therapy-report" else "referral"
    later = changed(changed(document, f"{name}.date", "2026-11-10"), "child.nhsNumber", None)
    assert key(document) == key(later)
    assert key(document) != key(changed(document, f"{name}.identifier", "another"))
    assert key(document) != key(document | {"source": {"odsCode": "RJR"}})


def test_a_report_and_a_referral_of_one_identifier_are_two_records() -> None:
    report = changed(a_report(), "report.identifier", "X-1")
    referral = changed(a_referral(), "referral.identifier", "X-1")
    assert key(report) != key(referral | {"source": report["source"]})


@pytest.mark.parametrize(
    ("path", "value", "same"),
    [
        ("child.upn", "D89620001234A", False),
        ("notice.start", "2026-11-17", False),
        ("notice.provision", "E", False),
        ("notice.provisionBefore", "E", True),
        ("child.familyName", "Other", True),
        ("child.nhsNumber", NHS_NUMBERS[1], True),
        ("source", {"laCode": "896"}, True),  # the pupil moved: school and council speak of one
    ],
)
def test_a_notice_is_known_by_upn_start_and_provision(path: str, value: Any, same: bool) -> None:
    document = a_notice()
    assert (key(document) == key(changed(document, path, value))) is same


@pytest.mark.parametrize(
    ("path", "value", "same"),
    [
        ("child.nhsNumber", NHS_NUMBERS[1], False),
        ("review.date", "2026-11-16", False),
        ("source", {"odsCode": "RJR"}, False),
        ("review.type", "ad-hoc-review", False),
        ("review.type", None, False),
        ("child.familyName", "Other", True),
        ("child.address.postcode", "CH2 0ZZ", True),
        ("review.outcome", "declined", True),
        ("conclusions", [{"kind": "none"}], True),
    ],
)
def test_a_review_is_known_by_child_day_organisation_and_type(
    path: str, value: Any, same: bool
) -> None:
    document = a_review()
    assert (key(document) == key(changed(document, path, value))) is same


def test_reviews_of_one_child_day_and_organisation_share_their_day_whatever_the_type() -> None:
    document = a_review()
    days = {
        review_day(message(changed(document, "review.type", kind)))  # type: ignore[arg-type]
        for kind in ("two-year-review", "ad-hoc-review", None)
    }
    assert len(days) == 1


def test_an_unmapped_type_of_review_tells_records_apart_too() -> None:
    untyped = changed(a_review(), "review.type", None)
    typed = changed(untyped, "review.typeCode", {"code": "0099"})
    assert len({key(untyped), key(typed), key(a_review())}) == 3


def test_a_child_is_known_by_nhs_number_else_upn_else_names_and_birth_date() -> None:
    def of(**changes: Any) -> tuple[str, ...]:
        return child_key(message(a_review(child=a_child(**changes))))

    assert of(familyName="Other", upn=UPN) == of()
    assert of(nhsNumber=None, upn=UPN) == of(nhsNumber=None, upn=UPN, birthDate="2023-01-01")
    nameless = {"nhsNumber": None}
    assert of(**nameless, familyName="ASHDOWN", givenNames=["MAYA", "rose"]) == of(**nameless)
    assert of(**nameless, familyName="Other") != of(**nameless)
    assert of(**nameless, givenNames=["May", "Arose"]) != of(**nameless)
    assert of(**nameless, birthDate="2024-05-15") != of(**nameless)
    assert of() != of(**nameless)


@pytest.mark.parametrize(
    "unknown", [{"familyName": None}, {"birthDate": None}, {"birthDate": "2024-05"}]
)
def test_two_children_of_whom_too_little_is_known_never_become_one(unknown: dict[str, Any]) -> None:
    child = a_child(nhsNumber=None, **unknown)
    first, second = a_review(child=child), a_review(child=child)
    assert key(first) != key(second)
    assert key(first) == key(dict(first))


# ── the fold ─────────────────────────────────────────────────────────────────────────────────


def test_a_later_part_replaces_its_sources_earlier_one_whole_and_patches_nothing() -> None:
    first = a_review(conclusions=[{"kind": "none"}], sharing={"safeContact": "yes"})
    second = changed(a_review(20), "child.generalPractice", None)
    assert state(part(first), part(second, hour=1)) == message(second).document()


def test_a_part_that_arrives_late_does_not_undo_what_was_sent_after_it() -> None:
    newer, older = part(a_review(20), hour=1), part(a_review(50))
    assert state(newer, older) == state(older, newer) == message_of(newer)


def message_of(one: Part) -> dict[str, Any]:
    assert one.message is not None
    return one.message.document()


def test_the_sequence_orders_what_was_sent_at_one_instant() -> None:
    higher, lower = part(a_review(20, sequence=2)), part(a_review(50, sequence=1))
    assert state(higher, lower) == message_of(higher)


def test_a_retract_leaves_nothing_of_a_record_with_one_part() -> None:
    review = a_review()
    assert fold([part(review), part(retracted(review), hour=1)]) == (None, 0)


def test_a_retract_that_comes_before_its_message_still_stands() -> None:
    review = a_review()
    assert fold([part(retracted(review), hour=1), part(review)]) == (None, 0)


def test_what_is_sent_after_a_retract_stands_again() -> None:
    review, again = a_review(), a_review(20)
    parts = [part(review), part(retracted(review), hour=1), part(again, hour=2)]
    assert state(*parts) == message(again).document()


def test_a_source_can_retract_its_own_part_only() -> None:
    ours = a_notice()
    theirs = retracted(ours | {"source": {"urn": "199902"}})
    assert state(part(ours), part(theirs, hour=1)) == message(ours).document()


def test_a_part_that_was_forgotten_is_counted_and_what_is_kept_still_stands() -> None:
    gone = Part("ods:RXA", "asq", False, (START, 0, "a"), None)
    review = part(a_review(), hour=1, event="review")
    assert fold([gone]) == (None, 1)
    assert fold([gone, review]) == (review.message, 1)


def test_a_forgotten_part_that_was_retracted_or_sent_again_is_not_missed() -> None:
    review = a_review()
    gone = Part("ods:RXA", review["kind"], False, (START, 0, "a"), None)
    assert fold([gone, part(retracted(review), hour=1)]) == (None, 0)
    assert fold([gone, part(review, hour=1)]) == (message(review), 0)


def test_an_empty_record_has_no_state() -> None:
    assert fold([]) == (None, 0)


DOCUMENTS = [
    a_review(),
    a_review(20, conclusions=[{"kind": "watch-and-recheck"}]),
    a_probable_sen_review(),
    changed(a_review(), "review.asq3", None),
    changed(a_review(), "child.address", None),
    retracted(a_review(), "cancelled"),
]


@st.composite
def histories(draw: st.DrawFn) -> list[Part]:
    """Parts of one record in any order: several events of one source, some forgotten."""
    hours = draw(st.lists(st.integers(0, 5), max_size=7))
    parts = []
    for number, hour in enumerate(hours):
        one = part(draw(st.sampled_from(DOCUMENTS)), hour, draw(st.sampled_from(["asq", "visit"])))
        kept = None if draw(st.integers(0, 9)) == 0 else one.message
        order = (one.order[0], draw(st.integers(0, 1)), f"id-{number}")
        parts.append(Part(one.source, one.event, one.retracts, order, kept))
    return parts


@given(histories(), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_state_does_not_depend_on_the_order_of_arrival(parts: list[Part], random: Any) -> None:
    expected = fold(parts)
    random.shuffle(parts)
    assert fold(parts) == expected


@given(histories())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_only_the_latest_of_each_source_and_event_counts(parts: list[Part]) -> None:
    latest = {
        event: max((p for p in parts if p.event == event), key=lambda p: p.order)
        for event in {p.event for p in parts}
    }
    folded, gone = fold(parts)
    assert (folded, gone) == fold(latest.values())
    standing = [p for p in latest.values() if not p.retracts]
    assert gone == sum(p.message is None for p in standing)
    assert (folded is None) == all(p.message is None for p in standing)


# ── parts of several events ──────────────────────────────────────────────────────────────────


def test_parts_of_several_events_make_one_state() -> None:
    scores = changed(a_review(15), "child.address", None)
    visit = changed(a_probable_sen_review(), "review.asq3", None)
    visit = changed(visit, "review.hearing", {"status": "no-concern"})
    folded = state(part(scores, event="asq"), part(visit, hour=1, event="visit"))
    assert folded["review"]["asq3"] == scores["review"]["asq3"]
    assert folded["review"]["hearing"] == {"status": "no-concern"}
    assert folded["conclusions"] == visit["conclusions"]
    assert folded["child"]["address"] == visit["child"]["address"]
    assert folded["id"] == visit["id"]


def test_where_two_parts_speak_of_one_field_the_later_says_what_it_is() -> None:
    first = changed(a_review(), "child.generalPractice", "N81991")
    later = changed(a_review(), "child.generalPractice", "N81995")
    parts = part(later, hour=1, event="visit"), part(first, event="asq")
    assert state(*parts)["child"]["generalPractice"] == "N81995"


def test_what_both_parts_list_is_listed_once() -> None:
    concluded = [{"kind": "watch-and-recheck"}]
    other = [{"kind": "probable-sen-or-disability"}, *concluded]
    folded = state(
        part(a_review(conclusions=concluded), event="asq"),
        part(a_review(conclusions=other), hour=1, event="visit"),
    )
    assert folded["conclusions"] == [*concluded, other[0]]


def test_when_one_of_two_events_is_retracted_the_other_stands_alone() -> None:
    scores, visit = a_review(15), changed(a_probable_sen_review(), "review.asq3", None)
    gone = part(retracted(visit), hour=2, event="visit")
    parts = part(scores, event="asq"), part(visit, hour=1, event="visit"), gone
    assert state(*parts) == message(scores).document()


def test_notices_of_a_school_and_of_the_council_about_one_pupil_make_one_state() -> None:
    school = a_notice()
    council = a_notice(source={"laCode": "896"}, conclusions=[{"kind": "support-within-service"}])
    folded, _ = fold([part(school), part(council, hour=1)])
    assert folded is not None
    assert folded.source.key == "la:896"
    assert body_of(folded).provision == "K"


def agreement(status: str, *recipients: str, purposes: tuple[str, ...] = ()) -> dict[str, Any]:
    stated = {"status": status, "recipients": list(recipients), "purposes": list(purposes)}
    return {"agreement": {name: value for name, value in stated.items() if value}}


def test_a_later_refusal_of_everybody_is_not_narrowed_to_whom_an_earlier_part_named() -> None:
    agreed = agreement("given", "setting", purposes=("support-in-setting",))
    folded = state(
        part(a_review(sharing=agreed), event="asq"),
        part(a_review(sharing=agreement("refused")), hour=1, event="visit"),
    )
    assert folded["sharing"] == agreement("refused")


def test_two_agreements_never_become_one_that_nobody_gave() -> None:
    setting = agreement("given", "setting", purposes=("support-in-setting",))
    front_door = agreement("given", "front-door", purposes=("early-help",))
    folded = state(
        part(a_review(sharing=setting), event="asq"),
        part(a_review(sharing=front_door), hour=1, event="visit"),
    )
    assert folded["sharing"] == front_door


def test_an_opinion_is_never_put_together_from_two_peoples() -> None:
    first = {"opinion": {"by": {"name": "Helen Marsh"}, "on": "2026-11-10", "words": "Hearing."}}
    later = {"opinion": {"by": {"name": "Ivy Cole"}, "on": "2026-11-17"}}
    folded = state(
        part(a_review(sharing=first), event="asq"),
        part(a_review(sharing=later), hour=1, event="visit"),
    )
    assert folded["sharing"] == later


def test_a_home_is_never_put_together_from_two_addresses() -> None:
    old = {"lines": ["1 Example Row"], "town": "Chester", "postcode": "CH2 0ZZ"}
    new = {"lines": ["2 Sample Street"], "postcode": "CW9 0ZZ"}
    folded = state(
        part(a_review(child=a_child(address=old)), event="asq"),
        part(a_review(child=a_child(address=new)), hour=1, event="visit"),
    )
    assert folded["child"]["address"] == new


def a_standing_notice(**notice: object) -> Message:
    stated = {"restricted": True, "agreement": {"status": "refused"}}
    message = a_notice(sharing=stated, sent="2026-11-17T10:00:00+00:00")
    return understood({**message, "notice": {**message["notice"], **notice}}).message


def test_a_register_that_restates_lifts_nothing_by_being_silent() -> None:
    standing = a_standing_notice(outcomes=["Asks for help."])
    export = changed(a_notice(sent="2026-11-20T10:00:00+00:00"), "notice.parentsTold", None)
    export = changed(changed(export, "professional", None), "child.generalPractice", None)
    stands = restated(standing, understood(export).message)
    assert stands.id == export["id"]
    assert stands.sent > standing.sent
    assert same_content(stands, standing)
    assert stands.sharing.restricted
    assert stands.notice.parents_told == standing.notice.parents_told
    assert stands.notice.outcomes == ("Asks for help.",)
    assert stands.child.general_practice == standing.child.general_practice


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("notice.needs", None),
        ("notice.needs", [{"type": "MLD"}]),
        ("notice.provisionBefore", None),
        ("notice.parentsTold.on", "2026-11-15"),
        ("child.familyName", "Hoole"),
        ("sharing", {"agreement": {"status": "given"}}),
    ],
)
def test_what_a_register_says_otherwise_is_news(path: str, value: object) -> None:
    standing = a_standing_notice()
    new = understood(changed(a_notice(), path, value)).message
    stands = restated(standing, new)
    assert not same_content(stands, standing)
    if path.startswith("notice.needs"):
        assert stands.notice.needs == new.notice.needs


def first_seen(provision: str, **changes: object) -> Message:
    notice = {"provision": provision, "startIs": "first-seen", **changes}
    return understood(a_notice(record="wonde:1", notice=notice)).message


def test_where_no_start_is_known_a_provision_begins_when_it_is_first_seen_and_so_does_a_return() -> (
    None
):
    told = {"parentsTold": {"on": "2026-11-16"}}
    plan = first_seen("E", start="2026-11-16", **told)
    assert same_content(restated(plan, first_seen("E", start="2026-11-17")), plan)
    support = restated(plan, first_seen("K", start="2026-11-17"))
    assert support.document()["notice"] == {
        "start": "2026-11-17",
        "startIs": "first-seen",
        "provision": "K",
        "provisionBefore": "E",
    }, "that the parents were told of the plan is not said of the support"
    assert same_content(restated(support, first_seen("K", start="2026-11-18")), support)
    again = restated(support, first_seen("E", start="2026-11-18")).document()["notice"]
    assert (again["start"], again["provisionBefore"]) == ("2026-11-18", "K")


STOPS = {
    "restricted": True,
    "disagreement": True,
    "courtOrderKnown": True,
    "agreement": {"status": "refused"},
    "safeContact": "do-not-contact",
}


def test_a_table_that_restates_a_referral_lifts_nothing_that_stops_it_by_being_silent() -> None:
    opinion = {"words": "Probable SEN."}
    standing = understood(a_referral(sharing={**STOPS, "opinion": opinion})).message
    silent = restated(standing, understood(a_referral(id="later")).message)
    assert silent.sharing.document() == STOPS
    given = {"agreement": {"status": "given"}, "restricted": False, "safeContact": "yes"}
    spoken = restated(standing, understood(a_referral(id="later", sharing=given)).message)
    assert spoken.sharing.document() == {**STOPS, **given}


def test_a_table_that_restates_a_referral_carries_on_no_agreement() -> None:
    given = {"agreement": {"status": "given"}, "safeContact": "yes"}
    standing = understood(a_referral(sharing=given)).message
    assert restated(standing, understood(a_referral(id="later")).message).sharing.document() == {}


@pytest.mark.parametrize(
    ("first", "second", "stands"),
    [
        ("do-not-contact", "speak-to-sender-first", "do-not-contact"),
        ("speak-to-sender-first", "do-not-contact", "do-not-contact"),
        ("do-not-contact", "yes", "yes"),
        ("yes", "speak-to-sender-first", "speak-to-sender-first"),
        ("do-not-contact", None, "do-not-contact"),
    ],
)
def test_care_for_every_child_alike_lifts_no_graver_care_for_this_one(
    first: str, second: str | None, stands: str
) -> None:
    parts = [
        part(a_review(sharing={"safeContact": word} if word else {}), hour, event)
        for hour, event, word in ((10, "healthy-child-review", first), (11, "scales", second))
    ]
    assert state(*parts)["sharing"]["safeContact"] == stands
