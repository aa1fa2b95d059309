"""Builders of synthetic messages: `a_review(communication=15)` says only what a test is about.

Each returns the canonical JSON document as a dict; `understood` parses one as the gateway does.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from adapters.inbound import PARSERS, Parsed
from gateway.directory import Directory
from gateway.examples import AREA
from gateway.policy.loader import load_policy
from gateway.policy.model import Policy
from gateway.tables import load_tables
from schemas.codes import CodeTables

NHS_NUMBERS = ("9990001006", "9990001014", "9990001022", "9990001030", "9990001049", "9990001057")
UPN = "U896200026000"
PRACTICE, SETTING, SCHOOL = "N81992", "9999011", "199901"
DAY = "2026-11-17"
_ids = itertools.count(1)

HEALTH_VISITOR = {"name": "Helen Marsh", "role": "Health visitor", "phone": "01244 000101"}
AGREED_WITH_SETTING = {
    "status": "given",
    "by": "Sam Ashdown",
    "capacity": "parental-responsibility",
    "recipients": ["setting"],
    "purposes": ["support-in-setting"],
    "on": DAY,
}
OPINION = {
    "by": HEALTH_VISITOR,
    "on": DAY,
    "words": "Probably a speech and language need.",
    "parentInformedOn": DAY,
    "talkOffered": True,
}
HARM = {
    "by": HEALTH_VISITOR,
    "on": DAY,
    "cause": "A bruise without an explanation that fits.",
    "publicInterest": "protect-from-harm",
    "telephonedAt": "2026-11-17T14:05:00+00:00",
    "parentsTold": False,
    "notToldBecause": "It might raise the risk.",
}


def a_child(**changes: Any) -> dict[str, Any]:
    """A child of 30 months in Ellesmere Port; a property given as None is left out."""
    child = {
        "nhsNumber": NHS_NUMBERS[0],
        "givenNames": ["Maya", "Rose"],
        "familyName": "Ashdown",
        "birthDate": "2024-05-14",
        "sex": "female",
        "address": {"lines": ["1 Example Row"], "postcode": "CH65 9ZZ"},
        "generalPractice": PRACTICE,
        "setting": {"urn": SETTING, "name": "Little Acorns Example Nursery"},
        "firstLanguage": "en",
    }
    return _stated({**child, **changes})


def a_review(communication: float = 50, **changes: Any) -> dict[str, Any]:
    """A completed 2-2½ year review by RXA; scores fit the 30-month questionnaire."""
    scores = {
        "communication": communication,
        "gross-motor": 50,
        "fine-motor": 45,
        "problem-solving": 45,
        "personal-social": 50,
    }
    return _message(
        "healthy-child-review",
        {"odsCode": "RXA"},
        changes,
        review={
            "type": "two-year-review",
            "outcome": "completed",
            "date": DAY,
            "asq3": {
                "questionnaireMonths": 30,
                "scores": [{"domain": d, "score": s} for d, s in scores.items()],
            },
        },
    )


def a_probable_sen_review(**changes: Any) -> dict[str, Any]:
    """A review that concludes probable SEN, with all that section 23 needs."""
    stated = {
        "conclusions": [
            {"kind": "probable-sen-or-disability", "areas": ["communication-and-interaction"]}
        ],
        "sharing": {"opinion": OPINION},
    }
    return a_review(15, **{**stated, **changes})


def a_report(**changes: Any) -> dict[str, Any]:
    """A speech therapy report by RBT, asked for by the child's practice."""
    return _message(
        "speech-therapy-report",
        {"odsCode": "RBT"},
        changes,
        report={
            "identifier": f"SLT-{next(_ids)}",
            "type": "assessment",
            "date": DAY,
            "referrer": {"odsCode": PRACTICE},
            "areas": [{"area": "expressive-language", "severity": "severe"}],
            "history": "Late first words.",
            "adviceForSetting": ["Short sentences, signs."],
        },
    )


