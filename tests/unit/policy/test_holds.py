"""What may not go and why: restricted, home, age, recipient, channel. And harm, which is never held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from adapters.inbound import Parsed
from gateway.assessment import assess
from gateway.policy.engine import Decision, decide
from gateway.receipts import Receipts
from gateway.weighing import policy_document
from schemas.fields import MODELS
from schemas.receipt import Receipt
from tests.builders import (
    OPINION,
    PRACTICE,
    SCHOOL,
    SETTING,
    a_child,
    a_notice,
    a_probable_sen_review,
    a_referral,
    a_report,
    a_review,
    a_safeguarding_referral,
    an_early_help_request,
    an_ehc_request,
    changed,
    default_policy,
    directory,
    tables,
    understood,
)
from tests.unit.policy.canaries import canary, leaves
from tests.unit.policy.deciding import (
    an_agreement,
    area_with,
    decided,
    missing,
    outcome,
    the_alert,
    with_s16la,
)

Document = dict[str, Any]
REVIEW, REPORT, NOTICE, REFERRAL = MODELS
UNKNOWN, WALES, CHESHIRE_EAST = "CH65 1AA", "CH4 0ZX", "CW6 0ZX"


def asked_for_advice() -> Document:
    return changed(a_report(), "report.requestedBy", {"authority": "896", "on": "2026-10-01"})


def s24() -> Document:
    agreement = an_agreement("early-years-sen-team")
    return a_probable_sen_review(source={"odsCode": PRACTICE}, sharing={"agreement": agreement})


def agreed() -> Document:
    return a_review(sharing={"agreement": an_agreement("setting")})


def early_help() -> Document:
    return an_early_help_request(sharing={"agreement": an_agreement("front-door")})


# The bases that stop at the area's edge, and those that do not: a route and a message of each.
ONLY_HERE: dict[str, tuple[str, Callable[[], Document]]] = {
    "s23": ("C", a_probable_sen_review),
    "s24-attention": ("C", s24),
    "s36-request": ("H", an_ehc_request),
    "ehc-advice": ("F", asked_for_advice),
    "early-help": ("I2", early_help),
}
ANYWHERE: dict[str, tuple[str, Callable[[], Document]]] = {
    "agreed": ("B", agreed),
    "direct-care": ("A", a_review),
    "sen-support": ("G", a_notice),
    "harm": ("J", a_safeguarding_referral),
}


def receipt_of(message: Document, decision: Decision | None = None) -> Receipt:
    """Return the answer to a check of this message."""
    parsed: Parsed = understood(message)
    assessment = assess(parsed.message, tables())
    document = policy_document(parsed.message, assessment)
    made = decision or decide(
        default_policy(), directory(), parsed.message, document, assessment.findings
    )
    return Receipts(default_policy(), directory()).checked(parsed, assessment, made)


# Home.


@pytest.mark.parametrize("basis", ONLY_HERE)
@pytest.mark.parametrize("postcode", [WALES, CHESHIRE_EAST])
def test_a_home_outside_the_area_stops_what_only_the_authority_of_home_may_be_told(
    basis: str, postcode: str
) -> None:
    route, message = ONLY_HERE[basis]
    decision = decided(changed(message(), "child.address.postcode", postcode))
    assert outcome(decision, route) == "out-of-area"
    [hold] = [hold for hold in decision.holds if hold.route == route]
    assert (hold.basis, hold.missing) == (basis, ())


def test_what_is_held_out_of_area_names_nothing_but_the_area() -> None:
    away = changed(a_probable_sen_review(), "child.address.postcode", WALES)
    [held] = receipt_of(away).held
    assert "W06000005" not in held.model_dump_json()
    assert WALES not in held.model_dump_json()


@pytest.mark.parametrize("basis", ANYWHERE)
@pytest.mark.parametrize("postcode", [WALES, CHESHIRE_EAST, UNKNOWN, None])
def test_no_other_basis_asks_where_the_child_lives(basis: str, postcode: str | None) -> None:
    route, message = ANYWHERE[basis]
    decision = decided(changed(message(), "child.address.postcode", postcode))
    assert the_alert(decision, route).basis == basis


@pytest.mark.parametrize("basis", ONLY_HERE)
@pytest.mark.parametrize("postcode", [UNKNOWN, None])
def test_a_home_that_no_full_postcode_determines_is_held(basis: str, postcode: str | None) -> None:
    route, message = ONLY_HERE[basis]
    decision = decided(changed(message(), "child.address.postcode", postcode))
    assert outcome(decision, route) == "home-not-determined"
    assert missing(decision, route) == {"/child/address/postcode"}


def test_an_outward_code_suggests_a_service_and_never_a_home() -> None:
    child = a_child(generalPractice=None, address={"postcode": UNKNOWN})
    assert outcome(decided(a_probable_sen_review(child=child)), "C") == "home-not-determined"
    referral = changed(a_referral(child=child), "referral.service.to", "paediatrics")
    alert = the_alert(decided(referral), "D")
    assert alert.service.id == "paediatrics-west"
    assert [flag for flag in alert.flags if "outward code" in flag]


# Age.


@pytest.mark.parametrize("born", [None, "2024", "2024-05"])
@pytest.mark.parametrize("source", [{"odsCode": "RXA"}, {"odsCode": PRACTICE}])
def test_an_age_that_is_not_known_is_held_and_asked_for(born: str | None, source: Any) -> None:
    message = changed(a_probable_sen_review(source=source), "child.birthDate", born)
    decision = decided(message)
    assert outcome(decision, "C") == "age-not-determined"
    assert missing(decision, "C") == {"/child/birthDate"}


def test_an_age_that_no_decision_needs_is_not_asked_for() -> None:
    for message in (a_review(), a_report(), a_notice(), a_referral(), an_ehc_request()):
        assert decided(changed(message, "child.birthDate", None)).holds == ()


def test_where_age_could_not_make_a_difference_it_is_not_asked_for() -> None:
    unsafe = changed(a_probable_sen_review(), "sharing.notInformedBecause", "Unsafe.")
    decision = decided(changed(unsafe, "child.birthDate", None))
    assert "age-not-determined" not in {hold.reason for hold in decision.holds}


# Whom the directory does not know.


@pytest.mark.parametrize("to", ["podiatry", "no-such-service"])
def test_a_service_that_the_directory_does_not_know_is_held(to: str) -> None:
    decision = decided(changed(a_referral(), "referral.service.to", to))
    assert outcome(decision, "D") == "recipient-unknown"


@pytest.mark.parametrize("setting", [{"urn": "9999999"}, {"name": "Little Acorns"}])
def test_a_setting_that_the_directory_does_not_know_is_held_where_it_was_agreed(
    setting: Document,
) -> None:
    decision = decided(changed(agreed(), "child.setting", setting))
    assert outcome(decision, "B") == "recipient-unknown"


def test_a_referrer_whom_the_directory_does_not_know_is_silence() -> None:
    decision = decided(changed(a_report(), "report.referrer", {"odsCode": "XYZ99"}))
    assert decision.forgets


def test_a_child_for_whom_no_locality_decides_has_no_service() -> None:
    child = a_child(generalPractice=None, address=None)
    message = changed(a_referral(child=child), "referral.service.to", "paediatrics")
    assert outcome(decided(message), "D") == "recipient-unknown"


# Requests and graver conclusions are never forgotten.


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(a_referral(source={"urn": SCHOOL}), id="a referral that nobody agreed to"),
        pytest.param(
            changed(an_ehc_request(), "referral.ehc.requestedBy", "other"),
            id="a request by one who may not ask",
        ),
        pytest.param(
            a_review(child=a_child(generalPractice=None), conclusions=[{"kind": "refer"}]),
            id="a conclusion to refer",
        ),
        pytest.param(
            changed(
                a_probable_sen_review(
                    sharing={"notInformedBecause": "Unsafe.", "opinion": OPINION}
                ),
                "child.generalPractice",
                None,
            ),
            id="probable SEN where telling the parent is unsafe",
        ),
    ],
)
def test_what_asks_for_something_and_fires_no_route_is_held(message: Document) -> None:
    decision = decided(message)
    assert decision.alerts == ()
    assert [(hold.route, hold.reason) for hold in decision.holds] == [("-", "no-route")]


@pytest.mark.parametrize(
    "conclusion", [None, "none", "watch-and-recheck", "support-within-service"]
)
def test_what_asks_for_nothing_and_fires_no_route_is_forgotten(conclusion: str | None) -> None:
    concluded = [{"kind": conclusion}] if conclusion else None
    child = a_child(generalPractice=None)
    assert decided(a_review(communication=0, child=child, conclusions=concluded)).forgets


# Parents who disagree.


def test_where_parents_disagree_what_rests_on_agreement_waits_and_duties_go_on() -> None:
    agreement = an_agreement("setting", "front-door")
    review = a_probable_sen_review(
        conclusions=[{"kind": "probable-sen-or-disability"}, {"kind": "family-support"}],
        sharing={"opinion": OPINION, "agreement": agreement, "disagreement": True},
    )
    decision = decided(review)
    assert {alert.route for alert in decision.alerts} == {"A", "C"}
    assert {(hold.route, hold.reason) for hold in decision.holds} == {
        ("B", "disagreement"),
        ("I", "disagreement"),
    }


# Restricted: nothing is published but harm, and nothing shows where the child is.

WHERE = ("address", "practice", "postcode", "whereabouts", "phone")


def restricted_canary(kind: str, referral: str = "service") -> Document:
    return changed(canary(kind, referral), "sharing.restricted", True)  # type: ignore[arg-type]


CANARIES = [
    (REVIEW, "service"),
    (REPORT, "service"),
    (NOTICE, "service"),
    (REFERRAL, "service"),
    (REFERRAL, "ehc-needs-assessment"),
    (REFERRAL, "early-help"),
]


@pytest.mark.parametrize(("kind", "referral"), CANARIES)
def test_nothing_of_a_restricted_record_is_published(kind: str, referral: str) -> None:
    for policy in (default_policy(), with_s16la()):
        decision = decided(restricted_canary(kind, referral), policy)
        assert decision.alerts == ()
        assert {hold.reason for hold in decision.holds} <= {"restricted", "no-route"}
        assert not decision.forgets


def test_restricted_comes_before_every_other_reason() -> None:
    message = changed(a_probable_sen_review(), "sharing.restricted", True)
    for path, value in [
        ("child.address.postcode", WALES),
        ("child.birthDate", None),
        ("sharing.opinion", None),
        ("sharing.agreement", an_agreement(status="refused")),
    ]:
        assert outcome(decided(changed(message, path, value)), "C") == "restricted"


def test_harm_to_a_restricted_child_goes_without_a_word_of_where_the_child_is() -> None:
    message = restricted_canary(REFERRAL, "safeguarding")
    alert = the_alert(decided(message), "J")
    place = {
        (path, value)
        for path, value in leaves(message)
        if path.startswith(("child.address", "child.setting", "child.generalPractice"))
        or path == "referral.safeguarding.whereabouts"
        or (path.startswith("child.responsiblePeople") and path.endswith(("phone", "email")))
    }
    assert {path for path, _ in place} >= {"child.address.postcode", "child.setting.keyPerson"}
    assert not place & set(leaves(alert.fields))
    assert "Whereabouts: telephone the sender" in alert.flags


def test_nobody_who_works_where_a_restricted_child_lives_is_named() -> None:
    """A lead practitioner's or social worker's organisation or telephone shows the place."""
    alert = the_alert(decided(restricted_canary(REFERRAL, "safeguarding")), "J")
    for path, _ in leaves(alert.fields):
        assert not path.startswith(("child.leadPractitioner", "child.allocatedSocialWorker"))


def test_no_flag_says_in_which_area_a_restricted_child_lives() -> None:
    message = changed(a_safeguarding_referral(), "sharing.restricted", True)
    here = the_alert(decided(message), "J").flags
    assert the_alert(decided(changed(message, "child.address.postcode", WALES)), "J").flags == here


@pytest.mark.parametrize(
    ("kind", "referral"), [*CANARIES, (REFERRAL, "safeguarding")], ids=lambda word: word
)
def test_no_receipt_shows_where_a_restricted_child_is(kind: str, referral: str) -> None:
    message = restricted_canary(kind, referral)
    shown = receipt_of(message).model_dump_json(by_alias=True, exclude_none=True)
    address = message["child"]["address"]
    for secret in (
        *address["lines"],
        address["town"],
        address["postcode"],
        PRACTICE,
        SETTING,
        "practice-",
        "setting-",
        "slt-today",
        "West Cheshire",
        "Boat Museum",
        "Little Acorns",
        *(person["phone"] for person in message["child"]["responsiblePeople"]),
    ):
        assert secret not in shown


@pytest.mark.parametrize("build", [a_review, a_referral, a_probable_sen_review])
def test_a_receipt_is_the_same_wherever_a_restricted_child_lives(
    build: Callable[..., Document],
) -> None:
    """Not even presence, absence, count or an error tells one place from another."""
    seen = set()
    for practice, postcode in [
        (PRACTICE, "CH65 9ZZ"),
        ("N81995", "CW9 0ZZ"),
        ("N81996", WALES),
        ("N81997", None),
    ]:
        child = a_child(generalPractice=practice, address=postcode and {"postcode": postcode})
        message = build(child=child)
        message["id"], message["sharing"] = (
            "one",
            {**message.get("sharing", {}), "restricted": True},
        )
        if "referral" in message:
            message["referral"]["identifier"] = "one"
            message["referral"]["service"]["to"] = "paediatrics"
        seen.add(receipt_of(message).model_dump_json())
    assert len(seen) == 1


# Harm is never held, and precedes every hold.

IN_THE_WAY: dict[str, tuple[str, Any]] = {
    "restricted": ("sharing.restricted", True),
    "home in Wales": ("child.address.postcode", WALES),
    "home in the next authority": ("child.address.postcode", CHESHIRE_EAST),
    "home unknown": ("child.address.postcode", UNKNOWN),
    "no address": ("child.address", None),
    "no practice": ("child.generalPractice", None),
    "no birth date": ("child.birthDate", None),
    "nothing of the child": ("child", {}),
    "agreement refused": ("sharing.agreement", {"status": "refused"}),
    "parents disagree": ("sharing.disagreement", True),
    "no safe contact": ("sharing.safeContact", "do-not-contact"),
    "nothing but who and why": (
        "sharing.harm",
        {"by": {"name": "Helen Marsh"}, "cause": "A bruise without an explanation."},
    ),
    "no facts": ("referral.safeguarding", {}),
    "from one whom the directory does not know": ("source", {"odsCode": "XYZ99"}),
}


@pytest.mark.parametrize("obstacle", IN_THE_WAY)
def test_harm_is_never_held(obstacle: str) -> None:
    path, value = IN_THE_WAY[obstacle]
    decision = decided(changed(a_safeguarding_referral(), path, value))
    assert [(a.route, a.basis, a.urgent) for a in decision.alerts] == [("J", "harm", True)]
    assert decision.holds == ()


def test_harm_is_never_held_whatever_stands_in_the_way_at_once() -> None:
    message = a_safeguarding_referral()
    for path, value in IN_THE_WAY.values():
        if path != "child.address.postcode":
            message = changed(message, path, value)
    decision = decided(message)
    assert [alert.route for alert in decision.alerts] == ["J"]
    assert decision.holds == ()


@pytest.mark.parametrize("postcode", [WALES, CHESHIRE_EAST])
def test_harm_to_a_child_from_elsewhere_goes_to_this_front_door_and_says_so(postcode: str) -> None:
    decision = decided(changed(a_safeguarding_referral(), "child.address.postcode", postcode))
    alert = the_alert(decision, "J")
    assert alert.service.id == "cwac-iart"
    assert [flag for flag in alert.flags if "outside this area" in flag]


def test_an_area_whose_front_doors_serve_localities_still_hears_of_harm_without_an_address() -> (
    None
):
    front_door = (
        "directory.yaml",
        "electronic Multi-Agency Referral Form\n    serves: everyone",
        "electronic Multi-Agency Referral Form\n    serves: {localities: [West Cheshire]}",
    )
    message = changed(a_safeguarding_referral(), "child", {})
    decision = decided(message, area=area_with(front_door))
    assert [alert.service.role for alert in decision.alerts] == ["front-door"]
    assert decision.holds == ()
