"""Assesses a record's state: findings by area of need, and what the sender should look at again.

A computed finding informs health professionals and asks the sender. It never routes in the shipped
policy. `scores` bands questionnaires, `statements` reads what professionals say, `questions` asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.assessment.questions import questions
from gateway.assessment.scores import scores
from gateway.assessment.statements import statements
from schemas.base import Coding, Model
from schemas.codes import CodeTables
from schemas.finding import Finding
from schemas.message import Message
from schemas.receipt import Question
from schemas.record import body_of


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
    findings = (
        *scores(message, tables, zone=monitoring_zone, cut_offs=asqse_cut_offs),
        *statements(message, tables),
    )
    # As they were received, each once.
    codes = dict.fromkeys([*(f.code for f in findings if f.code), *_coded(body_of(message))])
    return Assessment(
        findings=findings,
        questions=tuple(questions(message, findings)),
        unmapped=tuple(code for code in codes if _foreign(code, tables)),
        areas=tuple(sorted({f.area for f in findings if f.area and _named(f)})),
    )


def _named(finding: Finding) -> bool:
    """Tell whether a professional named a concern: a score never names an area of need."""
    return finding.origin == "professional-opinion" and finding.level == "concern"


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
    maps = (tables.asq3_by_code, tables.asqse_by_code, tables.sen_types, *tables.systems.values())
    return not any(code.code in codes for codes in maps)
