"""What a message means: findings by area of need, and what only the sender is asked."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.errors import Refused
from adapters.inbound.parsed import canonical_bytes
from gateway.assessment import Assessment, assess
from gateway.assessment.ages import age_on
from gateway.assessment.scores import DOMAINS, ITEM_RULE, RULE, SE_RULE
from schemas.codes import Age
from schemas.fields import MODELS
from schemas.finding import Finding
from schemas.message import Message
from tests.builders import (
    DAY,
    a_child,
    a_notice,
    a_referral,
    a_report,
    a_review,
    an_ehc_request,
    changed,
    tables,
    understood,
)
from tests.strategies import messages, whole_messages

BORN = date(2024, 5, 1)
"""On the first of a month, so that an age in months and days is easily turned into a day."""


def assessed(document: dict[str, Any], **options: bool) -> Assessment:
    return assess(understood(document).message, tables(), **options)


def found(assessment: Assessment, about: str) -> Finding:
    [one] = [finding for finding in assessment.findings if finding.about == about]
    return one


def day_of(age: Age, born: date = BORN) -> date:
    """The day on which a child born on the first of a month is so old."""
    years, month = divmod(born.month - 1 + age.months, 12)
    return date(born.year + years, month + 1, 1) + timedelta(days=age.days)


def scored(
    score: float, domain: str = "communication", months: int = 30, on: date | None = None
) -> dict[str, Any]:
    """A review with one domain's score, at an age that fits the questionnaire unless told."""
    on = on or day_of(tables().asq3_forms[months].age_from)
    document = a_review(child=a_child(birthDate=BORN.isoformat()), sent=f"{on}T18:00:00Z")
    document["review"] |= {
        "date": on.isoformat(),
        "asq3": {
            "questionnaireMonths": months,
            "scores": [{"domain": domain, "score": score}],
        },
    }
    return document


# ── the cut-offs ─────────────────────────────────────────────────────────────────────────────

CELLS = [
    (months, domain, cut_off)
    for months, form in tables().asq3_forms.items()
    for domain, cut_off in form.cut_offs.items()
]
POINT = Decimal("0.01")


@pytest.mark.parametrize(("months", "domain", "cut_off"), CELLS)
def test_a_score_is_a_concern_below_its_cut_off_and_on_schedule_from_it_on(
    months: int, domain: str, cut_off: Decimal
) -> None:
    levels = {
        score: found(assessed(scored(float(score), domain, months)), domain).level
        for score in (Decimal(0), cut_off - POINT, cut_off, cut_off + POINT, Decimal(60))
    }
    assert levels == {
        Decimal(0): "concern",
        cut_off - POINT: "concern",
        cut_off: "on-schedule",
        cut_off + POINT: "on-schedule",
        Decimal(60): "on-schedule",
    }


