"""Reads what professionals state as findings: their conclusions, opinions and the needs they name."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.base import Coding, whole_date
from schemas.codes import CodeTables
from schemas.finding import Finding
from schemas.message import (
    HealthyChildReviewMessage,
    Message,
    ReferralMessage,
    SenSupportNoticeMessage,
    SpeechTherapyReportMessage,
)
from schemas.review import HealthyChildReview, SenseStatus
from schemas.sen_support import Need
from schemas.speech_therapy import SpeechTherapyReport


def statements(message: Message, tables: CodeTables) -> Iterator[Finding]:
    """Yield a finding for each thing that a professional stated."""
    match message:
        case HealthyChildReviewMessage(review=review) if review:
            yield from _review(review)
            yield from _history(review, tables)
        case SpeechTherapyReportMessage(report=report) if report:
            yield from _report(report)
        case SenSupportNoticeMessage(notice=notice) if notice:
            yield from _needs(notice.needs, "/notice", tables)
        case ReferralMessage(referral=referral) if referral:
            if referral.service and referral.service.hearing:
                yield _sense("hearing", referral.service.hearing, "/referral/service/hearing")
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
