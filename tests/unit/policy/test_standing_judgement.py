"""A standing judgement under section 16LA, where an area signed one: what it serves, and what not."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.policy.model import Policy
from tests.builders import a_child, a_review, changed
from tests.unit.policy.canaries import leaves
from tests.unit.policy.deciding import (
    a_judgement,
    an_agreement,
    area_with,
    decided,
    edited,
    loaded,
    outcome,
    switched,
    the_alert,
)
from tests.unit.policy.test_loader import FINDINGS_ROUTE, routes_with

Document = dict[str, Any]


def signed() -> Policy:
    """The shipped policy with section 16LA on, and a standing judgement for communication."""
    return loaded(switched("s16la", on=True, text=edited(routes_with(FINDINGS_ROUTE))))


def below(**changes: Any) -> Document:
    """A review with a communication score below the cut-off, and no conclusion."""
    return a_review(communication=15, **changes)


def test_it_serves_its_class_of_findings() -> None:
    alert = the_alert(decided(below(), signed()), "S")
    assert (alert.basis, alert.service.id) == ("s16la", "cwac-early-years-sen-team")


def test_the_score_itself_does_not_leave() -> None:
    alert = the_alert(decided(below(), signed()), "S")
    assert not [path for path, _ in leaves(alert.fields) if "asq3" in path or "finding" in path]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(a_review(communication=33.3), id="at the cut-off"),
        pytest.param(below(child=a_child(birthDate="2022-01-14")), id="a form that does not fit"),
        pytest.param(
            changed(below(), "review.hearing", {"status": "concern"}) | {"child": a_child(birthDate=None)},
            id="a concern that is a professional's",
        ),
    ],
)  # fmt: skip
def test_it_serves_no_other(message: Document) -> None:
    assert outcome(decided(message, signed()), "S") == "-"


@pytest.mark.parametrize("status", ["refused", "withdrawn"])
@pytest.mark.parametrize("recipients", [(), ("early-years-sen-team",)])
def test_it_never_serves_over_a_refusal(status: str, recipients: tuple[str, ...]) -> None:
    sharing = {"agreement": an_agreement(*recipients, status=status)}
    assert outcome(decided(below(sharing=sharing), signed()), "S") == "-"


@pytest.mark.parametrize(
    ("sent", "serves"), [("2027-03-31T12:00:00+00:00", True), ("2027-04-01T12:00:00+00:00", False)]
)
def test_it_serves_until_the_day_of_its_review(sent: str, serves: bool) -> None:
    assert (outcome(decided(below(sent=sent), signed()), "S") == "alert") is serves


def test_it_does_not_serve_before_it_was_signed() -> None:
    later = FINDINGS_ROUTE.replace("on: 2026-10-01", "on: 2026-11-18")
    policy = loaded(switched("s16la", on=True, text=edited(routes_with(later))))
    assert outcome(decided(below(), policy), "S") == "-"


def test_it_does_not_serve_while_section_16la_is_off() -> None:
    off = loaded(edited(routes_with(FINDINGS_ROUTE)))
    assert outcome(decided(below(), off), "S") == "-"


def test_it_serves_between_persons_of_section_16la_only() -> None:
    assert outcome(decided(below(source={"odsCode": "8Z901"}), signed()), "S") == "-"
    council = area_with(("directory.yaml", "    s16la: [a]\n", "    s16la: none\n"))
    assert outcome(decided(below(), signed(), council), "S") == "-"


def test_a_judgement_about_this_child_comes_before_it() -> None:
    detrimental = a_judgement("early-years-sen-team", moreDetrimental=True)
    message = below(sharing={"welfareJudgements": [detrimental]})
    assert outcome(decided(message, signed()), "S") == "condition-missing"


def test_it_does_not_serve_for_a_restricted_child() -> None:
    assert outcome(decided(below(sharing={"restricted": True}), signed()), "S") == "restricted"
