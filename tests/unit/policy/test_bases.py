"""Every basis against every statement: where it applies, what it needs, what stops it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.directory import OrganisationType
from gateway.policy.model import Policy
from tests.builders import (
    DAY,
    OPINION,
    PRACTICE,
    SCHOOL,
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
)
from tests.unit.policy.deciding import (
    a_judgement,
    an_agreement,
    area_with,
    decided,
    loaded,
    missing,
    outcome,
    switched,
    the_alert,
    with_s16la,
)

Document = dict[str, Any]
SOCIAL_WORKER = "allocated-social-worker"


def not_brought(**changes: Any) -> Document:
    """A child who was not brought, with a judgement that the allocated social worker should know."""
    review = {"type": "two-year-review", "outcome": "was-not-brought", "attempts": 2, "date": DAY}
    child = a_child(allocatedSocialWorker={"name": "Priya Nair"})
    sharing = {"welfareJudgements": [a_judgement(SOCIAL_WORKER)]}
    return a_review(**{"child": child, "review": review, "sharing": sharing, **changes})


def asked_for_advice(**changes: Any) -> Document:
    """A speech therapy report that the authority asked for."""
    asked = {"authority": "896", "on": DAY}
    return a_report(**changes) | {"report": {**a_report()["report"], "requestedBy": asked}}


# Each basis alone: the route that rests on it, whom that tells, and a message that meets it.
BASES: dict[str, tuple[str, str, Callable[[], Document]]] = {
    "agreed": ("B", "setting", lambda: a_review(sharing={"agreement": an_agreement("setting")})),
    "direct-care": ("A", "general-practice", a_review),
    "s23": ("C", "early-years-sen-team", a_probable_sen_review),
    "s24-attention": (
        "C",
        "early-years-sen-team",
        lambda: a_probable_sen_review(
            source={"odsCode": PRACTICE},
            sharing={"agreement": an_agreement("early-years-sen-team"), "opinion": OPINION},
        ),
    ),
    "s36-request": ("H", "send-casework", an_ehc_request),
    "sen-support": ("G", "inclusion-team", a_notice),
    "ehc-advice": ("F", "send-casework", asked_for_advice),
    "early-help": (
        "I2",
        "front-door",
        lambda: an_early_help_request(sharing={"agreement": an_agreement("front-door")}),
    ),
    "s16la": ("K", SOCIAL_WORKER, not_brought),
    "harm": ("J", "front-door", a_safeguarding_referral),
}


def agreement(*recipients: str, **changes: Any) -> Callable[[Document, str], Document]:
    """State an agreement; `it` among its recipients stands for whom the route tells."""

    def state(message: Document, it: str) -> Document:
        whom = [it if word == "it" else word for word in recipients]
        said = {k: v for k, v in an_agreement(*whom, **changes).items() if v is not None}
        return changed(message, "sharing.agreement", said)

    return state


def stated(path: str, value: Any) -> Callable[[Document, str], Document]:
    return lambda message, _: changed(message, path, value)


def judged(*judgements: Callable[[str], Document]) -> Callable[[Document, str], Document]:
    return lambda message, it: changed(
        message, "sharing.welfareJudgements", [judgement(it) for judgement in judgements]
    )


STATEMENTS: dict[str, Callable[[Document, str], Document]] = {
    "given": agreement("it"),
    "given-among-others": agreement("ods:8Z911", "it"),
    "given-for-another-purpose": agreement("it", purposes=["other-support"]),
    "given-for-no-purpose": agreement("it", purposes=[]),
    "given-for-another": agreement("health-visiting"),
    "given-naming-nobody": agreement(),
    "given-naming-the-council": agreement("la:896"),
    "given-by-a-competent-child": agreement("it", capacity="competent-child"),
    "given-by-a-young-person": agreement("it", capacity="young-person"),
    "given-under-a-care-order": agreement("it", capacity="authority-with-care-order"),
    "given-in-no-capacity": agreement("it", capacity=None),
    "refused": agreement(status="refused"),
    "refused-for-it": agreement("it", status="refused"),
    "refused-for-another": agreement("health-visiting", status="refused"),
    "withdrawn": agreement(status="withdrawn"),
    "withdrawn-for-it": agreement("it", status="withdrawn"),
    "not-asked": agreement("it", status="not-asked"),
    "not-known": agreement("it", status="not-known"),
    "not-stated": stated("sharing.agreement", None),
    "parents-disagree": stated("sharing.disagreement", True),
    "not-informed-because": stated("sharing.notInformedBecause", "It would put her at risk."),
    "no-opinion": stated("sharing.opinion", None),
    "no-judgement": stated("sharing.welfareJudgements", None),
    "judgement-for-another": judged(lambda _: a_judgement("health-visiting")),
    "judgement-of-more-detriment": judged(lambda it: a_judgement(it, moreDetrimental=True)),
    "detriment-not-considered": judged(lambda it: a_judgement(it, detrimentConsidered=False)),
    "judged-again-as-detriment": judged(
        a_judgement, lambda it: a_judgement(it, moreDetrimental=True, on="2026-11-18")
    ),
    "restricted": stated("sharing.restricted", True),
}

# A dash is silence: neither alert nor hold. Beside `alert`, the reason of the hold, shortened.
WORDS = {
    "missing": "condition-missing",
    "stopped": "agreement-stops-it",
    "differ": "disagreement",
    "officer": "restricted",
}
TABLE = """
statement                   agreed  direct  s23     s24     s36     sen     ehc     early   s16la   harm

