"""Each route of the default policy: when it fires, whom it tells on which basis, and what they see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from gateway.assessment import assess
from gateway.policy.facts import compulsory_school_age_begins
from gateway.weighing import policy_document
from schemas.fields import MODELS
from schemas.message import Kind
from schemas.review import ReviewOutcome
from schemas.rules import BODIES
from tests.builders import (
    DAY,
    OPINION,
    SCHOOL,
    a_child,
    a_notice,
    a_probable_sen_review,
    a_referral,
    a_report,
    a_review,
    a_safeguarding_referral,
    an_early_help_request,
    changed,
    default_policy,
    tables,
    understood,
)
from tests.unit.policy.canaries import canary, leaves, paths_of
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
WORKER = "allocated-social-worker"

IDS = """child.givenNames child.familyName child.birthDate child.sex child.address child.setting
    child.firstLanguage child.interpreterLanguage child.accessibleFormats child.responsiblePeople
    sharing.safeContact professional"""
"""Names, birth date, sex, address, setting, language and interpreter, who holds parental
responsibility, safe contact; and whom to ask, the sender."""


def living_with_parents(kind: Kind, referral: str = "service", **changes: Any) -> Document:
    """A canary message about a child who is not looked after (test_looked_after has the others)."""
    message = changed(canary(kind, referral), "child.lookedAfter", None)
    for fact in message.get("review", {}).get("legalFacts", ()):
        fact["what"] = "child-protection-plan"
    for path, value in changes.items():
        message = changed(message, path.replace("__", "."), value)
    return message


def only(path: str, where: Callable[[Any], bool]) -> Callable[[Document], Document]:
    """Keep of a list only what fits."""

    def keep(document: Document) -> Document:
        return {**document, path: [one for one in document.get(path, []) if where(one)]}

    return keep


COMPUTED = only("findings", lambda finding: finding["origin"] == "computed")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the sharing rules, in the words of the canonical model."""

    message: Document
    service: str
    agency: str
    basis: str
    urgent: bool = False
    sees: str
    of_which: Callable[[Document], Document] = field(default=lambda document: document)


SETTING_SEES = """child.givenNames child.familyName child.birthDate areas review.date review.strengths
    review.nextStep report.date report.strengths report.adviceForSetting report.nextStep
    sharing.safeContact professional"""
PLAN_SEES = """child.givenNames child.familyName child.birthDate report.date report.adviceForSetting
    report.adviceForHome report.safetyPlan sharing.safeContact professional"""
SEN_TEAM_SEES = f"""{IDS} child.nhsNumber sharing.opinion conclusions.kind conclusions.areas
    conclusions.on areas review.date review.views review.offered report.date report.views
    report.provision referral.notification.inPlace
    referral.notification.parentsView referral.notification.settingSince"""
FRONT_DOOR_SEES = f"""{IDS} referral.identifier referral.date referral.earlyHelp review.date
    review.strengths review.offered report.strengths conclusions.kind conclusions.words
    sharing.agreement"""
PROBABLE_SEN = only("conclusions", lambda c: c["kind"] == "probable-sen-or-disability")
FAMILY_SUPPORT = only("conclusions", lambda c: c["kind"] == "family-support")


def one_contact(document: Document) -> Document:
    people = document["child"]["responsiblePeople"]
    return changed(document, "child.responsiblePeople", people[:1])