@given(
    st.sampled_from(CELLS),
    st.decimals(0, 60, places=3, allow_nan=False, allow_infinity=False),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_decimals_are_compared_as_decimals(cell: tuple[int, str, Decimal], score: Decimal) -> None:
    months, domain, cut_off = cell
    level = found(assessed(scored(float(score), domain, months)), domain).level
    assert (level == "concern") == (score < cut_off)


def test_a_finding_says_what_it_rests_on() -> None:
    finding = found(assessed(scored(25)), "communication")
    assert finding.document() == {
        "about": "communication",
        "level": "concern",
        "origin": "computed",
        "basedOn": "parent-reported",
        "area": "communication-and-interaction",
        "score": 25,
        "cutOff": 33.3,
        "questionnaireMonths": 30,
        "rule": RULE,
        "on": day_of(Age(28, 16)).isoformat(),
        "pointer": "/review/asq3/scores/0",
    }


def test_no_computed_finding_is_an_area_that_a_professional_named() -> None:
    assert assessed(a_review(0)).areas == ()


# ── the monitoring zone ──────────────────────────────────────────────────────────────────────

ZONE = [
    (months, domain, upper)
    for months, row in tables().asq3_monitoring_upper.items()
    for domain, upper in row.items()
]


@pytest.mark.parametrize(("months", "domain", "upper"), ZONE)
def test_the_monitoring_zone_reaches_up_to_its_end_and_only_where_it_is_turned_on(
    months: int, domain: str, upper: Decimal
) -> None:
    cut_off = tables().asq3_forms[months].cut_offs[domain]  # type: ignore[index]
    expected = {
        cut_off - POINT: ("concern", "concern"),
        cut_off: ("on-schedule", "monitor"),
        upper: ("on-schedule", "monitor"),
        upper + POINT: ("on-schedule", "on-schedule"),
    }
    for score, (off, on) in expected.items():
        document = scored(float(score), domain, months)
        assert found(assessed(document), domain).level == off
        assert found(assessed(document, monitoring_zone=True), domain).level == on


# ── the age ──────────────────────────────────────────────────────────────────────────────────

LONG_MONTH = date(2023, 1, 1)
"""So born, the 38th month after is March, which has a 31st."""


def banded(on: date, months: int, born: date, **child: Any) -> bool:
    document = scored(50, months=months, on=on)
    document["child"] |= {"birthDate": born.isoformat(), **child}
    finding = found(assessed(document), "communication")
    assert (finding.reason is None) == (finding.level != "not-determined")
    return finding.level != "not-determined"


@pytest.mark.parametrize("months", [24, 27, 30, 33, 36])
def test_a_questionnaire_fits_from_its_first_day_to_its_last(months: int) -> None:
    form = tables().asq3_forms[months]
    first, last = day_of(form.age_from, LONG_MONTH), day_of(form.age_to, LONG_MONTH)
    one = timedelta(days=1)
    assert banded(first, months, LONG_MONTH)
    assert banded(last, months, LONG_MONTH)
    assert not banded(first - one, months, LONG_MONTH)
    assert not banded(last + one, months, LONG_MONTH)


@pytest.mark.parametrize("born", [date(2024, 1, 31), date(2024, 2, 29), date(2023, 8, 15)])
def test_on_every_day_from_23_months_until_39_exactly_one_questionnaire_fits(born: date) -> None:
    day, fits = born + timedelta(days=690), []
    while age_on(day, born) < Age(39, 5):
        count = sum(banded(day, months, born) for months in (24, 27, 30, 33, 36))
        fits.append((Age(23, 0) <= age_on(day, born) < Age(39, 0), count))
        day += timedelta(days=1)
    assert set(fits) == {(True, 1), (False, 0)}


@given(st.dates(date(2000, 1, 1), date(2030, 1, 1)), st.integers(0, 3000))
@settings(derandomize=True)
def test_a_child_grows_older_by_a_day_a_day(born: date, days: int) -> None:
    today, tomorrow = (age_on(born + timedelta(days=days + more), born) for more in (0, 1))
    assert today < tomorrow
    assert 0 <= today.days <= 30
    assert tomorrow in (Age(today.months, today.days + 1), Age(today.months + 1, 0))


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        ("2024-05-14", "2026-11-17", Age(30, 3)),
        ("2024-05-14", "2026-11-13", Age(29, 30)),
        ("2024-05-14", "2024-05-14", Age(0, 0)),
        ("2024-01-31", "2024-02-28", Age(0, 28)),
        ("2024-01-31", "2024-02-29", Age(1, 0)),
        ("2024-02-29", "2026-02-28", Age(24, 0)),
        ("2024-02-29", "2028-02-29", Age(48, 0)),
    ],
)
def test_an_age_is_completed_months_and_the_days_over_them(born: str, day: str, age: Age) -> None:
    assert age_on(date.fromisoformat(day), date.fromisoformat(born)) == age


def test_a_form_for_another_age_is_told_with_the_childs_age() -> None:
    finding = found(assessed(scored(25, months=24, on=day_of(Age(30, 3)))), "communication")
    assert (finding.level, finding.score) == ("not-determined", 25)
    assert finding.reason == (
        "questionnaire does not fit age: the 24-month questionnaire, and the child was 30 months "
        "and 3 days old"
    )


@pytest.mark.parametrize(
    ("months", "reason"),
    [
        (20, "there is no cut-off for the 20-month questionnaire"),
        (22, "there is no cut-off for the 22-month questionnaire"),
        (10, "questionnaire does not fit age: the 10-month questionnaire"),
        (60, "questionnaire does not fit age: the 60-month questionnaire"),
    ],
)
def test_a_form_without_cut_offs_gives_no_level(months: int, reason: str) -> None:
    finding = found(assessed(scored(25, months=months, on=day_of(Age(21, 0)))), "communication")
    assert finding.level == "not-determined"
    assert (finding.reason or "").startswith(reason)