given                       alert   alert   alert   alert   alert   alert   alert   alert   alert   alert
given-among-others          alert   alert   alert   alert   alert   alert   alert   alert   alert   alert
given-for-another-purpose   missing alert   alert   missing alert   alert   alert   missing alert   alert
given-for-no-purpose        missing alert   alert   missing alert   alert   alert   missing alert   alert
given-for-another           -       alert   alert   missing alert   alert   alert   missing alert   alert
given-naming-nobody         -       alert   alert   missing alert   alert   alert   missing alert   alert
given-naming-the-council    -       alert   alert   missing alert   alert   alert   missing alert   alert
given-by-a-competent-child  alert   alert   alert   alert   alert   alert   alert   missing alert   alert
given-by-a-young-person     alert   alert   alert   alert   alert   alert   alert   alert   alert   alert
given-under-a-care-order    alert   alert   alert   alert   alert   alert   alert   alert   alert   alert
given-in-no-capacity        alert   alert   alert   alert   alert   alert   alert   missing alert   alert
refused                     -       stopped alert   stopped alert   alert   alert   stopped alert   alert
refused-for-it              -       stopped alert   stopped alert   alert   alert   stopped alert   alert
refused-for-another         -       alert   alert   missing alert   alert   alert   missing alert   alert
withdrawn                   -       stopped alert   stopped alert   alert   alert   stopped alert   alert
withdrawn-for-it            -       stopped alert   stopped alert   alert   alert   stopped alert   alert
not-asked                   -       alert   alert   missing alert   alert   alert   missing alert   alert
not-known                   -       alert   alert   missing alert   alert   alert   missing alert   alert
not-stated                  -       alert   alert   missing alert   alert   alert   missing alert   alert
parents-disagree            differ  alert   alert   differ  alert   alert   alert   differ  alert   alert
not-informed-because        alert   alert   -       alert   alert   alert   alert   alert   alert   alert
no-opinion                  alert   alert   missing alert   alert   alert   alert   alert   alert   alert
no-judgement                alert   alert   alert   alert   alert   alert   alert   alert   -       alert
judgement-for-another       alert   alert   alert   alert   alert   alert   alert   alert   -       alert
judgement-of-more-detriment alert   alert   alert   alert   alert   alert   alert   alert   missing alert
detriment-not-considered    alert   alert   alert   alert   alert   alert   alert   alert   missing alert
judged-again-as-detriment   alert   alert   alert   alert   alert   alert   alert   alert   missing alert
restricted                  officer officer officer officer officer officer officer officer officer alert
"""


def cells(table: str) -> list[tuple[str, str, str]]:
    """Read a table: what stands at the left, the basis whose id begins as its head, and the cell."""
    head, *rows = [line.split() for line in table.strip().splitlines() if line.strip()]
    bases = [next(basis for basis in BASES if basis.startswith(word)) for word in head[1:]]
    return [(row[0], *cell) for row in rows for cell in zip(bases, row[1:], strict=True)]


def policy_of(basis: str) -> Policy:
    return with_s16la() if basis == "s16la" else default_policy()


def test_the_table_has_every_basis_and_every_statement() -> None:
    assert {basis for _, basis, _ in cells(TABLE)} == set(default_policy().bases) == set(BASES)
    assert {statement for statement, _, _ in cells(TABLE)} == set(STATEMENTS)


@pytest.mark.parametrize(("statement", "basis", "expected"), cells(TABLE))
def test_a_basis_answers_a_statement(statement: str, basis: str, expected: str) -> None:
    route, recipient, message = BASES[basis]
    decision = decided(STATEMENTS[statement](message(), recipient), policy_of(basis))
    assert outcome(decision, route) == WORDS.get(expected, expected)
    if expected == "alert":
        assert the_alert(decision, route).basis == basis


SENDERS: dict[OrganisationType, Document] = {
    "nhs-trust": {"odsCode": "RJN"},
    "nhs-foundation-trust": {"odsCode": "RXA"},
    "icb": {"odsCode": "QYG"},
    "general-practice": {"odsCode": PRACTICE},
    "school": {"urn": SCHOOL},
    "post-16-institution": {"urn": "199906"},
    "early-years-setting": {"urn": "9999011"},
    "local-authority": {"laCode": "896"},
    "independent-provider": {"odsCode": "8Z901"},
    "voluntary-organisation": {"odsCode": "8Z911"},
    "supplier": {"odsCode": "8Z921"},
}
WHO_MAY_REST_ON_IT = """
sender                 agreed direct s23 s24 s36 sen ehc early s16la harm