ROWS: dict[str, Row] = {
    "A": Row(
        message=living_with_parents(REVIEW),
        service="practice-n81992",
        agency="health",
        basis="direct-care",
        sees=f"""{IDS} child.nhsNumber child.nhsNumberStatus review.type review.date review.outcome
            review.attempts review.asq3 review.asqSe2 findings conclusions.kind conclusions.areas conclusions.on
            conclusions.recheckOn conclusions.referTo review.nextStep""",
        of_which=COMPUTED,
    ),
    "B": Row(
        message=living_with_parents(REVIEW),
        service="setting-9999011",
        agency="education",
        basis="agreed",
        sees=SETTING_SEES,
    ),
    "B of a report": Row(
        message=living_with_parents(REPORT),
        service="setting-9999011",
        agency="education",
        basis="agreed",
        sees=SETTING_SEES,
    ),
    "C": Row(
        message=living_with_parents(REVIEW),
        service="cwac-early-years-sen-team",
        agency="education",
        basis="s23",
        sees=SEN_TEAM_SEES,
        of_which=PROBABLE_SEN,
    ),
    "C of a notification": Row(
        message=living_with_parents(REFERRAL, "section-23-notification"),
        service="cwac-early-years-sen-team",
        agency="education",
        basis="s23",
        sees=SEN_TEAM_SEES,
        of_which=PROBABLE_SEN,
    ),
    "C of a report": Row(
        message=living_with_parents(REPORT),
        service="cwac-early-years-sen-team",
        agency="education",
        basis="s23",
        sees=SEN_TEAM_SEES,
        of_which=PROBABLE_SEN,
    ),
    "D": Row(
        message=living_with_parents(REFERRAL),
        service="slt-today",
        agency="health",
        basis="direct-care",
        sees=f"""{IDS} child.nhsNumber child.nhsNumberStatus referral.identifier referral.date
            referral.service.to referral.service.toCode referral.service.reason
            referral.service.reasonWords referral.service.urgency referral.service.tried
            referral.service.question referral.service.asq3 referral.service.hearing findings""",
        of_which=COMPUTED,
    ),
    "E": Row(
        message=living_with_parents(REPORT, report__referrer={"odsCode": "RJR"}),
        service="organisation-ods-rjr",
        agency="health",
        basis="direct-care",
        urgent=True,
        sees=f"""{IDS} child.nhsNumber child.nhsNumberStatus report findings conclusions areas""",
    ),
    "E2": Row(
        message=living_with_parents(REPORT, report__referrer={"urn": SCHOOL}),
        service="setting-199901",
        agency="education",
        basis="agreed",
        urgent=True,
        sees=PLAN_SEES,
    ),
    "E3": Row(
        message=living_with_parents(REPORT),
        service="setting-9999011",
        agency="education",
        basis="agreed",
        urgent=True,
        sees=PLAN_SEES,
    ),
    "F": Row(
        message=living_with_parents(REPORT),
        service="cwac-sen-team",
        agency="education",
        basis="ehc-advice",
        sees=f"{IDS} child.nhsNumber child.upn report areas",
    ),
    "G": Row(
        message=living_with_parents(NOTICE, source={"urn": SCHOOL}),
        service="cwac-inclusion-team",
        agency="education",
        basis="sen-support",
        sees=f"""{IDS} child.upn notice.start notice.startIs notice.provision notice.provisionBefore
            notice.needs.type notice.needs.rank notice.outcomes notice.support notice.parentsTold.on
            areas sharing.agreement.status""",
        of_which=one_contact,
    ),
    "H": Row(
        message=living_with_parents(REFERRAL, "ehc-needs-assessment"),
        service="cwac-sen-team",
        agency="education",
        basis="s36-request",
        sees=f"""{IDS} child.nhsNumber child.upn referral.identifier referral.date referral.ehc
            referral.views areas""",
    ),
    "I": Row(
        message=living_with_parents(REVIEW),
        service="cwac-iart",
        agency="social-care",
        basis="early-help",
        sees=FRONT_DOOR_SEES,
        of_which=FAMILY_SUPPORT,
    ),
    "I2": Row(
        message=living_with_parents(REFERRAL, "early-help", conclusions=None),
        service="cwac-iart",
        agency="social-care",
        basis="early-help",
        sees=FRONT_DOOR_SEES,
        of_which=FAMILY_SUPPORT,
    ),
    "J": Row(
        message=living_with_parents(REFERRAL, "safeguarding"),
        service="cwac-iart",
        agency="social-care",
        basis="harm",
        urgent=True,
        sees=f"""{IDS} child.expectedBirthDate referral.identifier referral.date
            referral.safeguarding sharing.harm""",
    ),
    "K": Row(
        message=living_with_parents(REVIEW, review__outcome="was-not-brought"),
        service="cwac-allocated-social-worker",
        agency="social-care",
        basis="s16la",
        sees=f"""{IDS} child.allocatedSocialWorker review.date review.outcome review.attempts
            sharing.agreement.status""",
    ),
}


def cut(document: Mapping[str, Any], sees: str) -> Counter[tuple[str, Any]]:
    """Return the leaves at or below the paths that are seen. Answers to items are seen by nobody."""
    seen = tuple(sees.split())
    return Counter(
        {
            (path, value): count
            for (path, value), count in leaves(document).items()
            if any(path == one or path.startswith(one + ".") for one in seen)
            and not path.endswith("asq3.scores.items")
        }
    )


