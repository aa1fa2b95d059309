"""Assesses a record's state: findings by area of need, and what the sender should look at again.

A computed finding informs health professionals and asks the sender. It never routes in the shipped
policy. ASQ-3: a score below the questionnaire's cut-off is `concern`, else `on-schedule` (NHS
derivation of the child development indicator); the monitoring zone is off unless it is turned on.
Items are scored by the publisher's rule: yes 10, sometimes 5, not yet 0; one or two that were left
out are made up for by the mean of the others, and with more a domain has no score. ASQ:SE-2: a total
above the cut-off is `concern`; its cut-offs are off unless they are turned on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from schemas.base import Coding, Model, whole_date
from schemas.codes import Age, Asq3Form, AsqSeForm, CodeTables
from schemas.finding import Finding
from schemas.message import (
    HealthyChildReviewMessage,
    Message,
    ReferralMessage,
    SenSupportNoticeMessage,
    SpeechTherapyReportMessage,
)
from schemas.receipt import Question
from schemas.record import body_of
from schemas.review import ITEMS, Asq3, Asq3Score, AsqSe2, HealthyChildReview, SenseStatus
from schemas.sen_support import Need
from schemas.speech_therapy import SpeechTherapyReport

RULE = "asq-3-cut-off/1"
ITEM_RULE = "asq-3-items/1"
SE_RULE = "asq-se-2-cut-off/1"
POINTS = {"yes": 10, "sometimes": 5, "not-yet": 0}
MADE_UP_FOR = 2
"""Items of a domain that may be left out; the mean of the others stands in for them."""
TOO_FEW = "three or more of its six items have no answer"
CONTRADICTS = "its six items come to another total"
PREMATURE = timedelta(weeks=3)
"""Born three weeks or more early: the age is corrected."""
CORRECTED_UNTIL = 24
"""Months of chronological age until which prematurity is corrected (publisher's guidance)."""
DOMAINS = ("communication", "gross-motor", "fine-motor", "problem-solving", "personal-social")


@dataclass(frozen=True)
class Assessment:
    """What was found, what is asked of the sender, and the codes that no map knows."""

    findings: tuple[Finding, ...] = ()
    questions: tuple[Question, ...] = ()
    unmapped: tuple[Coding, ...] = ()
    areas: tuple[str, ...] = ()
    """Areas of need as professionals named them: by conclusion, DfE need or therapy area."""


def assess(
    message: Message,
    tables: CodeTables,
    *,
    monitoring_zone: bool = False,
    asqse_cut_offs: bool = False,
) -> Assessment:
    """Assess one record's state. Pure; never raises for what a message may hold."""
    findings = tuple(_findings(message, tables, monitoring_zone, asqse_cut_offs))
    return Assessment(
        findings=findings,
        questions=tuple(_questions(message, findings)),
        unmapped=tuple(code for code in _codes(message, findings) if _foreign(code, tables)),
        areas=tuple(sorted({f.area for f in findings if f.area and _named(f)})),
    )


def _named(finding: Finding) -> bool:
    """Tell whether a professional named a concern: a score never names an area of need."""
    return finding.origin == "professional-opinion" and finding.level == "concern"


def age_on(day: date, born: date, expected: date | None = None) -> Age:
    """Return the age in completed months and days, corrected for prematurity until 24 months."""
    age = _age(day, born)
    if expected and expected - born >= PREMATURE and age.months < CORRECTED_UNTIL:
        return _age(day, expected)
    return age


def _age(day: date, born: date) -> Age:
    months = (day.year - born.year) * 12 + day.month - born.month
    since = _plus_months(born, months)
    if since > day:
        months -= 1
        since = _plus_months(born, months)
    return Age(months, (day - since).days)


def _plus_months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has a 28th day")


def _findings(
    message: Message, tables: CodeTables, zone: bool, asqse_cut_offs: bool
) -> Iterator[Finding]:
    match message:
        case HealthyChildReviewMessage(review=review) if review:
            if review.asq3:
                yield from _asq3(message, review.asq3, review.date, "/review", tables, zone)
            if review.asq_se2:
                day = review.asq_se2.completed_on or review.date
                yield _asq_se(message, review.asq_se2, day, tables, asqse_cut_offs)
            yield from _review(review)
            yield from _history(review, tables)
        case SpeechTherapyReportMessage(report=report) if report:
            yield from _report(report)
        case SenSupportNoticeMessage(notice=notice) if notice:
            yield from _needs(notice.needs, "/notice", tables)
        case ReferralMessage(referral=referral) if referral:
            service = referral.service
            if service and service.asq3:
                day = service.asq3.completed_on or referral.date
                yield from _asq3(message, service.asq3, day, "/referral/service", tables, zone)
            if service and service.hearing:
                yield _sense("hearing", service.hearing, "/referral/service/hearing")
            if referral.ehc:
                yield from _needs(referral.ehc.needs, "/referral/ehc", tables)
    for index, conclusion in enumerate(message.conclusions):
        for area in conclusion.areas:
            yield Finding(
                about=conclusion.kind,
                level="on-schedule" if conclusion.kind == "none" else "concern",
                origin="professional-opinion",
                area=area,
                on=conclusion.on,
                pointer=f"/conclusions/{index}",
            )


def _asq3(
    message: Message, asq3: Asq3, day: date, place: str, tables: CodeTables, zone: bool
) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, given in enumerate(asq3.scores):
        score = _by_code(given, tables)
        months = score.questionnaire_months or asq3.questionnaire_months
        if score.domain:
            seen.add(score.domain)
        yield _band(message, asq3, score, months, day, f"{place}/asq3/scores/{index}", tables, zone)
    for domain in DOMAINS:
        if domain not in seen:
            yield Finding(
                about=domain,
                level="not-determined",
                reason="no score was given for this domain",
                origin="computed",
                based_on="parent-reported",
                rule=RULE,
                on=day,
                pointer=f"{place}/asq3/scores",
            )


def _by_code(score: Asq3Score, tables: CodeTables) -> Asq3Score:
    """Read domain and questionnaire from the score's code, where they are not stated."""
    known = tables.asq3_by_code.get(score.code.code) if score.code else None
    if known is None:
        return score
    return score.model_copy(
        update={
            "domain": score.domain or known.domain,
            "questionnaire_months": score.questionnaire_months or known.months,
        }
    )


def _band(
    message: Message,
    asq3: Asq3,
    score: Asq3Score,
    months: int | None,
    day: date,
    pointer: str,
    tables: CodeTables,
    zone: bool,
) -> Finding:
    form = tables.asq3_forms.get(months) if months else None
    total = _total(score)
    cut_off = form.cut_offs.get(score.domain) if form and score.domain else None
    reason = _not_banded(message, asq3, score, months, form, day)
    level, origin = "not-determined", "computed"
    if reason is None and cut_off is not None and months is not None:
        value = Decimal(repr(total))
        upper = tables.asq3_monitoring_upper.get(months, {}) if zone else {}
        if value < cut_off:
            level = "concern"
        elif score.domain and value <= upper.get(score.domain, -1):
            level = "monitor"
        else:
            level = "on-schedule"
    return Finding(
        about=score.domain or (score.code.code if score.code else "asq-3"),
        level=level,  # type: ignore[arg-type]
        reason=reason,
        origin=origin,  # type: ignore[arg-type]
        area=tables.asq3_area.get(score.domain) if score.domain else None,
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
    answered = [POINTS[answer] for answer in score.items if answer]
    if score.score is not None or not answered or ITEMS - len(answered) > MADE_UP_FOR:
        return score.score
    return sum(answered) * ITEMS / len(answered)


def _against_its_items(score: Asq3Score) -> str | None:
    """Return why the items of a domain give no total, or another than the one that is stated."""
    if not score.items:
        return None
    total = _total(score.model_copy(update={"score": None}))
    if total is None:
        return TOO_FEW
    # What was made up for is often rounded to a whole number.
    if score.score is not None and abs(score.score - total) >= 1:
        return CONTRADICTS
    return None


def _not_banded(
    message: Message,
    asq3: Asq3,
    score: Asq3Score,
    months: int | None,
    form: Asq3Form | None,
    day: date,
) -> str | None:
    """Return why a score has no band, in words; None where it has one."""
    child = message.child
    if score.domain is None:
        return "the code is not in our map of ASQ-3 scores"
    if against := _against_its_items(score):
        return against
    if score.score is None and not score.items:
        return "no score was given for this domain"
    if months is None:
        return "the questionnaire's month was not given"
    born = whole_date(child.birth_date)
    if born is None:
        return "age unknown: no full birth date was given"
    age = age_on(day, born, child.expected_birth_date)
    if form is None and abs(age.months - months) <= 2:
        return f"there is no cut-off for the {months}-month questionnaire"
    if form is None or not form.age_from <= age <= form.age_to:
        return _misfit(months, age)
    if (
        not _is_english(child.first_language)
        and _is_english(asq3.language_used)
        and not asq3.interpreter_used
    ):
        return "an English questionnaire, English is not the first language, and no interpreter"
    return None


def _misfit(months: int, age: Age) -> str:
    return (
        f"questionnaire does not fit age: the {months}-month questionnaire, and the child was "
        f"{age.months} months and {age.days} days old"
    )


def _asq_se(
    message: Message, given: AsqSe2, day: date, tables: CodeTables, cut_offs: bool
) -> Finding:
    """A total of the ASQ:SE-2, of which more is worse: above the cut-off is `concern`."""
    by_code = tables.asqse_by_code.get(given.code.code) if given.code else None
    months = given.questionnaire_months or by_code
    form = tables.asqse_forms.get(months) if months and cut_offs else None
    reason = _se_not_banded(message, given, months, form, day, cut_offs)
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


def _se_not_banded(
    message: Message,
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
        return "the questionnaire's month was not given"
    if form is None:
        return f"there is no cut-off for the {months}-month questionnaire"
    born = whole_date(message.child.birth_date)
    if born is None:
        return "age unknown: no full birth date was given"
    age = age_on(day, born, message.child.expected_birth_date)
    return None if form.age_from <= age <= form.age_to else _misfit(months, age)


def _is_english(language: str | None) -> bool:
    """Tell whether a language is English; so it is where none is stated."""
    return language is None or language.split("-")[0] in ("en", "eng")


def _review(review: HealthyChildReview) -> Iterator[Finding]:
    if review.hearing:
        yield _sense("hearing", review.hearing, "/review/hearing")
    if review.vision:
        yield _sense("vision", review.vision, "/review/vision")
    for index, skill in enumerate(review.developmental_skills):
        known = skill.result != "unable-to-assess"
        yield Finding(
            about=skill.skill or (skill.code.code if skill.code else "developmental skill"),
            level="not-determined",
            reason="a skill is recorded as it was seen, and has no band"
            if known
            else "unable to assess",
            origin="professional-opinion",
            words=skill.result,
            code=skill.code,
            on=whole_date(skill.on),
            pointer=f"/review/developmentalSkills/{index}",
        )
    if review.early_language:
        yield Finding(
            about="early-language",
            level="not-determined",
            reason="an early language measure is carried as recorded, and has no band",
            origin="measured",
            words=review.early_language.outcome,
            pointer="/review/earlyLanguage",
        )


def _history(review: HealthyChildReview, tables: CodeTables) -> Iterator[Finding]:
    """A need that the record of a child's education has: it names no area, and routes nothing."""
    for index, history in enumerate(review.educational_history):
        if need := history.need:
            yield Finding(
                about="special educational need",
                level="not-determined",
                reason="a recorded type of need, by the NHS's list: no finding of this review",
                origin="professional-opinion",
                area=tables.dch_needs.get((need.system or "", need.code)),
                code=need,
                on=review.date,
                pointer=f"/review/educationalHistory/{index}",
            )


def _sense(about: str, sense: SenseStatus, pointer: str) -> Finding:
    levels = {"no-concern": "on-schedule", "concern": "concern"}
    return Finding(
        about=about,
        level=levels.get(sense.status, "not-determined"),  # type: ignore[arg-type]
        reason=None if sense.status in levels else sense.status.replace("-", " "),
        origin="professional-opinion",
        area="sensory-and-or-physical",
        pointer=pointer,
    )


def _report(report: SpeechTherapyReport) -> Iterator[Finding]:
    for index, finding in enumerate(report.areas):
        communication = finding.area != "eating-and-drinking"
        yield Finding(
            about=finding.area,
            level="on-schedule" if finding.severity == "none" else "concern",
            origin="professional-opinion",
            area="communication-and-interaction" if communication else None,
            code=finding.code,
            words=finding.severity,
            on=report.date,
            pointer=f"/report/areas/{index}",
        )


def _needs(needs: tuple[Need, ...], place: str, tables: CodeTables) -> Iterator[Finding]:
    for index, need in enumerate(needs):
        known = tables.sen_types.get(need.type)
        yield Finding(
            about=need.type,
            level="concern",
            origin="professional-opinion",
            area=known.area if known else None,
            words=known.description if known else None,
            code=None if known else Coding(code=need.type),
            pointer=f"{place}/needs/{index}",
        )


def _questions(message: Message, findings: tuple[Finding, ...]) -> Iterator[Question]:
    """Ask where something contradicts itself, or a risk was not telephoned."""
    review = message.review if isinstance(message, HealthyChildReviewMessage) else None
    if review and review.safety_alerts:
        detail = (
            "A safety alert tells nobody. If a child may be at risk of significant harm, "
            "telephone the front door now, and send a referral of type `safeguarding`."
        )
        yield Question(pointer="/review/safetyAlerts", detail=detail)
    for finding in findings:
        if finding.reason in (TOO_FEW, CONTRADICTS) and finding.score is not None:
            yield Question(
                pointer=finding.pointer,
                detail=f"{_named_so(finding)} {finding.score:g} was stated, and {finding.reason}. "
                "Is that right?",
            )
    if any(c.kind != "none" for c in message.conclusions):
        return
    said = "you recorded no concern" if message.conclusions else "you stated no conclusion"
    for finding in findings:
        if finding.origin == "computed" and finding.level == "concern":
            side = "above" if finding.rule == SE_RULE else "below"
            yield Question(
                pointer=finding.pointer,
                detail=f"{_named_so(finding)} {finding.score:g} is {side} {finding.cut_off:.2f} and "
                f"{said}. Is that right?",
            )


def _named_so(finding: Finding) -> str:
    return finding.about.replace("-", " ").capitalize()


def _codes(message: Message, findings: tuple[Finding, ...]) -> Iterator[Coding]:
    """Yield every code that the message carries, as it was received, once."""
    of_findings = (finding.code for finding in findings if finding.code)
    yield from dict.fromkeys((*of_findings, *_coded(body_of(message))))


def _coded(part: object) -> Iterator[Coding]:
    """Yield the codes in a part of a message."""
    if isinstance(part, Coding):
        yield part
    elif isinstance(part, tuple):
        for item in part:
            yield from _coded(item)
    elif isinstance(part, Model):
        for _, value in part:
            yield from _coded(value)


def _foreign(code: Coding, tables: CodeTables) -> bool:
    """Tell whether a code is in none of our maps."""
    return not (
        code.code in tables.asq3_by_code
        or code.code in tables.asqse_by_code
        or code.code in tables.sen_types
        or any(code.code in codes for codes in tables.systems.values())
    )
