"""Deciding is total and deterministic, and what must never be told is told under no message."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import to_json

from gateway.policy.engine import Decision
from schemas.fields import MODELS
from schemas.message import MESSAGE, Kind, Message, is_safeguarding
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
LIMITS = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
SOURCES = [{"odsCode": ods} for ods in ("RXA", "RJN", "QYG", PRACTICE, "8Z901", "8Z911", "XYZ99")]
SOURCES += [{"urn": SCHOOL}, {"urn": SETTING}, {"urn": "199906"}, {"laCode": "896"}]
WORDS = [*RECIPIENTS, "ods:8Z911", f"ods:{PRACTICE}", "la:896", "nobody we know"]
REFERRALS = ("service", "ehc-needs-assessment", "early-help", "safeguarding")
SERVICES = [service.id for service in directory().services()] + ["audiology", "no-such-service"]


@st.composite
def anything(draw: st.DrawFn, kind: Kind) -> Message:
    """Return a message of a kind: any part of it left out, any statement, sender, home in it."""
    referral = draw(st.sampled_from(REFERRALS)) if kind == "referral" else "service"
    document = some_of(canary(kind, referral), MODELS[kind], draw(st.randoms()))
    some = st.lists(st.sampled_from(WORDS), max_size=4, unique=True)
    status = draw(st.sampled_from(["given", "refused", "withdrawn", "not-asked", "not-known"]))
    overlay: dict[str, st.SearchStrategy[Any]] = {
        "source": st.sampled_from(SOURCES),
        "child.generalPractice": st.sampled_from([PRACTICE, "N81995", "A83627"]),
        "child.birthDate": st.sampled_from(["2024-05-14", "2024-05", "2019-01-02"]),
        "child.address.postcode": st.sampled_from(["CH65 9ZZ", "CH4 0ZX", "CW7 1AA"]),
        "child.setting.urn": st.sampled_from([SETTING, SCHOOL, "9999999"]),
        "child.lookedAfter.authority": st.sampled_from(["896", "895"]),
        "sharing.agreement": some.map(lambda words: an_agreement(*words, status=status)),
        "sharing.welfareJudgements": some.map(lambda words: [a_judgement(word) for word in words]),
        "sharing.restricted": st.booleans(),
        "sharing.disagreement": st.booleans(),
    }
    if kind == "referral" and referral == "service":
        overlay["referral.service.to"] = st.sampled_from(SERVICES)
    if kind == "speech-therapy-report":
        overlay["report.referrer"] = st.sampled_from(SOURCES)
    if (kind, referral) != ("referral", "safeguarding"):
        kinds = st.lists(st.sampled_from(CONCLUSIONS), max_size=3, unique=True)
        overlay["conclusions"] = kinds.map(lambda words: [{"kind": word} for word in words])
    for path, values in overlay.items():
        if draw(st.booleans()):
            document = changed(document, path, draw(values))
    try:
        return MESSAGE.validate_json(to_json(document))
    except ValidationError as error:
        # A rule across fields, such as a body that a part left out.
        return assume(not error)  # type: ignore[return-value]


def decisions(message: Message) -> Iterator[Decision]:
    """Decide under the shipped policy, and with section 16LA on."""
    for policy in (default_policy(), with_s16la()):
        yield decided_on(message, policy)


@pytest.mark.parametrize("kind", MODELS)
def test_deciding_is_total_and_deterministic(kind: Kind) -> None:
    @LIMITS
    @given(anything(kind))
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


@pytest.mark.parametrize("kind", MODELS)
def test_no_alert_breaks_what_never_bends(kind: Kind) -> None:
    @LIMITS
    @given(anything(kind))
    def check(message: Message) -> None:
        for decision in decisions(message):
            for alert in decision.alerts:
                seen = {path for path, _ in leaves(alert.fields)}
                scores = {path for path in seen if "asq3" in path or path.startswith("findings")}
                assert not scores or alert.agency == "health", "a score, a band, a computed finding"
                assert alert.agency == alert.service.agency, "a hub reads for its own agency only"
                if message.sharing.restricted or is_safeguarding(message):
                    assert (alert.basis, alert.agency) == ("harm", "social-care")
                if message.sharing.restricted:
                    assert not {path for path in seen if path.startswith("child.address")}
                if message.child.looked_after and alert.agency != "social-care":
                    assert not {path for path in seen if path.startswith("child.address")}
                assert "child.formerNames" not in seen
                if alert.basis == "agreed":
                    agreement = message.sharing.agreement
                    assert agreement
                    assert agreement.status == "given"
                if alert.basis == "s16la":
                    assert message.sharing.welfare_judgements

    check()


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


def silent_reviews() -> Iterator[Message]:
    """Yield reviews that state nothing which routes: scores, and agreement that names nobody."""
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
        for scores in SCORES:
            yield with_scores(message, scores)


def with_scores(message: Any, scores: tuple[int, ...]) -> Message:
    asq3 = message.review.asq3
    each = [one.model_copy(update={"score": s}) for one, s in zip(asq3.scores, scores, strict=True)]
    asq3 = asq3.model_copy(update={"scores": tuple(each)})
    return message.model_copy(update={"review": message.review.model_copy(update={"asq3": asq3})})


def test_of_ten_thousand_reviews_without_a_concern_nobody_outside_health_hears() -> None:
    count, below = 0, 0
    for message in silent_reviews():
        count += 1
        decision = decided_on(message, with_s16la() if count % 2 else default_policy())
        for alert in decision.alerts:
            assert (alert.route, alert.agency) == ("A", "health")
            below += "'concern'" in str(alert.fields["findings"])
        assert {hold.reason for hold in decision.holds} <= {"agreement-stops-it"}
    assert count >= 10_000
    assert below > 1_000, "many of them have a score that would tempt"


def test_a_canary_message_tempts_every_route() -> None:
    """The messages of test_routes fire what these never may; else the tests above prove little."""
    fired = {
        alert.route.partition(".")[0]
        for kind, referral in [
            ("healthy-child-review", "service"),
            ("speech-therapy-report", "service"),
            ("referral", "service"),
            ("referral", "safeguarding"),
        ]
        for alert in decided_on(
            understood(canary(kind, referral)).message,  # type: ignore[arg-type]
            with_s16la(),
        ).alerts
    }
    assert fired >= {"A", "B", "C", "D", "E", "F", "I", "J", "L", "L2"}