def test_a_scores_own_questionnaire_outweighs_that_of_the_whole() -> None:
    document = scored(25)
    document["review"]["asq3"]["scores"][0]["questionnaireMonths"] = 10
    finding = found(assessed(document), "communication")
    assert (finding.level, finding.questionnaire_months) == ("not-determined", 10)


@pytest.mark.parametrize("born", ["2024-05", "2024", None])
def test_a_partial_birth_date_gives_no_age(born: str | None) -> None:
    finding = found(assessed(changed(a_review(25), "child.birthDate", born)), "communication")
    assert finding.level == "not-determined"
    assert finding.reason == "age unknown: no full birth date was given"


# ── prematurity ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("weeks", "days", "corrected"),
    [(3, 0, True), (2, 6, False), (12, 0, True), (0, 0, False), (-2, 0, False)],
)
def test_an_age_is_corrected_for_a_birth_three_weeks_or_more_early(
    weeks: int, days: int, corrected: bool
) -> None:
    expected = BORN + timedelta(weeks=weeks, days=days)
    day = day_of(Age(23, 20))
    assert (age_on(day, BORN, expected) != age_on(day, BORN)) is corrected
    if corrected:
        assert age_on(day, BORN, expected) == age_on(day, expected)


def test_prematurity_is_corrected_until_24_months_after_birth_and_no_longer() -> None:
    expected = BORN + timedelta(weeks=4)
    last, first = day_of(Age(24, 0)) - timedelta(days=1), day_of(Age(24, 0))
    assert age_on(last, BORN, expected) == age_on(last, expected) < Age(23, 5)
    assert age_on(first, BORN, expected) == Age(24, 0)


def test_the_corrected_age_chooses_whether_a_questionnaire_fits() -> None:
    early = {"expectedBirthDate": (BORN + timedelta(weeks=12)).isoformat()}
    at_23, at_24 = day_of(Age(23, 10)), day_of(Age(24, 0))
    assert banded(at_23, 24, BORN)
    assert not banded(at_23, 24, BORN, **early)
    assert banded(at_24, 24, BORN, **early)


# ── language ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("first", "used", "interpreter", "level"),
    [
        ("en", "en", None, "concern"),
        ("en-GB", "en", None, "concern"),
        (None, None, None, "concern"),
        ("pl", "en", None, "not-determined"),
        ("pl", "en-GB", None, "not-determined"),
        ("pl", None, None, "not-determined"),
        ("pl", "en", False, "not-determined"),
        ("pl", "en", True, "concern"),
        ("pl", "pl", None, "concern"),
        ("bfi", "en", None, "not-determined"),
    ],
)
def test_an_english_questionnaire_needs_english_or_an_interpreter(
    first: str | None, used: str | None, interpreter: bool | None, level: str
) -> None:
    document = changed(a_review(25), "child.firstLanguage", first)
    document = changed(document, "review.asq3.languageUsed", used)
    document = changed(document, "review.asq3.interpreterUsed", interpreter)
    finding = found(assessed(document), "communication")
    assert finding.level == level
    if level == "not-determined":
        assert "no interpreter" in (finding.reason or "")


# ── what is missing or not known ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_without_a_score_is_one_finding_that_says_so(domain: str) -> None:
    whole = a_review()
    left_out, empty = copy.deepcopy(whole), copy.deepcopy(whole)
    asq3 = left_out["review"]["asq3"]
    asq3["scores"] = [one for one in asq3["scores"] if one["domain"] != domain]
    for one in empty["review"]["asq3"]["scores"]:
        if one["domain"] == domain:
            del one["score"]
    for document in (left_out, empty):
        assessment = assessed(document)
        assert len(assessment.findings) == 5
        finding = found(assessment, domain)
        assert finding.level == "not-determined"
        assert finding.reason == "no score was given for this domain"


def test_a_questionnaire_of_no_month_gives_no_level() -> None:
    document = changed(a_review(25), "review.asq3.questionnaireMonths", None)
    levels = {f.level: f.reason for f in assessed(document).findings}
    assert levels == {"not-determined": "the questionnaire's month was not given"}


def test_a_review_without_a_questionnaire_has_no_findings() -> None:
    assert assessed(changed(a_review(), "review.asq3", None)) == Assessment()