def as_the_policy_reads_it(message: Document) -> Document:
    parsed = understood(message).message
    return dict(policy_document(parsed, assess(parsed, tables())))


@pytest.mark.parametrize("kind", MODELS)
def test_a_canary_message_states_every_field_of_its_kind(kind: Kind) -> None:
    """Else a field that leaks would go unnoticed."""
    types = tuple(BODIES)
    messages = [canary(kind, one) for one in (types if kind == REFERRAL else types[:1])]
    stated = {path for message in messages for path, _ in leaves(message)}
    unstated = {path for path in paths_of(MODELS[kind]) if path not in stated}
    elsewhere = ("sharing.harm.",)  # in a safeguarding referral only, which is another of the kinds
    assert {
        path
        for path in unstated
        if path.rpartition(".")[2] not in ("urn", "laCode", "retractReason", "notInformedBecause")
        and not path.startswith(elsewhere)
    } == set()


@pytest.mark.parametrize("name", ROWS)
def test_exactly_what_the_row_names_leaves(name: str) -> None:
    row, route = ROWS[name], name.partition(" ")[0]
    alert = the_alert(decided(row.message, with_s16la()), route)
    told = (alert.service.id, alert.agency, alert.basis, alert.urgent)
    assert told == (row.service, row.agency, row.basis, row.urgent)
    whole = as_the_policy_reads_it(row.message)
    seen, due = leaves(alert.fields), cut(row.of_which(whole), row.sees)
    assert sorted(seen - due) == [], "leaves, and the row does not name it"
    assert sorted(due - seen) == [], "is named by the row, and does not leave"


def test_every_route_has_its_row() -> None:
    rows = {name.partition(" ")[0] for name in ROWS}
    shipped = {name.partition(".")[0] for name in default_policy().routes}
    assert shipped - rows == {"L", "L2", "M"}, "L has a file of its own; M waits for a channel"


# A: every review, to the practice and to nobody else.


@pytest.mark.parametrize("result", ReviewOutcome.__args__)  # type: ignore[attr-defined]
def test_every_review_goes_to_the_practice_whatever_came_of_it(result: str) -> None:
    decision = decided(changed(a_review(), "review.outcome", result))
    assert [(alert.route, alert.service.id) for alert in decision.alerts] == [
        ("A", "practice-n81992")
    ]
    assert decision.holds == ()


@pytest.mark.parametrize(
    "conclusion", [None, "none", "watch-and-recheck", "support-within-service", "refer"]
)
def test_no_score_and_none_of_these_conclusions_tells_anybody_but_the_practice(
    conclusion: str | None,
) -> None:
    concluded = [{"kind": conclusion}] if conclusion else None
    decision = decided(a_review(communication=0, conclusions=concluded))
    assert [alert.route for alert in decision.alerts] == ["A"]


@pytest.mark.parametrize("practice", [None, "A83627", "RXA"])
def test_a_practice_that_is_not_known_is_silence(practice: str | None) -> None:
    decision = decided(a_review(child=a_child(generalPractice=practice)))
    assert decision.forgets


def test_a_review_by_a_nursery_is_not_direct_care() -> None:
    """The progress check at two is shared with the parents' consent only (EYFS)."""
    decision = decided(a_review(source={"urn": "9999011"}))
    assert decision.forgets


# B and M: those whom the family named.


def test_a_voluntary_body_that_was_agreed_to_waits_for_a_channel() -> None:
    named = {"agreement": an_agreement("ods:8Z911", "ods:8Z912")}
    decision = decided(a_review(sharing=named))
    held = [(h.route, h.reason, h.service and h.service.organisation) for h in decision.holds]
    assert held == [("M", "no-channel", "ods:8Z911"), ("M", "no-channel", "ods:8Z912")]


@pytest.mark.parametrize("word", ["parent-carer-forum", "deafness-support"])
def test_a_voluntary_body_may_be_named_by_its_service(word: str) -> None:
    assert (
        outcome(decided(a_review(sharing={"agreement": an_agreement(word)})), "M") == "no-channel"
    )


def test_a_voluntary_body_would_see_a_name_and_whom_to_ask() -> None:
    assert set(default_policy().fields("M")) == {
        "child.givenNames",
        "child.familyName",
        "sharing.safeContact",
        "referral.service.question",
        "professional",
    }


# C: what a named professional concluded, below compulsory school age.


