"""Deciding is total and deterministic, and what must never be told is told under no message."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import to_json

from gateway.policy.engine import Outgoing
from schemas.fields import MODELS
from schemas.message import MESSAGE, Kind, Message, is_safeguarding
from schemas.rules import BODIES
from tests.builders import (
    PRACTICE,
    SCHOOL,
    SETTING,
    a_child,
    a_review,
    changed,
    default_policy,
    directory,
    understood,
)
from tests.unit.policy.canaries import CONCLUSIONS, RECIPIENTS, canary, leaves, some_of
from tests.unit.policy.deciding import a_judgement, an_agreement, decided_on, with_s16la

Document = dict[str, Any]
SOURCES = [{"odsCode": ods} for ods in ("RXA", "RJN", "QYG", PRACTICE, "8Z901", "8Z911", "XYZ99")]
SOURCES += [{"urn": SCHOOL}, {"urn": SETTING}, {"urn": "199906"}, {"laCode": "896"}]
WORDS = [*RECIPIENTS, "ods:8Z911", f"ods:{PRACTICE}", "la:896", "nobody we know"]
REFERRALS = tuple(BODIES)
KINDS: list[tuple[Kind, str]] = [(kind, "service") for kind in MODELS]
KINDS += [("referral", referral) for referral in REFERRALS[1:]]
CANARIES = {pair: canary(*pair) for pair in KINDS}
SERVICES = [service.id for service in directory().services()] + ["audiology", "no-such-service"]


def anything(seed: int) -> Message | None:
    """Return any message: any part left out, any word, any statement, sender, home, recipient.

    None where the parts that were drawn cannot stand together.
    """
    random = Random(seed)
    kind, referral = random.choice(KINDS)
    document = some_of(CANARIES[kind, referral], MODELS[kind], random)
    words = random.sample(WORDS, random.randint(0, 4))
    status = random.choice(["given", "refused", "withdrawn", "not-asked", "not-known"])
    concluded = [*CONCLUSIONS, "significant-harm"] if referral == "safeguarding" else CONCLUSIONS
    overlay: dict[str, list[Any]] = {
        "source": SOURCES,
        "child.generalPractice": [PRACTICE, "N81995", "A83627"],
        "child.birthDate": ["2024-05-14", "2024-05", "2019-01-02"],
        "child.address.postcode": ["CH65 9ZZ", "CH4 0ZX", "CW7 1AA"],
        "child.setting.urn": [SETTING, SCHOOL, "9999999"],
        "child.lookedAfter.authority": ["896", "895"],
        "sharing.agreement": [an_agreement(*words, status=status)],
        "sharing.welfareJudgements": [[a_judgement(word) for word in words]],
        "sharing.restricted": [True, False],
        "sharing.disagreement": [True, False],
        "conclusions": [
            [{"kind": word} for word in random.sample(concluded, random.randint(0, 3))]
        ],
    }
    if referral == "service" and kind == "referral":
        overlay["referral.service.to"] = SERVICES
    if kind == "speech-therapy-report":
        overlay["report.referrer"] = [*SOURCES, *[{"urn": SCHOOL}] * 8]
    for path, values in overlay.items():
        if random.random() < 0.2:
            document = changed(document, path, random.choice(values))
    try:
        return MESSAGE.validate_json(to_json(document))
    except ValidationError:
        return None


def test_deciding_is_total_and_deterministic() -> None:
    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(st.integers(0, 2**32).map(anything).filter(lambda message: message is not None))
    def check(message: Message) -> None:
        for policy in (default_policy(), with_s16la()):
            decision = decided_on(message, policy)
            assert decision == decided_on(message, policy)
            assert {hold.reason for hold in decision.holds} <= set(policy.holds)
            assert decision.forgets == (not decision.alerts and not decision.holds)
            for alert in decision.alerts:
                assert to_json(alert.fields)
                assert alert.basis in policy.routes[alert.route].basis
                assert policy.bases[alert.basis].on

    check()


@cache
def alerts() -> list[tuple[Message, Outgoing]]:
    """Every alert of some hundreds of such messages, with section 16LA on and off."""
    messages = [message for seed in range(1000) if (message := anything(seed))]
    return [
        (message, alert)
        for message in messages
        for policy in (default_policy(), with_s16la())
        for alert in decided_on(message, policy).alerts
    ]


def test_such_messages_fire_every_route_that_has_a_channel() -> None:
    """Else what is said of their alerts below would prove little."""
    fired = {alert.route for _, alert in alerts()}
    assert fired >= set(with_s16la().routes) - {"M"}


def seen(alert: Outgoing) -> set[str]:
    return {path for path, _ in leaves(alert.fields)}


def shows(alert: Outgoing, *paths: str) -> bool:
    return any(path.startswith(paths) for path in seen(alert))


def names_somebody(message: Message) -> bool:
    agreement = message.sharing.agreement
    return bool(agreement and agreement.status == "given" and agreement.recipients)


# What must hold of every alert, whatever the message.
RULES: dict[str, Callable[[Message, Outgoing], bool]] = {
    "a score, a band, a computed finding stays in health": lambda message, alert: (
        alert.agency == "health"
        or not any("asq3" in path or path.startswith("findings") for path in seen(alert))
    ),
    "a hub reads for the services of its own agency": lambda message, alert: (
        alert.agency == alert.service.agency
    ),
    "harm is told to the front door only": lambda message, alert: (
        not is_safeguarding(message) or (alert.basis, alert.service.role) == ("harm", "front-door")
    ),
    "of a restricted record only harm is published": lambda message, alert: (
        not message.sharing.restricted or alert.basis == "harm"
    ),
    "a restricted address stays where it is": lambda message, alert: (
        not message.sharing.restricted or not shows(alert, "child.address", "child.setting")
    ),
    "a placement address is social care's": lambda message, alert: (
        message.child.looked_after is None
        or alert.agency == "social-care"
        or not shows(alert, "child.address")
    ),
    "former names, notes and looked-after status never leave": lambda message, alert: (
        not shows(alert, "child.formerNames", "child.note", "child.lookedAfter")
    ),
    "agreement that names nobody carries nothing": lambda message, alert: (
        alert.basis not in ("agreed", "early-help", "s24-attention") or names_somebody(message)
    ),
    "section 16LA carries nothing without a judgement": lambda message, alert: (
        alert.basis != "s16la" or bool(message.sharing.welfare_judgements)
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_no_alert_breaks_a_rule_that_never_bends(rule: str) -> None:
    broken = {alert.route for message, alert in alerts() if not RULES[rule](message, alert)}
    assert broken == set()


# Ten thousand reviews of which nobody outside health must hear.

SCORES = list(itertools.product((15, 55), repeat=5))
"""Every pattern of a score below or above the cut-off, by domain."""
MONTHS = (24, 27, 30, 33)
BORN = {24: "2024-11-17", 27: "2024-08-17", 30: "2024-05-14", 33: "2024-02-14"}
PURPOSES = ("support-in-setting", "special-educational-needs", "early-help", "other-support")
AREA = "communication-and-interaction"
STATUSES = (None, "given", "refused", "withdrawn", "not-asked", "not-known")
CONCLUDED = (None, "none", "watch-and-recheck", "support-within-service")
CHILDREN: tuple[Document, ...] = (
    {},
    {
        "lookedAfter": {"authority": "896"},
        "allocatedSocialWorker": {"name": "Priya Nair"},
        "childProtectionPlan": True,
    },
    {"generalPractice": None, "firstLanguage": "pl", "expectedBirthDate": "2024-07-14"},
    {"address": {"postcode": "CH4 0ZX"}, "setting": {"urn": SCHOOL}},
)


def silent_reviews(step: int) -> Iterator[Message]:
    """Yield reviews that state nothing which routes: scores, and agreement that names nobody.

    Of each case every `step`th pattern of scores, and in the end all of them.
    """
    cases = itertools.product(MONTHS, STATUSES, CONCLUDED, CHILDREN)
    for number, (months, status, concluded, child) in enumerate(cases):
        review = {
            **a_review()["review"],
            "outcome": "was-not-brought" if number % 7 == 0 else "completed",
        }
        message = understood(
            a_review(
                child=a_child(birthDate=BORN[months], **child),
                review=changed(review, "asq3.questionnaireMonths", months),
                sharing=status and {"agreement": {"status": status, "purposes": list(PURPOSES)}},
                conclusions=concluded and [{"kind": concluded, "areas": [AREA]}],
            )
        ).message
        for scores in SCORES[number % step :: step]:
            yield with_scores(message, scores)


def with_scores(message: Any, scores: tuple[int, ...]) -> Message:
    asq3 = message.review.asq3
    each = [one.model_copy(update={"score": s}) for one, s in zip(asq3.scores, scores, strict=True)]
    asq3 = asq3.model_copy(update={"scores": tuple(each)})
    return message.model_copy(update={"review": message.review.model_copy(update={"asq3": asq3})})


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.long)])
def test_of_ten_thousand_reviews_without_a_concern_nobody_outside_health_hears(step: int) -> None:
    count, below = 0, 0
    for message in silent_reviews(step):
        count += 1
        decision = decided_on(message, with_s16la() if count % 2 else default_policy())
        for alert in decision.alerts:
            assert (alert.route, alert.agency) == ("A", "health")
            below += "'concern'" in str(alert.fields["findings"])
        assert {hold.reason for hold in decision.holds} <= {"agreement-stops-it"}
    assert count >= 10_000 // step
    assert below > 1_000 // step, "many of them have a score that would tempt"
