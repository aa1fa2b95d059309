"""The policy file is read strictly: every fault with its line and what would be right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.policy.loader import DEFAULT, PolicyFaults, load_policy
from tests.builders import directory
from tests.unit.policy.deciding import edited

SHIPPED = DEFAULT.read_text(encoding="utf-8")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "area.yaml"


def faults(file: Path, *edits: tuple[str, str]) -> list[str]:
    """Return the faults of the shipped policy with these edits made."""
    file.write_text(edited(*edits), encoding="utf-8")
    with pytest.raises(PolicyFaults) as caught:
        load_policy(file, directory().roles)
    assert str(caught.value) == "\n".join(map(str, caught.value.faults))
    return [str(fault) for fault in caught.value.faults]


def line_of(text: str, words: str) -> int:
    """Return the line where `words` first stand."""
    return text[: text.index(words)].count("\n") + 1


def test_the_shipped_policy_is_in_order() -> None:
    assert load_policy(roles=directory().roles).routes
    assert load_policy().routes, "without a directory too"


# One fault at a time: the edit, where the fault is (by words of the edited file), what it says.
FAULTS: dict[str, tuple[tuple[str, str], str, tuple[str, ...]]] = {
    "a wrong key of the file": (
        ("\nguards:", "\nguard:"),
        "guard:",
        ("unknown key `guard`", "did you mean `guards`?"),
    ),
    "a wrong key of a basis": (
        ("    refused: stops\n", "    refuse: stops\n"),
        "refuse: stops",
        ("unknown key `refuse`", "did you mean `refused`?"),
    ),
    "a wrong key of a route": (
        ("recipientUnknown: silence", "recipientUnkown: silence"),
        "recipientUnkown",
        ("unknown key `recipientUnkown`", "did you mean `recipientUnknown`?"),
    ),
    "a wrong key of a need": (
        ("at: sharing.agreement.purposes,", "att: sharing.agreement.purposes,"),
        "- {fact: agreement.coversPurpose, is: true, att:",
        ("unknown key `att`", "did you mean `at`?"),
    ),
    "a missing key": (
        ("    purpose: treatment\n", ""),
        "  A:",
        ("`purpose` is missing",),
    ),
    "an unknown fact": (
        ("sender.agency: health", "sender.agancy: health"),
        "sender.agancy",
        ("`sender.agancy` is neither a fact nor a field", "did you mean `sender.agency`?"),
    ),
    "an unknown field of a condition": (
        ("review.outcome: was-not-brought", "review.outcom: was-not-brought"),
        "review.outcom: was",
        ("review has no property `outcom`", "did you mean `outcome`?"),
    ),
    "an unknown field of a need": (
        ("{fact: sharing.opinion.words,", "{fact: sharing.opinion.word,"),
        "{fact: sharing.opinion.word,",
        ("has no property `word`", "did you mean `words`?"),
    ),
    "an unknown field that a need points to": (
        ("at: child.generalPractice", "at: child.generalPractise"),
        "- {fact: recipient.treatsChild",
        ("did you mean `generalPractice`?",),
    ),
    "an unknown field of a view": (
        ("fields: [child.givenNames, child.familyName, child.birthDate, child.sex,",
         "fields: [child.givenName, child.familyName, child.birthDate, child.sex,"),
        "fields: [child.givenName,",
        ("child has no property `givenName`", "did you mean `givenNames`?"),
    ),
    "an unknown field of a ceiling": (
        ("ceiling: [child, sharing.safeContact, sharing.agreement.status",
         "ceiling: [child, sharing.safeContacts, sharing.agreement.status"),
        "ceiling: [child, sharing.safeContacts",
        ("did you mean `safeContact`?",),
    ),
    "an unknown field of a guard": (
        ("cut: [child.address]", "cut: [child.adress]"),
        "cut: [child.adress]",
        ("did you mean `address`?",),
    ),
    "an unknown view of a route": (
        ("    view: general-practice\n", "    view: general-practise\n"),
        "view: general-practise",
        ("no view `general-practise`", "did you mean `general-practice`?"),
    ),
    "an unknown view that a view uses": (
        ("    uses: [ids]\n", "    uses: [id]\n"),
        "uses: [id]",
        ("no view `id`", "did you mean `ids`?"),
    ),
    "an unknown basis": (
        ("    basis: direct-care\n", "    basis: direct-car\n"),
        "basis: direct-car\n",
        ("no basis `direct-car`", "did you mean `direct-care`?"),
    ),
    "an unknown basis after else": (
        ("s23, else s16la, else s24-attention", "s23, else s16l, else s24-attention"),
        "basis: s23, else s16l",
        ("no basis `s16l`", "did you mean `s16la`?"),
    ),
    "an unknown role": (
        ("    to: inclusion-team\n", "    to: inclusion-teem\n"),
        "to: inclusion-teem",
        ("the directory has no role `inclusion-teem`", "did you mean `inclusion-team`?"),
    ),
    "an unknown role of a basis": (
        ("recipient.role: [front-door]", "recipient.role: [front-dor]"),
        "recipient.role: [front-dor]",
        ("`recipient.role` is never `front-dor`", "did you mean `front-door`?"),
    ),
    "an unknown route that another adds to": (
        ("addsTo: [B, C, F, G, H]", "addsTo: [B, C, F, G, HH]"),
        "addsTo: [B, C, F, G, HH]",
        ("no route `HH`",),
    ),
    "a route that adds to one that adds": (
        ("addsTo: [B, C, F, G, H]", "addsTo: [B, C, F, G, L]"),
        "addsTo: [B, C, F, G, L]",
        ("`L`",),
    ),
    "an unknown agency": (
        ("    agency: health\n    recipientUnknown: silence\n    basis: direct-care\n    purpose",
         "    agency: healthh\n    recipientUnknown: silence\n    basis: direct-care\n    purpose"),
        "agency: healthh",
        ("'education', 'health' or 'social-care'",),
    ),
    "a word that a field can never be": (
        ("review.outcome: was-not-brought", "review.outcome: was-not-bought"),
        "review.outcome: was-not-bought",
        ("`review.outcome` is never `was-not-bought`", "did you mean `was-not-brought`?"),
    ),
    "a kind that there is none of": (
        ("kind: [healthy-child-review, speech-therapy-report]",
         "kind: [healthy-child-review, speech-report]"),
        "kind: [healthy-child-review, speech-report]",
        ("`kind` is never `speech-report`", "speech-therapy-report"),
    ),
    "a type of sender that there is none of": (
        ("sender.type: [icb, nhs-trust", "sender.type: [ics, nhs-trust"),
        "sender.type: [ics",
        ("`sender.type` is never `ics`", "did you mean `icb`?"),
    ),
    "a word that is ruled out and could never be": (
        ("{not: [icb, nhs-trust, nhs-foundation-trust]}", "{not: [icb, nhs-trust, nhs-foundation]}"),
        "sender.type: {not: [icb",
        ("`sender.type` is never `nhs-foundation`",),
    ),
    "a wrong word for `not`": (
        ("{not: [icb, nhs-trust, nhs-foundation-trust]}", "{nott: [icb, nhs-trust]}"),
        "sender.type: {nott:",
        ("nott",),
    ),
    "a purpose that agreement never has": (
        ("    purpose: support-in-setting\n", "    purpose: support-in-settings\n"),
        "purpose: support-in-settings",
        ("did you mean `support-in-setting`?",),
    ),
    "yes where true is meant, of a field": (
        ("when: {sharing.restricted: true}", "when: {sharing.restricted: yes}"),
        "when: {sharing.restricted: yes}",
        ("true",),
    ),
    "yes where true is meant, of a fact": (
        ("      recipient.s16la: true\n", "      recipient.s16la: yes\n"),
        "recipient.s16la: yes",
        ("true",),
    ),
    "no where false is meant, of a need": (
        ("{fact: judgement.moreDetrimental, is: false,", "{fact: judgement.moreDetrimental, is: no,"),
        "- {fact: judgement.moreDetrimental",
        ("false",),
    ),
    "a level that no finding has": (
        ("urgentWhen: {referral.service.urgency: urgent}", "urgentWhen: {findings.level: concerned}"),
        "urgentWhen: {findings.level",
        ("finding",),
    ),
    "a view beyond what the agency may see": (
        ("    fields: [{child.responsiblePeople: first}, child.upn,",
         "    fields: [{child.responsiblePeople: first}, child.upn, child.formerNames,"),
        "view: inclusion",
        ("`child.formerNames`", "beyond what education may see", "narrow the view"),
    ),
    "a view with more of a field than the agency may see": (
        ("    fields: [{child.responsiblePeople: first}, child.upn,",
         "    fields: [{child.responsiblePeople: first}, child.upn, sharing.agreement,"),
        "view: inclusion",
        ("`sharing.agreement`", "beyond what education may see"),
    ),
    "findings for one that is not of health": (
        ("              alreadyNotified]\n", "              findings, alreadyNotified]\n"),
        "findings, alreadyNotified]",
        ("a computed finding is seen by health services only",),
    ),
    "scores for one that is not of health": (
        ("review.offered, review.nextStep, review.outcome, report,",
         "review.offered, review.nextStep, review.outcome, review.asq3, report,"),
        "review.outcome, review.asq3, report,",
        ("`review.asq3`", "health services only"),
    ),
    "a view that reaches what a route is never to show": (
        ("never: [child.nhsNumber, child.address, review.asq3, review.asqSe2, findings]",
         "never: [child.nhsNumber, child.address, review.strengths]"),
        "never: [child.nhsNumber, child.address, review.strengths]",
        ("`review.strengths`, which is never to go",),
    ),
    "a view that reaches a part of what a route is never to show": (
        ("never: [report.history, report.findings]", "never: [report]"),
        "never: [report]\n",
        ("never to go",),
    ),
    "a view that reaches more than what a route is never to show": (
        ("    view: general-practice\n",
         "    view: general-practice\n    never: [review.asq3.scores.score]\n"),
        "never: [review.asq3.scores.score]",
        ("`review.asq3`, which is never to go",),
    ),
    "a branch of which those who are added are never to see a part": (
        ("    never: [child.address]\n", "    never: [child.address, report.history]\n"),
        "never: [child.address, report.history]",
        ("`report`",),
    ),
    "an unknown field that is never to go": (
        ("never: [conclusions, areas, findings]", "never: [conclusion, areas, findings]"),
        "never: [conclusion, areas",
        ("did you mean `conclusions`?",),
    ),
    "a precision of what has none": (
        ("fields: [child.givenNames, child.familyName, child.birthDate, child.sex, child.address,",
         "fields: [child.givenNames, child.familyName, child.sex, {child.address: outward},"),
        "child.sex, {child.address: outward}",
        ("child.address",),
    ),
    "a precision of another kind of field": (
        ("fields: [child.givenNames, child.familyName, child.birthDate, child.sex, child.address,",
         "fields: [child.givenNames, {child.birthDate: outward}, child.sex, child.address,"),
        "{child.birthDate: outward}",
        ("child.birthDate",),
    ),
    "a precision that there is none of": (
        ("{findings: computed}", "{findings: computing}"),
        "{findings: computing}",
        ("computed",),
    ),
    "a view that uses itself": (
        ("  voluntary-body:\n", "  voluntary-body:\n    uses: [voluntary-body]\n"),
        "uses: [voluntary-body]",
        ("voluntary-body",),
    ),
    "a route to nobody's hub that has a channel": (
        ("    channel: none           # waits as `no-channel` until there are subscriptions\n", ""),
        "  M:",
        ("agency",),
    ),
    "a route without a view": (
        ("    view: general-practice\n", ""),
        "  A:",
        ("needs either a `view` or `addsTo`",),
    ),
    "a hold without words": (
        ("\n  no-channel:\n", "\n  no-channels:\n"),
        "holds:\n",
        ("the reason `no-channel` has no words",),
    ),
    "a basis that is there twice": (
        ("\n  direct-care:\n", "\n  agreed:\n"),
        "  agreed:\n    title: Direct care",
        ("duplicate key",),
    ),
    "no YAML": (
        ("bases:\n", "bases: [\n"),
        "bases: [",
        ("is not YAML",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_is_named_with_its_line_and_what_would_be_right(what: str, file: Path) -> None:
    edit, place, words = FAULTS[what]
    found = faults(file, edit)
    line = line_of(file.read_text(encoding="utf-8"), place)
    says = [fault for fault in found if all(word in fault for word in words)]
    assert says, found
    if what != "no YAML":  # where a bracket is not closed is found out further on
        assert {int(fault.split(":")[1]) for fault in says} <= {line, line + 1, line + 2}
    assert all(fault.startswith("area.yaml:") for fault in found)


def test_an_agency_without_a_ceiling_is_named(file: Path) -> None:
    start, end = (
        SHIPPED.index("\n  social-care:\n    ceiling"),
        SHIPPED.index("\n# Named allow-lists"),
    )
    found = faults(file, (SHIPPED[start:end], ""))
    assert any("social-care" in fault for fault in found)


# Findings never route.

FINDINGS_ROUTE = """
  S:
    title: Communication below the cut-off, to the early years SEN team
    when: {kind: healthy-child-review, findings.level: concern}
    to: early-years-sen-team
    agency: education
    basis: s16la
    purpose: special-educational-needs
    view: setting
    standingJudgement:
      signedBy: Dr Anna Lowe, Caldicott Guardian
      on: 2026-10-01
      reviewBy: 2027-03-31
