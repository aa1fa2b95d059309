"""Decides on synthetic messages as intake does, under the shipped policy or an edit of it."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from gateway.assessment import assess
from gateway.directory import Directory
from gateway.examples import AREA
from gateway.policy.engine import Decision, Outgoing, decide
from gateway.policy.loader import DEFAULT, load_policy
from gateway.policy.model import Policy
from gateway.weighing import policy_document
from schemas.message import Message
from tests.builders import default_policy, directory, tables, understood


def decided(
    message: Mapping[str, Any], policy: Policy | None = None, area: Directory | None = None
) -> Decision:
    """Decide on a canonical document."""
    return decided_on(understood(message).message, policy, area)


def decided_on(
    message: Message, policy: Policy | None = None, area: Directory | None = None
) -> Decision:
    """Decide on a canonical message, by the steps that intake takes."""
    assessment = assess(message, tables())
    document = policy_document(message, assessment)
    return decide(
        policy or default_policy(), area or directory(), message, document, assessment.findings
    )


def outcome(decision: Decision, route: str) -> str:
    """Say in a word what became of a route: `alert`, the reason of its hold, or `-` for silence."""
    words = ["alert" for alert in decision.alerts if alert.route == route]
    words += [hold.reason for hold in decision.holds if hold.route == route]
    return " and ".join(words) or "-"


def the_alert(decision: Decision, route: str) -> Outgoing:
    """Return the one alert of a route."""
    [alert] = [alert for alert in decision.alerts if alert.route == route]
    return alert


def missing(decision: Decision, route: str) -> set[str]:
    """Return where the sender would have to state what a hold of a route waits for."""
    [hold] = [hold for hold in decision.holds if hold.route == route]
    return {str(one.pointer) for one in hold.missing}


def written(text: str) -> Path:
    """Write a policy file of this text."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-policy-"))
    (folder / "policy.yaml").write_text(text, encoding="utf-8")
    return folder / "policy.yaml"


def edited(*edits: tuple[str, str]) -> str:
    """Return the shipped policy's text with each edit made where its words first stand."""
    text = DEFAULT.read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def switched(basis: str, on: bool, text: str | None = None) -> str:
    """Return a policy's text with one basis switched on or off."""
    text = text or DEFAULT.read_text(encoding="utf-8")
    word = "true" if on else "false"
    after, count = re.subn(rf"(\n  {basis}:\n    title: .*\n    on: )\w+", rf"\g<1>{word}", text)
    assert count == 1, basis
    return after


@cache
def with_s16la() -> Policy:
    """The shipped policy with section 16LA switched on."""
    return loaded(switched("s16la", on=True))


@cache
def loaded(text: str) -> Policy:
    """Load a policy of this text, with the example area's roles."""
    path = written(text)
    try:
        return load_policy(path, directory().roles)
    finally:
        shutil.rmtree(path.parent)


@cache
def area_with(*edits: tuple[str, str, str]) -> Directory:
    """Load the example area's directory with each edit (file, old words, new words) made."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(AREA, Path(folder) / "area"))
        for file, old, new in edits:
            text = (copy / file).read_text(encoding="utf-8")
            assert old in text, old
            (copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")
        return Directory.load(copy)


def a_judgement(recipient: str, **changes: Any) -> dict[str, Any]:
    """A welfare judgement under s.16LA for one recipient: it helps, and is not more detrimental."""
    return {
        "by": {"name": "Helen Marsh", "role": "Health visitor"},
        "on": "2026-11-17",
        "recipient": recipient,
        "function": "Support for the child.",
        "why": "They can plan for what the child needs.",
        "detrimentConsidered": True,
        "moreDetrimental": False,
        **changes,
    }


def an_agreement(*recipients: str, **changes: Any) -> dict[str, Any]:
    """Agreement of one with parental responsibility, for all purposes."""
    return {
        "status": "given",
        "by": "Sam Ashdown",
        "capacity": "parental-responsibility",
        "recipients": list(recipients),
        "purposes": [
            "support-in-setting",
            "treatment",
            "special-educational-needs",
            "early-help",
            "other-support",
        ],
        "on": "2026-11-17",
        **changes,
    }