def a_notice(**changes: Any) -> dict[str, Any]:
    """A school's notice that SEN support began; the parents were told."""
    child = a_child(upn=UPN, birthDate="2020-09-30", setting={"urn": SCHOOL})
    return _message(
        "sen-support-notice",
        {"urn": SCHOOL},
        {"child": child, **changes},
        notice={
            "start": "2026-11-16",
            "provision": "K",
            "provisionBefore": "N",
            "needs": [{"type": "SLCN", "rank": 1}],
            "parentsTold": {"on": "2026-11-13"},
        },
    )


def a_referral(**changes: Any) -> dict[str, Any]:
    """A health visitor's referral to speech and language therapy."""
    return _message(
        "referral",
        {"odsCode": "RXA"},
        changes,
        referral={
            "identifier": f"R-{next(_ids)}",
            "type": "service",
            "date": DAY,
            "service": {"to": "speech-and-language-therapy", "question": "Therapy now?"},
        },
    )


def an_ehc_request(**changes: Any) -> dict[str, Any]:
    """A school's request for an EHC needs assessment."""
    referral = {
        "identifier": f"E-{next(_ids)}",
        "type": "ehc-needs-assessment",
        "date": DAY,
        "ehc": {"requestedBy": "school", "natureOfNeeds": "Language."},
    }
    return a_referral(**{"source": {"urn": SCHOOL}, "referral": referral, **changes})


def an_early_help_request(**changes: Any) -> dict[str, Any]:
    """A request for early help that a parent agreed to."""
    agreement = {
        "status": "given",
        "capacity": "parental-responsibility",
        "recipients": ["front-door"],
        "purposes": ["early-help"],
    }
    referral = {
        "identifier": f"H-{next(_ids)}",
        "type": "early-help",
        "date": DAY,
        "earlyHelp": {"worry": "No sleep."},
    }
    stated = {"referral": referral, "sharing": {"agreement": agreement}}
    return a_referral(**{**stated, **changes})


def a_safeguarding_referral(**changes: Any) -> dict[str, Any]:
    """Suspected significant harm, after the telephone call."""
    referral = {
        "identifier": f"S-{next(_ids)}",
        "type": "safeguarding",
        "date": DAY,
        "safeguarding": {
            "facts": [{"words": "Bruise on the left cheek.", "firstHand": True}],
            "household": [{"name": "Sam Hoole", "relationship": "mother"}],
            "whereabouts": "At home with her mother.",
        },
    }
    return a_referral(**{"referral": referral, "sharing": {"harm": HARM}, **changes})


def changed(message: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy with one field set (`child.birthDate`), or left out where the value is None."""
    copied: dict[str, Any] = copy.deepcopy(dict(message))
    *parents, last = path.split(".")
    node: Any = copied
    for part in parents:
        node = node[int(part)] if part.isdigit() else node.setdefault(part, {})
    if value is None:
        node.pop(last, None)
    else:
        node[last] = value
    return copied


def body(message: Mapping[str, Any]) -> bytes:
    """Return the bytes of a message."""
    return orjson.dumps(message)


def understood(message: Mapping[str, Any]) -> Parsed:
    """Parse a canonical message as the gateway does."""
    return PARSERS["application/json"](body(message), tables())


@cache
def tables() -> CodeTables:
    """The shipped code tables."""
    return load_tables()


@cache
def directory() -> Directory:
    """The example area's directory."""
    return Directory.load(AREA)


@cache
def default_policy() -> Policy:
    """The shipped policy."""
    return load_policy(roles=directory().roles)


def corpus(name: str) -> Path:
    """Return the path of a published message that is not part of this repository."""
    return Path(__file__).parents[2] / "shared" / "corpus" / name


def _message(
    kind: str, source: dict[str, str], changes: Mapping[str, Any], **body_: Any
) -> dict[str, Any]:
    message = {
        "kind": kind,
        "id": f"message-{next(_ids)}",
        "sent": "2026-11-17T15:20:00+00:00",
        "source": source,
        "professional": HEALTH_VISITOR,
        "child": a_child(),
        **body_,
        **changes,
    }
    return _stated(message)


def _stated(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value is not None}