UNKNOWN = {"system": "https://sender.example", "code": "ASQ-X", "display": "Some score"}


def test_a_score_whose_code_is_in_no_map_is_kept_word_for_word_and_told_back() -> None:
    document = changed(a_review(), "review.asq3.scores", [{"code": UNKNOWN, "score": 25}])
    assessment = assessed(document)
    finding = found(assessment, "ASQ-X")
    assert (finding.level, finding.score) == ("not-determined", 25)
    assert finding.reason == "the code is not in our map of ASQ-3 scores"
    assert [code.document() for code in assessment.unmapped] == [UNKNOWN]


def test_a_score_by_its_snomed_code_alone_is_never_called_unknown() -> None:
    [(code, _)] = [
        (code, meaning)
        for code, meaning in tables().asq3_by_code.items()
        if (meaning.months, meaning.domain) == (30, "communication")
    ]
    snomed = {"system": "http://snomed.info/sct", "code": code}
    document = changed(a_review(), "review.asq3.scores", [{"code": snomed, "score": 25}])
    assessment = assessed(document)
    assert assessment.unmapped == ()
    reasons = [finding.reason for finding in assessment.findings]
    assert "the code is not in our map of ASQ-3 scores" not in reasons


# ── what professionals state ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "level", "reason"),
    [
        ("no-concern", "on-schedule", None),
        ("concern", "concern", None),
        ("not-assessed", "not-determined", "not assessed"),
        ("result-awaited", "not-determined", "result awaited"),
    ],
)
@pytest.mark.parametrize("sense", ["hearing", "vision"])
def test_hearing_and_vision_are_as_the_professional_states_them(
    sense: str, status: str, level: str, reason: str | None
) -> None:
    finding = found(assessed(changed(a_review(), f"review.{sense}", {"status": status})), sense)
    assert (finding.level, finding.reason) == (level, reason)
    assert (finding.origin, finding.area) == ("professional-opinion", "sensory-and-or-physical")


def test_a_skill_and_an_early_language_measure_are_carried_and_never_scored() -> None:
    document = changed(a_review(), "review.asq3", None)
    document["review"] |= {
        "developmentalSkills": [
            {"skill": "kicks a ball", "result": "not-achieved"},
            {"skill": "draws a line", "result": "unable-to-assess"},
        ],
        "earlyLanguage": {"tool": "ELIM", "outcome": "below expected", "wordsSaid": 20},
    }
    assessment = assessed(document)
    assert {(f.about, f.level, f.words) for f in assessment.findings} == {
        ("kicks a ball", "not-determined", "not-achieved"),
        ("draws a line", "not-determined", "unable-to-assess"),
        ("early-language", "not-determined", "below expected"),
    }
    assert assessment.questions == ()


@pytest.mark.parametrize(
    ("area", "severity", "level", "points_to"),
    [
        ("expressive-language", "severe", "concern", "communication-and-interaction"),
        ("fluency", "mild", "concern", "communication-and-interaction"),
        ("voice", None, "concern", "communication-and-interaction"),
        ("understanding", "none", "on-schedule", "communication-and-interaction"),
        ("eating-and-drinking", "moderate", "concern", None),
    ],
)
def test_a_therapists_areas_are_professional_opinion(
    area: str, severity: str | None, level: str, points_to: str | None
) -> None:
    areas = [{"area": area} | ({"severity": severity} if severity else {})]
    finding = found(assessed(changed(a_report(), "report.areas", areas)), area)
    assert (finding.level, finding.area) == (level, points_to)
    assert finding.origin == "professional-opinion"


@pytest.mark.parametrize(
    "document",
    [
        changed(a_report(), "report.areas", [{"area": "fluency", "severity": "none"}]),
        changed(a_review(), "review.hearing", {"status": "no-concern"}),
        changed(a_review(), "review.vision", {"status": "not-assessed"}),
    ],
    ids=["therapy area", "hearing", "vision"],
)
def test_what_a_professional_found_in_order_is_not_named_as_an_area_of_need(
    document: dict[str, Any],
) -> None:
    assert assessed(document).areas == ()


def test_a_concern_about_hearing_names_its_area_of_need() -> None:
    document = changed(a_review(), "review.hearing", {"status": "concern"})
    assert assessed(document).areas == ("sensory-and-or-physical",)


