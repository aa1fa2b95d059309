"""Asks the sender, and only the sender, where something contradicts itself or needs a telephone call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.assessment.scores import CONTRADICTS, SE_RULE, TOO_FEW
from schemas.finding import Finding
from schemas.message import HealthyChildReviewMessage, Message
from schemas.receipt import Question


def questions(message: Message, findings: Sequence[Finding]) -> Iterator[Question]:
    """Ask about risks, about totals, and where a finding is graver than the conclusion."""
    review = message.review if isinstance(message, HealthyChildReviewMessage) else None
    if review and review.safety_alerts:
        detail = (
            "A safety alert tells nobody. If a child may be at risk of significant harm, "
            "telephone the front door now, and send a referral of type `safeguarding`."
        )
        yield Question(pointer="/review/safetyAlerts", detail=detail)
    for finding in findings:
        if finding.reason in (TOO_FEW, CONTRADICTS) and finding.score is not None:
            yield _is_that_right(finding, f"was stated, and {finding.reason}.")
    if any(c.kind != "none" for c in message.conclusions):
        return
    said = "you recorded no concern" if message.conclusions else "you stated no conclusion"
    for finding in findings:
        if finding.origin == "computed" and finding.level == "concern":
            side = "above" if finding.rule == SE_RULE else "below"
            yield _is_that_right(finding, f"is {side} {finding.cut_off:.2f} and {said}.")


def _is_that_right(finding: Finding, words: str) -> Question:
    about = finding.about.replace("-", " ").capitalize()
    return Question(
        pointer=finding.pointer, detail=f"{about} {finding.score:g} {words} Is that right?"
    )