nhs-trust              yes    yes    yes no  no  no  yes yes   yes   yes
nhs-foundation-trust   yes    yes    yes no  no  no  yes yes   yes   yes
icb                    yes    yes    yes no  no  no  yes yes   yes   yes
general-practice       yes    yes    no  yes no  no  yes yes   yes   yes
school                 yes    no     no  yes yes yes yes yes   yes   yes
post-16-institution    yes    no     no  yes yes no  yes yes   yes   yes
early-years-setting    yes    no     no  yes no  yes yes yes   yes   yes
local-authority        yes    no     no  yes no  no  yes yes   yes   yes
independent-provider   yes    no     no  yes no  no  yes yes   no    yes
voluntary-organisation yes    no     no  yes no  no  yes yes   no    yes
supplier               yes    no     no  yes no  no  yes yes   no    yes
"""


@pytest.mark.parametrize(("sender", "basis", "may"), cells(WHO_MAY_REST_ON_IT))
def test_only_some_senders_may_rest_on_a_basis(
    sender: OrganisationType, basis: str, may: str
) -> None:
    route, _, message = BASES[basis]
    decision = decided(changed(message(), "source", SENDERS[sender]), policy_of(basis))
    rests = [alert for alert in decision.alerts if alert.route == route and alert.basis == basis]
    assert bool(rests) == (may == "yes")


@pytest.mark.parametrize("asked_by", ["parent", "young-person"])
def test_anybody_may_pass_on_what_a_parent_or_young_person_asks_for(asked_by: str) -> None:
    for source in SENDERS.values():
        message = changed(an_ehc_request(source=source), "referral.ehc.requestedBy", asked_by)
        assert outcome(decided(message), "H") == "alert"


def test_nobody_else_may_ask_for_an_assessment() -> None:
    for source in SENDERS.values():
        message = changed(an_ehc_request(source=source), "referral.ehc.requestedBy", "other")
        decision = decided(message)
        assert outcome(decision, "H") == "-"
        assert outcome(decision, "-") == "no-route"


def test_a_sender_that_the_directory_does_not_know_rests_on_no_status() -> None:
    for basis in ("direct-care", "s23", "sen-support", "s16la"):
        _, _, message = BASES[basis]
        decision = decided(changed(message(), "source", {"odsCode": "XYZ99"}), policy_of(basis))
        assert basis not in {one.basis for one in (*decision.alerts, *decision.holds)}


@pytest.mark.parametrize("basis", BASES)
def test_a_basis_that_is_switched_off_does_not_apply(basis: str) -> None:
    route, _, message = BASES[basis]
    off = loaded(switched(basis, on=False))
    assert outcome(decided(message(), off), route) == "-"


@pytest.mark.parametrize(
    ("basis", "without", "value", "pointer"),
    [
        ("s23", "sharing.opinion.by", None, "/sharing/opinion/by/name"),
        ("s23", "sharing.opinion.on", None, "/sharing/opinion/on"),
        ("s23", "sharing.opinion.words", None, "/sharing/opinion/words"),
        ("s23", "sharing.opinion.parentInformedOn", None, "/sharing/opinion/parentInformedOn"),
        ("s23", "sharing.opinion.talkOffered", None, "/sharing/opinion/talkOffered"),
        ("s23", "sharing.opinion.talkOffered", False, "/sharing/opinion/talkOffered"),
        ("s24-attention", "professional", None, "/professional/name"),
        ("s24-attention", "sharing.agreement.purposes", [], "/sharing/agreement/purposes"),
        ("s24-attention", "sharing.agreement.recipients", [], "/sharing/agreement/recipients"),
        ("sen-support", "notice.parentsTold", None, "/notice/parentsTold/on"),
        ("early-help", "sharing.agreement.capacity", None, "/sharing/agreement/capacity"),
        ("early-help", "sharing.agreement.purposes", [], "/sharing/agreement/purposes"),
        ("early-help", "sharing.agreement.recipients", [], "/sharing/agreement/recipients"),
        ("agreed", "sharing.agreement.purposes", [], "/sharing/agreement/purposes"),
        (
            "s16la",
            "sharing.welfareJudgements",
            [a_judgement(SOCIAL_WORKER, detrimentConsidered=False)],
            "/sharing/welfareJudgements",
        ),
    ],
)
def test_what_a_basis_needs_and_lacks_is_named_where_it_would_stand(
    basis: str, without: str, value: Any, pointer: str
) -> None:
    route, _, message = BASES[basis]
    decision = decided(changed(message(), without, value), policy_of(basis))
    assert outcome(decision, route) == "condition-missing"
    assert missing(decision, route) == {pointer}


@pytest.mark.parametrize(
    ("without", "value", "words"),
    [
        ("sharing.harm.telephonedAt", None, "telephoned"),
        ("sharing.harm.parentsTold", None, "parents were told"),
        ("sharing.harm.notToldBecause", None, "why not"),
        ("sharing.harm.publicInterest", None, "para 18"),
        ("referral.safeguarding.whereabouts", None, "where the child is"),
    ],
)
def test_what_a_concern_about_harm_lacks_is_marked_and_it_goes(
    without: str, value: Any, words: str
) -> None:
    whole = the_alert(decided(a_safeguarding_referral()), "J")
    assert whole.flags == ()
    alert = the_alert(decided(changed(a_safeguarding_referral(), without, value)), "J")
    [flag] = alert.flags
    assert flag.startswith("Not stated: ")
    assert words in flag


# `x, else y`: y is tried only where x does not apply, never because x's conditions failed.

SEN_TEAM = "early-years-sen-team"


def probable_sen(**sharing: Any) -> Document:
    """Probable SEN, with a judgement and an agreement beside the opinion of section 23."""
    stated_all = {
        "opinion": OPINION,
        "welfareJudgements": [a_judgement(SEN_TEAM)],
        "agreement": an_agreement(SEN_TEAM),
        **sharing,
    }
    return a_probable_sen_review(sharing={k: v for k, v in stated_all.items() if v is not None})


def rested_on(message: Document, policy: Policy, route: str = "C") -> str:
    return the_alert(decided(message, policy), route).basis


def test_the_first_basis_that_applies_decides() -> None:
    policy = with_s16la()
    assert rested_on(probable_sen(), policy) == "s23"
    assert rested_on(changed(probable_sen(), "source", {"odsCode": PRACTICE}), policy) == "s16la"
    without = changed(probable_sen(welfareJudgements=None), "source", {"odsCode": PRACTICE})
    assert rested_on(without, policy) == "s24-attention"


def test_where_telling_the_parent_is_unsafe_section_16la_takes_the_place_of_section_23() -> None:
    unsafe = probable_sen(notInformedBecause="It would put her at risk.")
    assert rested_on(unsafe, with_s16la()) == "s16la"


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(probable_sen(opinion=None), id="no opinion"),
        pytest.param(probable_sen(opinion={**OPINION, "talkOffered": False}), id="no talk offered"),
    ],
)
def test_what_section_23_lacks_is_held_although_section_16la_would_serve(message: Document) -> None:
    decision = decided(message, with_s16la())
    assert outcome(decision, "C") == "condition-missing"
    assert {hold.basis for hold in decision.holds} == {"s23"}


def test_a_child_from_outside_the_area_is_held_although_section_16la_would_serve() -> None:
    away = changed(probable_sen(), "child.address.postcode", "CH4 0ZX")
    assert outcome(decided(away, with_s16la()), "C") == "out-of-area"


def test_what_section_16la_lacks_is_held_although_agreement_would_serve() -> None:
    detrimental = probable_sen(welfareJudgements=[a_judgement(SEN_TEAM, moreDetrimental=True)])
    decision = decided(changed(detrimental, "source", {"odsCode": PRACTICE}), with_s16la())
    assert outcome(decision, "C") == "condition-missing"
    assert {hold.basis for hold in decision.holds} == {"s16la"}


def test_a_basis_that_is_switched_off_leaves_its_place_to_the_next() -> None:
    only_s16la = loaded(switched("s23", on=False, text=switched("s16la", on=True)))
    assert rested_on(probable_sen(), only_s16la) == "s16la"
    practice = changed(probable_sen(), "source", {"odsCode": PRACTICE})
    assert rested_on(practice, default_policy()) == "s24-attention"


def test_a_referral_that_direct_care_stops_does_not_go_on_agreement() -> None:
    refused = a_referral(sharing={"agreement": an_agreement(status="refused")})
    decision = decided(refused)
    assert outcome(decision, "D") == "agreement-stops-it"
    assert {hold.basis for hold in decision.holds} == {"direct-care"}


def test_a_referral_from_outside_health_goes_on_agreement_or_not_at_all() -> None:
    asked = a_referral(source={"urn": SCHOOL})
    assert outcome(decided(asked), "D") == "-"
    assert outcome(decided(asked), "-") == "no-route"
    agreed = {"agreement": an_agreement("speech-and-language-therapy")}
    alert = the_alert(decided({**asked, "sharing": agreed}), "D")
    assert alert.basis == "agreed"


# What agreement is, and is not.


@pytest.mark.parametrize("status", ["refused", "withdrawn"])
def test_the_sender_is_told_that_nothing_rests_on_agreement(status: str) -> None:
    decision = decided(a_review(sharing={"agreement": an_agreement(status=status)}))
    assert [note for note in decision.notes if status in note]


@pytest.mark.parametrize("status", ["not-asked", "not-known"])
def test_silence_is_no_refusal(status: str) -> None:
    decision = decided(a_review(sharing={"agreement": an_agreement(status=status)}))
    assert not [note for note in decision.notes if "greement" in note]


@pytest.mark.parametrize("word", ["setting", "setting-9999011", "urn:9999011"])
def test_a_recipient_is_named_by_role_by_service_or_by_key(word: str) -> None:
    assert outcome(decided(a_review(sharing={"agreement": an_agreement(word)})), "B") == "alert"


def test_the_setting_that_the_family_named_is_told_and_not_the_one_where_the_child_is() -> None:
    named = a_review(sharing={"agreement": an_agreement("urn:9999012")})
    assert the_alert(decided(named), "B").service.id == "setting-9999012"


@pytest.mark.parametrize("word", [PRACTICE, "my doctor"])
def test_an_objection_in_words_that_fit_no_recipient_is_not_taken_for_none(word: str) -> None:
    objection = {"agreement": an_agreement(word, status="refused")}
    assert outcome(decided(a_review(sharing=objection)), "A") != "alert"


# Direct care is between those who treat the child, and they are of health.


@pytest.mark.parametrize("service", ["cwac-iart", "autism-team", "cwac-autism-team", "mediation"])
def test_a_referral_to_a_service_outside_health_is_no_direct_care(service: str) -> None:
    message = changed(a_referral(), "referral.service.to", service)
    assert outcome(decided(message), "D") != "alert"


@pytest.mark.parametrize("ods", ["8Z901", "8Z911", "8Z921"])
def test_a_referrer_outside_health_is_no_health_referrer_whatever_its_code(ods: str) -> None:
    message = changed(a_report(), "report.referrer", {"odsCode": ods})
    assert outcome(decided(message), "E") == "-"


# Section 16LA is between the persons of s.16LA(4) only.


def test_one_that_is_no_person_of_section_16la_is_told_nothing_under_it() -> None:
    area = area_with(("directory.yaml", "    s16la: [a]\n", "    s16la: none\n"))
    council = area.organisation("la:896")
    assert council
    assert council.s16la == ()
    assert outcome(decided(not_brought(), with_s16la(), area), "K") == "-"


# Advice belongs to the authority that asked for it.


def test_advice_that_another_authority_asked_for_is_not_told_to_ours() -> None:
    elsewhere = changed(asked_for_advice(), "report.requestedBy.authority", "895")
    assert outcome(decided(elsewhere), "F") != "alert"