@pytest.mark.parametrize("build", ["notice", "ehc"])
def test_a_need_by_the_dfes_code_names_its_area_and_an_unknown_one_is_told_back(
    build: str,
) -> None:
    needs = [{"type": "SLCN", "rank": 1}, {"type": "HI"}, {"type": "Glue ear"}]
    document = (
        changed(a_notice(), "notice.needs", needs)
        if build == "notice"
        else changed(an_ehc_request(), "referral.ehc.needs", needs)
    )
    assessment = assessed(document)
    assert [f.area for f in assessment.findings] == [
        "communication-and-interaction",
        "sensory-and-or-physical",
        None,
    ]
    assert [code.code for code in assessment.unmapped] == ["Glue ear"]
    assert assessment.areas == ("communication-and-interaction", "sensory-and-or-physical")


def test_the_areas_of_a_conclusion_are_the_professionals() -> None:
    concluded = [
        {"kind": "probable-sen-or-disability", "areas": ["cognition-and-learning"], "on": DAY},
        {"kind": "refer", "areas": ["communication-and-interaction", "cognition-and-learning"]},
    ]
    assessment = assessed(a_review(conclusions=concluded))
    assert assessment.areas == ("cognition-and-learning", "communication-and-interaction")
    named = [f for f in assessment.findings if f.origin == "professional-opinion"]
    assert [(f.about, f.area) for f in named] == [
        ("probable-sen-or-disability", "cognition-and-learning"),
        ("refer", "communication-and-interaction"),
        ("refer", "cognition-and-learning"),
    ]


def test_the_scores_of_a_referral_are_assessed_at_the_day_of_the_questionnaire() -> None:
    asq3 = {
        "questionnaireMonths": 24,
        "completedOn": "2026-05-14",
        "scores": [{"domain": "communication", "score": 25}],
    }
    document = changed(a_referral(), "referral.service.asq3", asq3)
    finding = found(assessed(document), "communication")
    assert (finding.level, finding.pointer) == ("concern", "/referral/service/asq3/scores/0")
    later = changed(document, "referral.service.asq3.completedOn", None)
    assert found(assessed(later), "communication").level == "not-determined"


# ── what the sender is asked ─────────────────────────────────────────────────────────────────


def asked(document: dict[str, Any]) -> list[str]:
    return [question.detail for question in assessed(document).questions]


def test_the_sender_is_asked_where_a_finding_is_graver_than_the_conclusion() -> None:
    [question] = assessed(a_review(25, conclusions=[{"kind": "none"}])).questions
    assert question.detail == (
        "Communication 25 is below 33.30 and you recorded no concern. Is that right?"
    )
    assert question.pointer == "/review/asq3/scores/0"


def test_the_sender_is_asked_where_nothing_was_concluded() -> None:
    assert asked(a_review(25)) == [
        "Communication 25 is below 33.30 and you stated no conclusion. Is that right?"
    ]


def test_a_question_repeats_the_score_as_it_was_sent() -> None:
    assert asked(a_review(33.299))[0].startswith("Communication 33.299 is below 33.30 ")


def test_each_domain_below_its_cut_off_is_a_question_of_its_own() -> None:
    document = a_review(25)
    document["review"]["asq3"]["scores"][2]["score"] = 5
    assert [text.split(" is below")[0] for text in asked(document)] == [
        "Communication 25",
        "Fine motor 5",
    ]


@pytest.mark.parametrize(
    "kind",
    [
        "watch-and-recheck",
        "support-within-service",
        "refer",
        "probable-sen-or-disability",
        "family-support",
    ],
)
def test_a_professional_who_concluded_something_is_not_asked(kind: str) -> None:
    assert asked(a_review(25, conclusions=[{"kind": kind}])) == []
    assert asked(a_review(25, conclusions=[{"kind": "none"}, {"kind": kind}])) == []


@pytest.mark.parametrize("communication", [33.30, 60])
def test_nobody_is_asked_about_what_is_on_schedule(communication: float) -> None:
    assert asked(a_review(communication, conclusions=[{"kind": "none"}])) == []


def test_nobody_is_asked_about_what_could_not_be_determined_or_a_professional_stated() -> None:
    misfit = changed(a_review(25), "review.asq3.questionnaireMonths", 24)
    assert asked(misfit) == []
    hearing = changed(a_review(), "review.hearing", {"status": "concern"})
    assert asked(hearing | {"conclusions": [{"kind": "none"}]}) == []
    assert asked(a_report()) == []


