"""The shipped policy says what the sharing rules say: bases, routes, holds, and their page."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.policy.model import Basis, Policy
from gateway.policy.page import policy_page
from gateway.policy.views import allowed
from gateway.policy.vocabulary import HOLD_REASONS
from schemas.fields import MODELS
from tests.builders import default_policy, directory
from tests.unit.policy.canaries import paths_of
from tests.unit.policy.deciding import edited, loaded
from tests.unit.policy.test_loader import FINDINGS_ROUTE, routes_with

# Basis, what a refusal does, what parents who disagree do, and whether home must lie in the area.
BASES = """
agreed         stops          holds    anywhere
direct-care    stops          goes-on  anywhere
s23            does-not-stop  goes-on  here
s24-attention  stops          holds    here
s36-request    not-asked      goes-on  here
sen-support    does-not-stop  goes-on  anywhere
ehc-advice     does-not-stop  goes-on  here
early-help     stops          holds    here
s16la          does-not-stop  goes-on  anywhere
harm           not-asked      goes-on  anywhere
"""
# Basis and its three layers: power or duty · why confidence is not broken · UK GDPR.
LAYERS = {
    "agreed": ("The sender's own function", "Agreement", "6(1)(e); 9(2)(h) or (g)"),
    "direct-care": (
        "Health and Social Care Act 2012 s.251B",
        "Implied",
        "6(1)(e); 9(2)(h), DPA 2018 Sch 1 para 2",
    ),
    "s23": (
        "Children and Families Act 2014 s.23",
        "duty",
        "6(1)(c); 9(2)(g), DPA 2018 Sch 1 para 6",
    ),
    "s24-attention": (
        "Children and Families Act 2014 s.24",
        "Agreement",
        "6(1)(e); 9(2)(g), DPA 2018 Sch 1 para 6",
    ),
    "s36-request": (
        "Children and Families Act 2014 s.36",
        "request",
        "6(1)(e); 9(2)(g), DPA 2018 Sch 1 para 6",
    ),
    "sen-support": (
        "Children and Families Act 2014 Part 3",
        "Duty",
        "6(1)(e); 9(2)(g), DPA 2018 Sch 1 para 6",
    ),
    "ehc-advice": (
        "SEND Regulations 2014 reg 6",
        "Duty",
        "6(1)(c); 9(2)(g), DPA 2018 Sch 1 para 6",
    ),
    "early-help": (
        "Children Act 1989 s.17; Children Act 2004 s.10",
        "Agreement",
        "6(1)(e); 9(2)(g)",
    ),
    "s16la": (
        "Children Act 2004 s.16LA",
        "duty",
        "6(1)(c); 9(2)(g), DPA 2018 Sch 1 para 6 or 18",
    ),
    "harm": (
        "Children Act 1989 s.47, common law",
        "Overriding public interest",
        "6(1)(c) or (e); 9(2)(g), DPA 2018 Sch 1 para 18",
    ),
}
# Route, whom it tells, in which agency, on which basis. L and L2 add recipients to the others.
ROUTES = """
A   general-practice         health       direct-care
B   setting                  education    agreed
C   early-years-sen-team     education    s23, else s16la, else s24-attention
D   referral-service         health       direct-care, else agreed
E   health-referrer          health       direct-care
E2  other-referrer           education    agreed
E3  setting                  education    agreed
F   send-casework            education    ehc-advice
G   inclusion-team           education    sen-support
H   send-casework            education    s36-request
I   front-door               social-care  early-help
I2  front-door               social-care  early-help
J   front-door               social-care  harm
K   allocated-social-worker  social-care  s16la
M   voluntary-bodies         None         agreed
"""
WORDS_OF_SPEED = {
    "C": "5 working days",
    "D": "as the clinician says",
    "E": "by telephone",
    "F": "6 weeks",
    "H": "day 0 is when",
    "I": "1 working day",
    "J": "after the call",
}


def rows(table: str) -> list[list[str]]:
    return [line.split(maxsplit=3) for line in table.strip().splitlines()]


def words(basis: Basis) -> list[str]:
    home = "here" if basis.home_in_area == "required" else "anywhere"
    return [basis.refused, basis.disagreement, home]


def test_the_bases_are_those_of_the_sharing_rules() -> None:
    shipped = {name: words(basis) for name, basis in default_policy().bases.items()}
    assert shipped == {name: rest for name, *rest in rows(BASES)}


def test_every_basis_is_on_but_section_16la() -> None:
    """It is off until the area has read sections 16LA(5) to 16LB and the statutory guidance."""
    assert {name for name, basis in default_policy().bases.items() if not basis.on} == {"s16la"}


@pytest.mark.parametrize("name", LAYERS)
def test_a_basis_records_its_three_layers(name: str) -> None:
    basis = default_policy().bases[name]
    power, confidence, gdpr = LAYERS[name]
    assert basis.power.startswith(power)
    assert confidence in basis.confidence
    assert basis.uk_gdpr.startswith(gdpr)
    assert basis.checked


def test_only_harm_precedes_holds_and_only_what_says_so_travels() -> None:
    bases = default_policy().bases
    assert {name for name, basis in bases.items() if basis.precedes_holds} == {"harm"}
    travels = {name: basis.refusal_travels_to for name, basis in bases.items()}
    assert {name: to for name, to in travels.items() if to} == {
        "sen-support": ("education",),
        "s16la": ("social-care",),
    }
    assert [name for name, basis in bases.items() if not basis.needs] == ["harm"]


def test_the_routes_are_those_of_the_sharing_rules() -> None:
    shipped = {
        name: [route.to, str(route.agency), ", else ".join(route.basis)]
        for name, route in default_policy().routes.items()
        if not name.startswith("L")
    }
    assert shipped == {name: rest for name, *rest in rows(ROUTES)}


def test_recipients_are_added_for_a_looked_after_child_to_rows_b_to_i() -> None:
    added = {"L": set(), "L2": set()}
    for name, route in default_policy().routes.items():
        if name.startswith("L"):
            prefix, _, row = name.partition(".")
            added[prefix].add(row)
            assert route.basis == ("s16la",)
            assert route.when["child.lookedAfterByThisAuthority"] is True
    # Not E, which shows history and diagnosis: "others: never".
    assert added["L"] == {"B", "C", "D", "E2", "E3", "F", "G", "H", "I", "I2"}
    assert added["L2"] == {"B", "C", "F", "G", "H"}


def test_speeds_are_those_of_the_sharing_rules() -> None:
    routes = default_policy().routes
    for name, said in WORDS_OF_SPEED.items():
        assert said in (routes[name].speed or "")
    urgent = {name for name, route in routes.items() if route.urgent_when and "L" not in name}
    assert urgent == {"D", "E", "E2", "E3", "J"}


NEVER = """child.formerNames review.actions review.comments review.contacts review.developmentalSkills
    review.educationalHistory review.individualRequirements review.legalFacts review.otherCodes
    review.safetyAlerts referral.notification.socialCareInvolved referral.service.comment
    referral.source"""
"""Free text, risks, legal facts, other professionals, former names: no row says so, harm neither."""
UNDER_HARM_ONLY = """child.lookedAfter child.childProtectionPlan child.note sharing.welfareJudgements
    sharing.restricted sharing.harm sharing.courtOrderKnown sharing.notInformedBecause
    referral.safeguarding"""


@pytest.mark.parametrize("name", default_policy().routes)
def test_these_fields_leave_through_no_view_unless_the_row_says_so(name: str) -> None:
    reach = default_policy().fields(name)
    for never in (NEVER if name == "J" else f"{NEVER} {UNDER_HARM_ONLY}").split():
        assert not [path for path in reach if allowed(path, [never]) or allowed(never, [path])]


@pytest.mark.parametrize("agency", ["education", "social-care"])
def test_no_ceiling_but_that_of_health_lets_a_score_through(agency: str) -> None:
    ceiling = default_policy().agencies[agency].ceiling  # type: ignore[index]
    scores = {path for model in MODELS.values() for path in paths_of(model) if ".asq3." in path}
    assert scores
    assert not [path for path in scores if allowed(path, ceiling)]


def test_no_finding_routes_and_no_standing_judgement_is_shipped() -> None:
    policy = default_policy()
    for name, route in policy.routes.items():
        urgent = route.urgent_when if isinstance(route.urgent_when, dict) else {}
        for path in [*route.when, *urgent]:
            assert not path.startswith(("findings", "review.asq3", "areas")), name
        assert route.standing_judgement is None
    for basis in policy.bases.values():
        assert not [path for path in basis.applies if path.startswith("findings")]


def test_every_reason_to_hold_is_said_with_what_to_do_and_whose_it_is() -> None:
    holds = default_policy().holds
    assert set(holds) == HOLD_REASONS
    for hold in holds.values():
        assert hold.says.endswith(".")
        assert hold.do.endswith(".")
        assert hold.owner


# The page for the data-sharing agreement.


def page(policy: Policy | None = None) -> str:
    return policy_page(policy or default_policy(), directory())


def section(text: str, heading: str) -> str:
    """Return what stands under a heading of the page."""
    begins = text.index(f"### {heading}: ")
    return text[begins : text.find("\n#", begins + 4)]


def test_the_page_names_every_basis_with_its_layers() -> None:
    text = page()
    for name, basis in default_policy().bases.items():
        part = section(text, name)
        for said in (basis.title, basis.power, basis.confidence, basis.uk_gdpr, basis.checked):
            assert said in part
        for need in (*basis.needs, *basis.marks):
            assert need.missing in part
    assert "### s16la: Duty to share information about a child's welfare (switched off)" in text


def test_the_page_names_every_route_with_whom_it_tells_and_what_they_see() -> None:
    text = page()
    for name, route in default_policy().routes.items():
        part = section(text, name)
        assert route.title in part
        assert ", else ".join(route.basis) in part
        for path in (*default_policy().fields(name), *route.never):
            assert path in part


def test_the_page_names_every_hold_every_ceiling_owner_and_review_date() -> None:
    text, policy = page(), default_policy()
    for reason, hold in policy.holds.items():
        assert f"| {reason} | {hold.says} | {hold.do} | {hold.owner} |" in text
    for agency, entry in policy.agencies.items():
        assert f"- {agency}: {', '.join(entry.ceiling)}" in text
    assert policy.owner in text
    assert policy.review_by == date(2027, 3, 31)
    assert "2027-03-31" in text


def test_the_page_says_when_a_route_is_urgent_and_when_it_stays_silent() -> None:
    text = page()
    assert "urgent" in section(text, "D")
    assert "urgent" in section(text, "J")
    assert "silen" in section(text, "A"), "where the practice is not known, nobody is told"


def test_an_owner_and_a_review_date_of_a_basis_or_route_stand_on_the_page() -> None:
    own = "    owner: The Caldicott Guardian of RXA\n    reviewBy: 2026-12-24\n"
    for name, begins in (
        ("agreed", "    title: Agreement of the person\n"),
        ("A", "    title: Review, to the child's general practice\n"),
    ):
        part = section(page(loaded(edited((begins, begins + own)))), name)
        assert "The Caldicott Guardian of RXA" in part
        assert "2026-12-24" in part


def test_a_standing_judgement_stands_on_the_page_with_who_signed_it_and_until_when() -> None:
    part = section(page(loaded(edited(routes_with(FINDINGS_ROUTE)))), "S")
    assert "Dr Anna Lowe, Caldicott Guardian" in part
    assert "2027-03-31" in part


IMPORTANT_LINES = """
# Default sharing policy
Sharing is refused by default: where no basis below applies, nobody is told.
### direct-care: Direct care
| applies where | the sender belongs to health; the receiver belongs to health |
| refused or withdrawn agreement | stops it |
### s23: Duty to notify of probable special educational needs
| applies where | the sender is icb or nhs-trust or nhs-foundation-trust; the receiver is early-years-sen-team; the child is under compulsory school age; `sharing.notInformedBecause` is not stated |
| home | must lie in this area, by the full postcode; else it is held |
### harm: Reasonable cause to suspect significant harm
| needs | nothing more |
### J: Suspected significant harm, to the front door only
| when | the referral is of type safeguarding |
| to | Integrated Access and Referral Team (front door) (social-care) |
| how fast | urgent, after the call |
### M: To a voluntary body that the family named
| channel | none yet: held as `no-channel` |
- A placement address goes to nobody but social care: where `child.lookedAfter` is stated, child.address go to nobody but social-care.
A change of this policy releases nothing: the sender sends the whole message again.
"""  # noqa: E501


@pytest.mark.parametrize("line", [line for line in IMPORTANT_LINES.splitlines() if line])
def test_an_information_governance_officer_recognises_the_rules(line: str) -> None:
    assert line in page()