@pytest.mark.parametrize(
    ("born", "under"),
    [("2021-09-01", True), ("2021-08-31", False), ("2022-01-01", True), ("2018-02-03", False)],
)
def test_section_23_is_about_children_under_compulsory_school_age(born: str, under: bool) -> None:
    decision = decided(changed(a_probable_sen_review(), "child.birthDate", born))
    assert (outcome(decision, "C") == "alert") is under


@pytest.mark.parametrize(
    ("born", "begins"),
    [
        ("2021-03-31", "2026-03-31"),
        ("2021-04-01", "2026-08-31"),
        ("2021-08-31", "2026-08-31"),
        ("2021-09-01", "2026-12-31"),
        ("2021-12-31", "2026-12-31"),
        ("2020-02-29", "2025-03-31"),
    ],
)
def test_compulsory_school_age_begins_on_the_prescribed_day(born: str, begins: str) -> None:
    assert compulsory_school_age_begins(date.fromisoformat(born)) == date.fromisoformat(begins)


@pytest.mark.parametrize(
    "silent",
    [
        pytest.param(
            changed(a_probable_sen_review(), "sharing.notInformedBecause", "Unsafe."),
            id="telling the parent is unsafe, and there is no judgement",
        ),
        pytest.param(
            changed(a_probable_sen_review(), "child.birthDate", "2020-05-14"),
            id="of compulsory school age",
        ),
    ],
)
def test_a_graver_conclusion_that_reaches_nobody_is_held_although_the_practice_hears_of_the_review(
    silent: Document,
) -> None:
    decision = decided(silent)
    assert [alert.route for alert in decision.alerts] == ["A"]
    assert [hold.reason for hold in decision.holds] == ["no-route"]


@pytest.mark.parametrize("kind", ["family-support", "probable-sen-or-disability", "refer"])
def test_a_graver_conclusion_that_fires_no_route_is_held(kind: str) -> None:
    of_school_age = a_child(generalPractice=None, birthDate="2018-05-14")
    decision = decided(a_review(child=of_school_age, conclusions=[{"kind": kind}]))
    assert not decision.forgets
    assert decision.alerts == ()


def test_one_agency_does_not_read_what_was_concluded_for_another() -> None:
    """Of several conclusions each goes where it routes: family support is not the SEN team's."""
    both = [
        {"kind": "probable-sen-or-disability", "areas": ["cognition-and-learning"]},
        {
            "kind": "family-support",
            "areas": ["social-emotional-and-mental-health"],
            "words": "Debt.",
        },
    ]
    agreement = an_agreement("front-door")
    decision = decided(
        a_probable_sen_review(
            conclusions=both, sharing={"opinion": OPINION, "agreement": agreement}
        )
    )
    sen_team, front_door = (the_alert(decision, route).fields for route in ("C", "I"))
    assert "family-support" not in str(sen_team)
    assert "social-emotional-and-mental-health" not in str(sen_team)
    assert "probable-sen" not in str(front_door)


# D: the service that is asked, by general practice.


@pytest.mark.parametrize(
    ("urgency", "urgent"), [("urgent", True), ("routine", False), (None, False)]
)
def test_a_referral_is_as_urgent_as_the_clinician_says(urgency: str | None, urgent: bool) -> None:
    message = changed(a_referral(), "referral.service.urgency", urgency)
    assert the_alert(decided(message), "D").urgent is urgent


def test_a_referral_goes_to_that_service_only_by_general_practice() -> None:
    for practice, service in [("N81991", "paediatrics-west"), ("N81995", "paediatrics-vale-royal")]:
        message = changed(a_referral(), "referral.service.to", "paediatrics")
        decision = decided(changed(message, "child.generalPractice", practice))
        assert [alert.service.id for alert in decision.alerts] == [service]


def test_a_therapist_reads_no_conclusion_about_the_family() -> None:
    concluded = [{"kind": "family-support", "areas": ["social-emotional-and-mental-health"]}]
    alert = the_alert(decided(a_referral(conclusions=concluded)), "D")
    assert "family-support" not in str(alert.fields)
    assert "social-emotional" not in str(alert.fields)


# E: the report, urgent at a choking risk.