# ── items ────────────────────────────────────────────────────────────────────────────────────

Y, S, N, LEFT_OUT = "yes", "sometimes", "not-yet", None


def by_items(answers: list[str | None], total: float | None = None) -> dict[str, Any]:
    """A review whose communication is told by its items, and by a total if one is stated."""
    score = {"domain": "communication", "items": answers}
    if total is not None:
        score["score"] = total
    return changed(a_review(), "review.asq3.scores", [score])


@pytest.mark.parametrize(
    ("answers", "score", "level"),
    [
        ([Y, Y, Y, Y, Y, Y], 60, "on-schedule"),
        ([N, N, N, N, N, N], 0, "concern"),
        ([Y, Y, S, S, S, N], 35, "on-schedule"),
        ([S, S, S, S, S, S], 30, "concern"),
        ([Y, S, S, S, S, LEFT_OUT], 36, "on-schedule"),
        ([S, S, LEFT_OUT, S, S, LEFT_OUT], 30, "concern"),
        ([Y, S, LEFT_OUT, S, S, LEFT_OUT], 37.5, "on-schedule"),
    ],
)
def test_items_are_scored_and_one_or_two_left_out_are_made_up_for(
    answers: list[str | None], score: float, level: str
) -> None:
    finding = found(assessed(by_items(answers)), "communication")
    assert (finding.score, finding.level) == (score, level)
    assert (finding.origin, finding.rule) == ("computed", f"{ITEM_RULE}, {RULE}")


@pytest.mark.parametrize("answers", [[Y, Y, Y, None, None, None], [None] * 6])
def test_a_domain_with_three_items_left_out_has_no_score(answers: list[str | None]) -> None:
    finding = found(assessed(by_items(answers)), "communication")
    assert (finding.score, finding.level) == (None, "not-determined")
    assert finding.reason == "three or more of its six items have no answer"
    assert asked(by_items(answers)) == []


@pytest.mark.parametrize(
    ("answers", "total", "question"),
    [
        ([Y, Y, S, S, S, N], 35, None),
        ([Y, S, S, S, LEFT_OUT, LEFT_OUT], 37, None),  # 37.5, rounded
        (
            [Y, Y, S, S, S, N],
            40,
            "Communication 40 was stated, and its six items come to another total. Is that right?",
        ),
        (
            [Y, Y, Y, LEFT_OUT, LEFT_OUT, LEFT_OUT],
            60,
            "Communication 60 was stated, and three or more of its six items have no answer. "
            "Is that right?",
        ),
    ],
)
def test_a_total_that_its_items_contradict_is_a_question_and_has_no_band(
    answers: list[str | None], total: float, question: str | None
) -> None:
    document = by_items(answers, total) | {"conclusions": [{"kind": "support-within-service"}]}
    finding = found(assessed(document), "communication")
    assert (finding.score, finding.rule) == (total, RULE)
    assert (finding.level == "not-determined") == (question is not None)
    assert asked(document) == ([question] if question else [])


# ── ASQ:SE-2 ─────────────────────────────────────────────────────────────────────────────────

SE_CUT_OFFS = [(24, 65), (30, 85), (36, 105)]


def social(score: float | None, months: int | None, **changes: Any) -> dict[str, Any]:
    """A review at the youngest age that the questionnaire fits."""
    total = {"questionnaireMonths": months, "score": score, **changes}
    total = {name: value for name, value in total.items() if value is not None}
    document = changed(a_review(), "review.asqSe2", total)
    form = tables().asqse_forms.get(months or 0)
    return at_age(document, form.age_from if form else Age(30, 0))


def at_age(document: dict[str, Any], age: Age) -> dict[str, Any]:
    """The review at another age of the child."""
    day = day_of(age).isoformat()
    document = changed(document, "child.birthDate", BORN.isoformat())
    return changed(changed(document, "sent", f"{day}T12:00:00Z"), "review.date", day)