"""
UNSIGNED = FINDINGS_ROUTE[: FINDINGS_ROUTE.index("    standingJudgement")]


def routes_with(route: str) -> tuple[str, str]:
    return ("\nroutes:\n", f"\nroutes:{route}")


def test_a_standing_judgement_that_was_signed_may_serve_a_class_of_findings(file: Path) -> None:
    file.write_text(edited(routes_with(FINDINGS_ROUTE)), encoding="utf-8")
    route = load_policy(file, directory().roles).routes["S"]
    assert route.standing_judgement
    assert route.standing_judgement.signed_by == "Dr Anna Lowe, Caldicott Guardian"


def variants() -> Iterator[object]:
    for name, route, words in (
        ("none was signed", UNSIGNED, "standingJudgement"),
        ("another basis", FINDINGS_ROUTE.replace("basis: s16la", "basis: agreed"), "`s16la`"),
        (
            "another basis after it",
            FINDINGS_ROUTE.replace("basis: s16la", "basis: s16la, else agreed"),
            "`s16la`",
        ),
        (
            "to social care",
            FINDINGS_ROUTE.replace("early-years-sen-team", "front-door").replace(
                "agency: education", "agency: social-care"
            ),
            "a standing judgement never serves social care",
        ),
        (
            "to social care, without findings",
            FINDINGS_ROUTE.replace("early-years-sen-team", "front-door")
            .replace("agency: education", "agency: social-care")
            .replace(", findings.level: concern", ""),
            "a standing judgement never serves social care",
        ),
        (
            "another basis, without findings",
            FINDINGS_ROUTE.replace("basis: s16la", "basis: agreed").replace(
                ", findings.level: concern", ""
            ),
            "`s16la`",
        ),
        (
            "a single finding",
            UNSIGNED.replace("findings.level: concern", "findings.about: communication"),
            "standingJudgement",
        ),
        (
            "a score",
            UNSIGNED.replace("findings.level: concern", "review.asq3.scores.score: 15"),
            "never routes",
        ),
        (
            "that there is a score",
            UNSIGNED.replace("findings.level: concern", "review.asq3: stated"),
            "never routes",
        ),
        (
            "a level that there is none of",
            FINDINGS_ROUTE.replace("findings.level: concern", "findings.level: concerned"),
            "`findings.level` is never `concerned`",
        ),
    ):
        yield pytest.param(route, words, id=name)


@pytest.mark.parametrize(("route", "words"), list(variants()))
def test_a_route_on_findings_is_refused_without_a_standing_judgement_under_section_16la(
    route: str, words: str, file: Path
) -> None:
    found = faults(file, routes_with(route))
    place = line_of(file.read_text(encoding="utf-8"), "  S:")
    assert [fault for fault in found if words in fault], found
    assert all(place <= int(fault.split(":")[1]) <= place + 12 for fault in found)


def test_a_finding_makes_no_basis_apply_and_no_alert_urgent(file: Path) -> None:
    """By the back door: what routes is what a basis or an urgency hangs on, too."""
    for edit in (
        (
            "    applies:\n      sender.agency: health",
            "    applies:\n      findings.level: concern",
        ),
        (
            "- {fact: recipient.treatsChild, is: true,",
            "- {fact: findings.level, is: concern,",
        ),
        ("urgentWhen: {referral.service.urgency: urgent}", "urgentWhen: {findings.level: concern}"),
    ):
        assert [fault for fault in faults(file, edit) if "finding" in fault]


def test_nobody_is_added_to_a_route_on_findings_without_a_judgement(file: Path) -> None:
    found = faults(
        file, routes_with(FINDINGS_ROUTE), ("addsTo: [B, C, F, G, H]", "addsTo: [B, C, F, G, H, S]")
    )
    assert [fault for fault in found if "addsTo" in fault or "`S`" in fault]


# All at once.


def test_all_faults_of_keys_and_shapes_are_named_at_once(file: Path) -> None:
    edits = [
        FAULTS[what][0]
        for what in (
            "a wrong key of the file",
            "a wrong key of a basis",
            "a wrong key of a route",
            "a missing key",
            "a precision that there is none of",
        )
    ]
    found = faults(file, *edits)
    for words in ("`guard`", "`refuse`", "`recipientUnkown`", "`purpose`", "computed"):
        assert [fault for fault in found if words in fault], words


def test_all_faults_of_words_are_named_at_once(file: Path) -> None:
    names = [
        "an unknown fact",
        "an unknown field of a need",
        "an unknown field of a view",
        "an unknown field of a ceiling",
        "an unknown view of a route",
        "an unknown view that a view uses",
        "an unknown basis after else",
        "an unknown role",
        "a word that a field can never be",
        "a hold without words",
    ]
    found = faults(file, *(FAULTS[name][0] for name in names))
    for name in names:
        words = FAULTS[name][2]
        assert [fault for fault in found if all(word in fault for word in words)], name


# A file that is no policy at all.


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ""),
        (b"- a list\n", ""),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"title: \x01\n", "not YAML"),
        (b"title: [\n", "not YAML"),
        (b"title: *nobody\n", "not YAML"),
    ],
)
def test_a_file_that_is_no_policy_is_named_and_nothing_else_happens(
    content: bytes, words: str, file: Path
) -> None:
    file.write_bytes(content)
    with pytest.raises(PolicyFaults) as caught:
        load_policy(file, directory().roles)
    assert all(str(fault).startswith("area.yaml:") for fault in caught.value.faults)
    assert [fault for fault in caught.value.faults if words in str(fault)]


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(PolicyFaults, match=r"area\.yaml:1: cannot be read in .*: No such file"):
        load_policy(file)