@pytest.mark.parametrize("risk", [True, False])
def test_a_choking_risk_makes_a_report_urgent_for_all_who_may_read_it(risk: bool) -> None:
    plan = {"chokingRisk": risk, "words": "Small soft pieces."}
    agreement = {"agreement": an_agreement("setting", "other-referrer")}
    for referrer, routes in [({"odsCode": "RJR"}, "E E3"), ({"urn": SCHOOL}, "E2 E3")]:
        report = {**a_report()["report"], "safetyPlan": plan, "referrer": referrer}
        decision = decided(a_report(report=report, sharing=agreement))
        urgent = {alert.route: alert.urgent for alert in decision.alerts}
        assert urgent == dict.fromkeys(routes.split(), risk) | {"B": False}


def test_a_report_without_referrer_or_agreement_is_told_to_nobody() -> None:
    report = {k: v for k, v in a_report()["report"].items() if k != "referrer"}
    assert decided(a_report(report=report)).forgets


# G, H, I.


@pytest.mark.parametrize(("before", "now"), [("N", "K"), ("K", "E"), ("K", "N")])
def test_sen_support_begun_changed_and_ended_is_told_to_the_inclusion_team(
    before: str, now: str
) -> None:
    message = changed(
        changed(a_notice(), "notice.provision", now), "notice.provisionBefore", before
    )
    decision = decided(message)
    assert [(a.route, a.service.id) for a in decision.alerts] == [("G", "cwac-inclusion-team")]


def test_a_request_for_early_help_is_told_once_whatever_was_concluded() -> None:
    concluded = an_early_help_request(conclusions=[{"kind": "family-support"}])
    for message in (an_early_help_request(), concluded):
        decision = decided(message)
        assert [alert.service.id for alert in decision.alerts] == ["cwac-iart"]
        assert decision.holds == ()


# J: suspected significant harm, to the front door and to nobody else.


def harm_with_everything_else() -> Document:
    """A safeguarding referral whose sender also states what other routes ask for."""
    sharing = {
        **a_safeguarding_referral()["sharing"],
        "opinion": OPINION,
        "agreement": an_agreement("setting", "early-years-sen-team", "front-door", "ods:8Z911"),
        "welfareJudgements": [a_judgement("early-years-sen-team"), a_judgement(WORKER)],
    }
    kinds = ["significant-harm", "probable-sen-or-disability", "family-support", "refer"]
    child = a_child(lookedAfter={"authority": "896"}, allocatedSocialWorker={"name": "Priya Nair"})
    return a_safeguarding_referral(
        sharing=sharing, child=child, conclusions=[{"kind": kind} for kind in kinds]
    )


def test_a_concern_about_harm_is_told_to_the_front_door_and_to_nobody_else() -> None:
    for policy in (default_policy(), with_s16la()):
        decision = decided(harm_with_everything_else(), policy)
        assert [(a.route, a.service.id) for a in decision.alerts] == [("J", "cwac-iart")]
        assert decision.holds == ()


def test_who_suspects_harm_what_and_why_goes_whole() -> None:
    alert = the_alert(decided(a_safeguarding_referral()), "J")
    sent = a_safeguarding_referral()
    assert alert.fields["referral"]["safeguarding"] == sent["referral"]["safeguarding"]
    assert alert.fields["sharing"]["harm"]["cause"] == sent["sharing"]["harm"]["cause"]
    assert alert.urgent


# K: was not brought, a fact without a label.


def test_a_child_who_was_not_brought_is_told_of_with_a_judgement_only() -> None:
    review = {"outcome": "was-not-brought", "attempts": 3, "date": DAY}
    child = a_child(allocatedSocialWorker={"name": "Priya Nair"})
    sharing = {"welfareJudgements": [a_judgement(WORKER)]}
    with_judgement = a_review(review=review, child=child, sharing=sharing)
    assert outcome(decided(with_judgement, with_s16la()), "K") == "alert"
    assert outcome(decided(with_judgement), "K") == "-", "shipped with section 16LA off"
    without = a_review(review=review, child=child)
    assert outcome(decided(without, with_s16la()), "K") == "-"
    unallocated = a_review(review=review, sharing=sharing)
    assert outcome(decided(unallocated, with_s16la()), "K") == "-"


@pytest.mark.parametrize("result", ["declined", "cancelled-by-family", "no-contact"])
def test_declining_a_review_is_lawful_and_told_to_no_social_worker(result: str) -> None:
    message = changed(ROWS["K"].message, "review.outcome", result)
    assert outcome(decided(message, with_s16la()), "K") == "-"