@pytest.mark.parametrize(("months", "cut_off"), SE_CUT_OFFS)
def test_a_total_above_the_cut_off_is_a_concern_only_where_cut_offs_are_turned_on(
    months: int, cut_off: int
) -> None:
    for score, level in ((cut_off, "on-schedule"), (cut_off + 0.5, "concern"), (0, "on-schedule")):
        off = found(assessed(social(score, months)), "social-emotional")
        assert (off.level, off.cut_off) == ("not-determined", None)
        assert off.reason == "no cut-off: totals of the ASQ:SE-2 are not banded here"
        on = found(assessed(social(score, months), asqse_cut_offs=True), "social-emotional")
        assert (on.level, on.cut_off, on.reason) == (level, cut_off, None)
        for finding in (off, on):
            assert (finding.origin, finding.based_on) == ("computed", "parent-reported")
            assert (finding.rule, finding.pointer) == (SE_RULE, "/review/asqSe2")
            assert finding.area == "social-emotional-and-mental-health"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (social(None, 30), "no score was given"),
        (social(90, None), "the questionnaire's month was not given"),
        (social(90, 18), "there is no cut-off for the 18-month questionnaire"),
        (
            at_age(social(90, 30), Age(33, 0)),
            "questionnaire does not fit age: the 30-month questionnaire, and the child was "
            "33 months and 0 days old",
        ),
        (
            changed(social(90, 30), "child.birthDate", "2023"),
            "age unknown: no full birth date was given",
        ),
    ],
)
def test_a_total_that_cannot_be_banded_says_why(document: dict[str, Any], reason: str) -> None:
    finding = found(assessed(document, asqse_cut_offs=True), "social-emotional")
    assert (finding.level, finding.reason) == ("not-determined", reason)


def test_the_month_of_a_total_is_known_by_its_code_and_the_code_is_not_foreign() -> None:
    code = {"system": "http://snomed.info/sct", "code": "1054021000000105"}
    document = social(86, None, code=code)
    assessment = assessed(at_age(document, Age(27, 0)), asqse_cut_offs=True)
    finding = found(assessment, "social-emotional")
    assert (finding.questionnaire_months, finding.level) == (30, "concern")
    assert assessment.unmapped == ()
    questions = [question.detail for question in assessment.questions]
    assert "Social emotional 86 is above 85.00 and you stated no conclusion. Is that right?" in (
        questions
    )


# ── whatever comes ───────────────────────────────────────────────────────────────────────────


def at(document: Any, pointer: str) -> Any:
    """What stands at a JSON Pointer; raises where nothing does."""
    for part in pointer.split("/")[1:]:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


@pytest.mark.parametrize("kind", MODELS)
def test_assessing_is_total_and_every_finding_shows_where_its_evidence_stands(kind: str) -> None:
    @whole_messages(40)
    @given(messages(kind), st.booleans())
    def check(message: Message, on: bool) -> None:
        assessment = assess(message, tables(), monitoring_zone=on, asqse_cut_offs=on)
        assert assess(message, tables(), monitoring_zone=on, asqse_cut_offs=on) == assessment
        document = orjson.loads(canonical_bytes(message))
        for finding in assessment.findings:
            assert finding.pointer
            at(document, finding.pointer)
            assert (finding.reason is not None) == (finding.level == "not-determined")
            assert (finding.rule is not None) == (finding.origin == "computed")

    check()


DAYS = st.dates() | st.sampled_from(
    [date(1, 1, 1), date(1, 2, 3), date(1, 1, 31), date(9998, 12, 31), date(2024, 2, 29)]
)


def dated(message: Message, born: date, expected: date | None, day: date) -> Iterator[Message]:
    """The message with other days; nothing where the model refuses them."""
    document = message.document() | {"sent": "9998-12-31T00:00:00Z"}
    document = changed(document, "child.birthDate", born.isoformat())
    document = changed(document, "child.expectedBirthDate", expected and expected.isoformat())
    for name in ("review", "referral"):
        if name in document:
            document[name]["date"] = day.isoformat()
    try:
        yield understood(document).message
    except Refused:
        return


@given(st.sampled_from(["review", "referral"]), DAYS, st.none() | DAYS, DAYS)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_assessing_is_total_on_whatever_day_a_child_was_born(
    name: str, born: date, expected: date | None, day: date
) -> None:
    asq3 = {"questionnaireMonths": 24, "scores": [{"domain": "communication", "score": 25}]}
    document = (
        a_review() if name == "review" else changed(a_referral(), "referral.service.asq3", asq3)
    )
    for message in dated(understood(document).message, born, expected, day):
        assert len(assess(message, tables()).findings) == 5
