"""Bands the totals of questionnaires, as findings that the gateway computed from what parents said.

ASQ-3: a score below the questionnaire's cut-off is `concern`, else `on-schedule` (NHS derivation of
the child development indicator); the monitoring zone is off unless it is turned on. Items are scored
by the publisher's rule: yes 10, sometimes 5, not yet 0; one or two that were left out are made up for
by the mean of the others, and with more a domain has no score. ASQ:SE-2: a total above the cut-off
is `concern`; its cut-offs are off unless they are turned on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from gateway.assessment.ages import age_on
from schemas.base import whole_date
from schemas.child import Child
from schemas.codes import Asq3Form, AsqSeForm, CodeTables
from schemas.finding import Finding, Level
from schemas.message import HealthyChildReviewMessage, Message, ReferralMessage
from schemas.review import ITEMS, Asq3, Asq3Score, AsqSe2

RULE = "asq-3-cut-off/1"
ITEM_RULE = "asq-3-items/1"
SE_RULE = "asq-se-2-cut-off/1"
POINTS = {"yes": 10, "sometimes": 5, "not-yet": 0}
MADE_UP_FOR = 2
"""Items of a domain that may be left out; the mean of the others stands in for them."""
TOO_FEW = "three or more of its six items have no answer"
CONTRADICTS = "its six items come to another total"
NO_SCORE = "no score was given for this domain"
NO_MONTH = "the questionnaire's month was not given"
DOMAINS = ("communication", "gross-motor", "fine-motor", "problem-solving", "personal-social")


def scores(
    message: Message, tables: CodeTables, *, zone: bool, cut_offs: bool
) -> Iterator[Finding]:
    """Yield a finding for each domain of an ASQ-3, and for the total of an ASQ:SE-2.

    `zone` turns on the monitoring zone of the ASQ-3, `cut_offs` those of the ASQ:SE-2.
    """
    child = message.child
    match message:
        case HealthyChildReviewMessage(review=review) if review:
            if review.asq3:
                yield from _asq3(child, review.asq3, review.date, "/review", tables, zone)
            if review.asq_se2:
                day = review.asq_se2.completed_on or review.date
                yield _asq_se2(child, review.asq_se2, day, tables, cut_offs)
        case ReferralMessage(referral=referral) if referral:
            asq3 = referral.service.asq3 if referral.service else None
            if asq3:
                day = asq3.completed_on or referral.date
                yield from _asq3(child, asq3, day, "/referral/service", tables, zone)


def _asq3(
    child: Child, asq3: Asq3, day: date, place: str, tables: CodeTables, zone: bool
) -> Iterator[Finding]:
    given = [_completed(score, asq3, tables) for score in asq3.scores]
    for index, score in enumerate(given):
        yield _banded(child, asq3, score, day, f"{place}/asq3/scores/{index}", tables, zone)
    for domain in DOMAINS:
        if domain not in {score.domain for score in given}:
            yield Finding(
                about=domain,
                level="not-determined",
                reason=NO_SCORE,
                origin="computed",
                based_on="parent-reported",
                rule=RULE,
                on=day,
                pointer=f"{place}/asq3/scores",
            )


def _completed(score: Asq3Score, asq3: Asq3, tables: CodeTables) -> Asq3Score:
    """Read domain and questionnaire from the score's code, where they are not stated."""
    known = tables.asq3_by_code.get(score.code.code) if score.code else None
    months = score.questionnaire_months or (known.months if known else None)
    return score.model_copy(
        update={
            "domain": score.domain or (known.domain if known else None),
            "questionnaire_months": months or asq3.questionnaire_months,
        }
    )


def _banded(
    child: Child,
    asq3: Asq3,
    score: Asq3Score,
    day: date,
    pointer: str,
    tables: CodeTables,
    zone: bool,
) -> Finding:
    months, domain, total = score.questionnaire_months, score.domain, _total(score)
    form = tables.asq3_forms.get(months) if months else None
    cut_off = form.cut_offs.get(domain) if form and domain else None
    reason = _not_banded(child, asq3, score, form, day)
    level: Level = "not-determined"
    if reason is None and cut_off is not None:
        value = Decimal(repr(total))
        upper = tables.asq3_monitoring_upper.get(months or 0, {}) if zone else {}
        monitored = domain is not None and value <= upper.get(domain, -1)
        level = "concern" if value < cut_off else "monitor" if monitored else "on-schedule"
    return Finding(
        about=domain or (score.code.code if score.code else "asq-3"),
        level=level,
        reason=reason,
        origin="computed",
        area=tables.asq3_area.get(domain) if domain else None,
        score=total,
        cut_off=float(cut_off) if cut_off is not None else None,
        questionnaire_months=months,
        code=score.code,
        based_on="parent-reported",
        rule=f"{ITEM_RULE}, {RULE}" if score.items and score.score is None else RULE,
        on=day,
        pointer=pointer,
    )


