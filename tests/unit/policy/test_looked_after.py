"""Looked-after children, and section 16LA: who is added, what travels, where the placement stays."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.policy.engine import Decision
from schemas.fields import MODELS
from tests.builders import (
    DAY,
    PRACTICE,
    SCHOOL,
    a_child,
    a_probable_sen_review,
    a_review,
    changed,
)
from tests.unit.policy.canaries import canary, leaves
from tests.unit.policy.deciding import (
    a_judgement,
    an_agreement,
    decided,
    outcome,
    the_alert,
    with_s16la,
)

Document = dict[str, Any]
REVIEW, REPORT, NOTICE, REFERRAL = MODELS
WORKER, SCHOOL_OF_ALL, SEN_TEAM = (
    "allocated-social-worker",
    "virtual-school",
    "early-years-sen-team",
)
EHC, EARLY_HELP, SAFEGUARDING = "ehc-needs-assessment", "early-help", "safeguarding"

NOT_BROUGHT = changed(canary(REVIEW), "review.outcome", "was-not-brought")
TO_A_SCHOOL = changed(canary(REPORT), "report.referrer", {"urn": SCHOOL})
FROM_A_SCHOOL = changed(canary(NOTICE), "source", {"urn": SCHOOL})
EVERYTHING: dict[str, Document] = {
    "review": canary(REVIEW),
    "not brought": NOT_BROUGHT,
    "report": canary(REPORT),
    "report to a school": TO_A_SCHOOL,
    "notice": FROM_A_SCHOOL,
    "referral": canary(REFERRAL),
    "request for an assessment": canary(REFERRAL, EHC),
    "request for early help": changed(canary(REFERRAL, EARLY_HELP), "conclusions", None),
    "harm": canary(REFERRAL, SAFEGUARDING),
}
"""Canary messages about a looked-after child, with agreement and a judgement for everybody."""


def added(decision: Decision) -> set[tuple[str, str]]:
    """Return the rows to which recipients were added, with whom."""
    return {
        (alert.route.partition(".")[2], alert.service.role)
        for alert in decision.alerts
        if alert.route.startswith("L")
    }


@pytest.mark.parametrize(
    ("name", "worker", "school"),
    [
        ("review", "B C I", "B C"),
        ("report", "B C E E3 F I", "B C F"),
        ("report to a school", "B C E2 E3 F I", "B C F"),
        ("notice", "C G I", "C G"),
        ("referral", "C D I", "C"),
        ("request for an assessment", "C H I", "C H"),
        ("request for early help", "I2", ""),
        ("harm", "", ""),
    ],
)
def test_social_worker_and_virtual_school_are_added_to_the_rows_that_say_so(
    name: str, worker: str, school: str
) -> None:
    rows = {(row, WORKER) for row in worker.split()}
    rows |= {(row, SCHOOL_OF_ALL) for row in school.split()}
    # E and E2 are one row of the rules; which of the two carries it depends on the referrer.
    alike = {("E", WORKER), ("E2", WORKER)}
    told = added(decided(EVERYTHING[name], with_s16la()))
    assert told - alike == rows - alike
    assert bool(told & alike) == bool(rows & alike)


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_social_worker_is_added_on_section_16la_through_the_view_of_the_row(name: str) -> None:
    decision = decided(EVERYTHING[name], with_s16la())
    rows = {alert.route: alert for alert in decision.alerts}
    for alert in decision.alerts:
        row = rows.get(alert.route.partition(".")[2])
        if alert.route.startswith("L"):
            assert alert.basis == "s16la"
        if row and alert.route.startswith("L"):
            assert alert.urgent == row.urgent
            address = {leaf for leaf in leaves(alert.fields) if leaf[0].startswith("child.address")}
            assert set(leaves(alert.fields)) - address <= set(leaves(row.fields))


@pytest.mark.parametrize("name", ["report", "report to a school"])
def test_only_a_health_referrer_and_those_who_asked_read_history_and_diagnosis(name: str) -> None:
    """Row E: others see advice and safety plan, and never the diagnosis history."""
    for alert in decided(EVERYTHING[name], with_s16la()).alerts:
        row = alert.route.rpartition(".")[2]
        if alert.agency != "health" and row != "F":
            seen = {path for path, _ in leaves(alert.fields)}
            assert not [p for p in seen if p.startswith(("report.history", "report.findings"))], (
                alert.route
            )


# The placement.


def test_the_social_worker_does_read_the_placement_address() -> None:
    alert = the_alert(decided(EVERYTHING["review"], with_s16la()), "L.C")
    assert alert.fields["child"]["address"] == EVERYTHING["review"]["child"]["address"]


# The responsible authority.


@pytest.mark.parametrize("role", [WORKER, SCHOOL_OF_ALL])
def test_a_child_of_another_authority_is_not_told_to_our_social_worker_or_virtual_school(
    role: str,
) -> None:
    ours = EVERYTHING["review"]
    theirs = changed(ours, "child.lookedAfter.authority", "895")
    assert role in {alert.service.role for alert in decided(ours, with_s16la()).alerts}
    assert role not in {alert.service.role for alert in decided(theirs, with_s16la()).alerts}


def test_a_social_worker_of_another_authority_is_not_taken_for_ours() -> None:
    worker = {"name": "Priya Nair", "organisation": {"laCode": "895"}}
    review = {"outcome": "was-not-brought", "attempts": 2, "date": DAY}
    sharing = {"welfareJudgements": [a_judgement(WORKER)]}
    child = a_child(allocatedSocialWorker=worker)
    decision = decided(a_review(review=review, child=child, sharing=sharing), with_s16la())
    assert outcome(decision, "K") != "alert"


# A refusal does not stop section 16LA; it travels to social care, others see whom to speak to.


def refused(name: str, *recipients: str, status: str = "refused") -> Document:
    agreement = an_agreement(*recipients, status=status) | {"by": "canary sharing.agreement.by"}
    unsafe = changed(EVERYTHING[name], "sharing.notInformedBecause", "It would put her at risk.")
    return changed(unsafe, "sharing.agreement", agreement)


def tells_of_refusal(alert: Any) -> bool:
    words = (*alert.flags, *(str(value) for _, value in leaves(alert.fields)))
    return any("refused" in word or "withdrawn" in word for word in words)


@pytest.mark.parametrize("status", ["refused", "withdrawn"])
@pytest.mark.parametrize("name", ["review", "not brought", "report"])
def test_a_refusal_travels_to_social_care_only(name: str, status: str) -> None:
    decision = decided(refused(name, status=status), with_s16la())
    under = [alert for alert in decision.alerts if alert.basis == "s16la"]
    assert {alert.agency for alert in under} == {"education", "social-care"}
    for alert in under:
        assert tells_of_refusal(alert) == (alert.agency == "social-care")
        contact = alert.fields["sharing"]["safeContact"]
        assert (contact == "speak-to-sender-first") == (alert.agency != "social-care")
        assert alert.agency == "social-care" or "agreement" not in alert.fields["sharing"]


@pytest.mark.parametrize("recipient", ["setting", "general-practice", "front-door"])
def test_a_refusal_for_somebody_else_is_no_news_for_education_either(recipient: str) -> None:
    decision = decided(refused("review", recipient), with_s16la())
    for alert in decision.alerts:
        if alert.agency == "education":
            assert not tells_of_refusal(alert)


def test_a_family_that_must_not_be_contacted_is_not_made_one_to_be_asked_about() -> None:
    message = changed(refused("review"), "sharing.safeContact", "do-not-contact")
    alert = the_alert(decided(message, with_s16la()), "C")
    assert (alert.basis, alert.fields["sharing"]["safeContact"]) == ("s16la", "do-not-contact")


def test_under_a_duty_of_section_23_the_sen_team_reads_of_no_refusal() -> None:
    message = changed(a_probable_sen_review(), "sharing.agreement", an_agreement(status="refused"))
    assert not tells_of_refusal(the_alert(decided(message), "C"))


def test_a_refusal_travels_with_a_notice_of_sen_support() -> None:
    message = changed(EVERYTHING["notice"], "sharing.agreement", an_agreement(status="refused"))
    assert tells_of_refusal(the_alert(decided(message), "G"))


# No judgement, no sharing under section 16LA.


def test_a_judgement_for_the_sen_team_tells_the_sen_team_and_nobody_else() -> None:
    message = a_probable_sen_review(
        source={"odsCode": PRACTICE}, sharing={"welfareJudgements": [a_judgement(SEN_TEAM)]}
    )
    decision = decided(message, with_s16la())
    under = [alert.service.role for alert in decision.alerts if alert.basis == "s16la"]
    assert under == [SEN_TEAM]


@pytest.mark.parametrize("what", ["looked-after", "child-protection-plan"])
def test_a_legal_fact_of_the_review_alone_keeps_the_placement_address_from_others(
    what: str,
) -> None:
    review = a_probable_sen_review()
    review["review"]["legalFacts"] = [{"what": what, "start": "2025-01"}]
    for alert in decided(review).alerts:
        assert ("address" in alert.fields["child"]) == (what != "looked-after")


def test_a_child_who_is_looked_after_by_nobody_known_lives_at_a_placement_too() -> None:
    review = changed(a_probable_sen_review(), "child.lookedAfter", {})
    alerts = decided(review).alerts
    assert {alert.route for alert in alerts} == {"A", "C"}
    for alert in alerts:
        assert "address" not in alert.fields["child"]