def _total(score: Asq3Score) -> float | None:
    """Return a domain's total in points: as stated, else of its items; None where it has none."""
    return _of_items(score) if score.score is None else score.score


def _of_items(score: Asq3Score) -> float | None:
    answered = [POINTS[answer] for answer in score.items if answer]
    if ITEMS - len(answered) > MADE_UP_FOR:
        return None
    return sum(answered) * ITEMS / len(answered)


def _against_its_items(score: Asq3Score) -> str | None:
    """Return why the items of a domain give no total, or another than the one that is stated."""
    total = _of_items(score)
    if total is None:
        return TOO_FEW
    # What was made up for is often rounded to a whole number.
    if score.score is not None and abs(score.score - total) >= 1:
        return CONTRADICTS
    return None


def _not_banded(
    child: Child, asq3: Asq3, score: Asq3Score, form: Asq3Form | None, day: date
) -> str | None:
    """Return why a score has no band, in words; None where it has one."""
    if score.domain is None:
        return "the code is not in our map of ASQ-3 scores"
    if score.items and (against := _against_its_items(score)):
        return against
    if score.score is None and not score.items:
        return NO_SCORE
    if score.questionnaire_months is None:
        return NO_MONTH
    if misfit := _misfit(child, day, score.questionnaire_months, form):
        return misfit
    english = _is_english(asq3.language_used) and not _is_english(child.first_language)
    if english and not asq3.interpreter_used:
        return "an English questionnaire, English is not the first language, and no interpreter"
    return None


def _asq_se2(child: Child, given: AsqSe2, day: date, tables: CodeTables, cut_offs: bool) -> Finding:
    """A total of the ASQ:SE-2, of which more is worse: above the cut-off is `concern`."""
    by_code = tables.asqse_by_code.get(given.code.code) if given.code else None
    months = given.questionnaire_months or by_code
    form = tables.asqse_forms.get(months) if months and cut_offs else None
    reason = _total_not_banded(child, given, months, form, day, cut_offs)
    concern = reason is None and form and Decimal(repr(given.score)) > form.cut_off
    return Finding(
        about="social-emotional",
        level="not-determined" if reason else "concern" if concern else "on-schedule",
        reason=reason,
        origin="computed",
        area="social-emotional-and-mental-health",
        score=given.score,
        cut_off=float(form.cut_off) if form else None,
        questionnaire_months=months,
        code=given.code,
        based_on="parent-reported",
        rule=SE_RULE,
        on=day,
        pointer="/review/asqSe2",
    )


def _total_not_banded(
    child: Child,
    given: AsqSe2,
    months: int | None,
    form: AsqSeForm | None,
    day: date,
    cut_offs: bool,
) -> str | None:
    """Return why a total of the ASQ:SE-2 has no band, in words; None where it has one."""
    if given.score is None:
        return "no score was given"
    if not cut_offs:
        return "no cut-off: totals of the ASQ:SE-2 are not banded here"
    if months is None:
        return NO_MONTH
    if form is None:
        return _no_cut_off(months)
    return _misfit(child, day, months, form)


def _misfit(child: Child, day: date, months: int, form: Asq3Form | AsqSeForm | None) -> str | None:
    """Return why a questionnaire does not fit the child's age; None where it does."""
    born = whole_date(child.birth_date)
    if born is None:
        return "age unknown: no full birth date was given"
    age = age_on(day, born, child.expected_birth_date)
    if form is None and abs(age.months - months) <= 2:
        return _no_cut_off(months)
    if form and form.age_from <= age <= form.age_to:
        return None
    return (
        f"questionnaire does not fit age: the {months}-month questionnaire, and the child was "
        f"{age.months} months and {age.days} days old"
    )


def _no_cut_off(months: int) -> str:
    return f"there is no cut-off for the {months}-month questionnaire"


def _is_english(language: str | None) -> bool:
    """Tell whether a language is English; so it is where none is stated."""
    return language is None or language.split("-")[0] in ("en", "eng")
