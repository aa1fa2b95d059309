"""R4: one kind of message in several shapes, told apart by the resource that the focus leads to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from adapters.inbound.fhir.narrative import plain_text
from adapters.inbound.fhir.r4 import PROFILE
from gateway.assessment import assess
from tests.conformance import conforms
from tests.unit.adapters.fhir_reading import (
    BASE,
    SNOMED,
    TABLES,
    example,
    extension,
    faults,
    place,
    read,
    resource,
)

HEADINGS = "https://fhir.hl7.org.uk/CodeSystem/UKCore-RecordStandardHeadings"
XHTML = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'
Change = Callable[[Any], Any]


def focus(bundle: Any) -> Any:
    """Return the resource to which a message's focus leads."""
    address = bundle["entry"][0]["resource"]["focus"][0]["reference"]
    return next(one["resource"] for one in bundle["entry"] if one["fullUrl"] == address)


def section(bundle: Any, code: str) -> Any:
    """Return a section of the document by its code."""
    sections = resource(bundle, "Composition")["section"]
    return next(one for one in sections if one["code"]["coding"][0]["code"] == code)


def add_section(bundle: Any, system: str, code: str, words: str, **more: Any) -> str:
    """Put a section with a narrative into the document, and return its FHIRPath."""
    sections = resource(bundle, "Composition")["section"]
    coding = {"coding": [{"system": system, "code": code}]}
    text = {"status": "additional", "div": XHTML.format(f"<p>{words}</p>")}
    sections.append({"title": "More", "code": coding, "text": text} | more)
    return f"{place(bundle, 'Composition')}.section[{len(sections) - 1}]"


def facts(bundle: Any) -> Any:
    """Return what a message says, without what every message has of its own."""
    document = read(bundle).message.document()
    return {name: value for name, value in document.items() if name not in ("id", "sent")}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            "r4/report.json",
            "r4/report-composition.json",
            id="Composition",
            marks=conforms("UK Core R4", "speech-therapy-report", "taken"),
        ),
        pytest.param(
            "r4/notice.json",
            "r4/notice-condition.json",
            id="Condition",
            marks=conforms("UK Core R4", "sen-support-notice", "taken"),
        ),
        pytest.param("r4/notice.json", "r4/notice-flag.json", id="Flag"),
    ],
)
def test_the_same_facts_in_another_shape_are_the_same_message(one: str, other: str) -> None:
    assert facts(example(other)) == facts(example(one))
    assert read(example(other)).notes == ()


@conforms("UK Core R4", "healthy-child-review", "taken")
def test_a_review_by_questionnaire_says_and_finds_what_one_by_observations_does() -> None:
    one, other = example("r4/review.json"), example("r4/review-questionnaire.json")
    said = [facts(bundle) for bundle in (one, other)]
    items = [
        [score.get("items") for score in each["review"].pop("asq3")["scores"]] for each in said
    ]
    assert said[0] == said[1]
    assert items[0] == [None] * 5
    assert items[1][0] == [*["sometimes"] * 5, "not-yet"]
    found = [assess(read(bundle).message, TABLES).findings for bundle in (one, other)]
    assert [[(f.about, f.level, f.score, f.cut_off) for f in each] for each in found[:1]] == [
        [(f.about, f.level, f.score, f.cut_off) for f in each] for each in found[1:]
    ]


def test_a_questionnaire_may_stand_beside_the_encounter_or_alone() -> None:
    bundle = example("r4/review-questionnaire.json")
    expected = facts(bundle)
    encounter = next(
        one["fullUrl"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Encounter"
    )
    bundle["entry"][0]["resource"]["focus"] = [{"reference": encounter}]
    assert facts(bundle) == expected

    alone = example("r4/review-questionnaire.json")
    response = focus(alone)
    del response["encounter"]
    response["item"].append(
        {"linkId": "type", "answer": [{"valueCoding": {"code": "two-year-review"}}]}
    )
    review = read(alone).message.review
    assert (review.type, review.outcome, review.date.isoformat()) == (
        "two-year-review",
        "completed",
        "2026-11-18",
    )


def test_an_item_that_was_left_out_keeps_its_place() -> None:
    bundle = example("r4/review-questionnaire.json")
    group = focus(bundle)["item"][0]["item"][5]
    places = group["item"][2]["item"]
    places.reverse()
    places[:] = [one for one in places if one["linkId"] not in ("2", "6")]
    for element, answer in (("valueString", "yes"), ("valueCoding", {"code": "sometimes"})):
        places[0]["answer"] = [{element: answer}]  # the fifth
        score = read(bundle).message.review.asq3.scores[0]
        fifth = answer if element == "valueString" else "sometimes"
        assert score.items == ("sometimes", None, "sometimes", "sometimes", fifth, None)


def test_a_referral_may_carry_the_answers_to_items_too() -> None:
    bundle = example("r4/referral.json")
    response = focus(example("r4/review-questionnaire.json"))
    answers = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": f"{BASE}/Questionnaire/referral-service",
        "status": "completed",
        "item": [one for one in response["item"] if one["linkId"] == "asq3"],
    }
    kept = (one for one in bundle["entry"] if one["resource"]["resourceType"] != "Observation")
    bundle["entry"] = [*kept, {"resource": answers}]
    [first, *_] = read(bundle).message.referral.service.asq3.scores
    assert first.items == (*["sometimes"] * 5, "not-yet")


# ── retractions ──────────────────────────────────────────────────────────────────────────────


def condition_status(element: str, code: str) -> Change:
    return lambda bundle: focus(bundle).update({element: {"coding": [{"code": code}]}})


def status(code: str) -> Change:
    return lambda bundle: focus(bundle).update(status=code)


@pytest.mark.parametrize(
    ("bundle", "change", "reason"),
    [
        ("report-composition", status("entered-in-error"), "entered-in-error"),
        ("review-questionnaire", status("entered-in-error"), "entered-in-error"),
        (
            "notice-condition",
            condition_status("verificationStatus", "entered-in-error"),
            "entered-in-error",
        ),
        ("notice-condition", condition_status("verificationStatus", "refuted"), "entered-in-error"),
        ("notice-condition", condition_status("clinicalStatus", "resolved"), "cancelled"),
        ("notice-condition", condition_status("clinicalStatus", "inactive"), "cancelled"),
        ("notice-flag", status("entered-in-error"), "entered-in-error"),
        ("notice-flag", status("inactive"), "cancelled"),
    ],
)
def test_a_status_retracts(bundle: str, change: Change, reason: str) -> None:
    message = example(f"r4/{bundle}.json")
    change(message)
    taken = read(message).message
    assert (taken.action, taken.retract_reason) == ("retract", reason)


# ── wrong values ─────────────────────────────────────────────────────────────────────────────


def score(bundle: Any) -> Any:
    """Return the questionnaire's group of the first domain."""
    return focus(bundle)["item"][0]["item"][5]["item"]


def of_sections(code: str, change: Callable[[Any], Any]) -> Change:
    return lambda bundle: change(section(bundle, code))


def beside(bundle: Any) -> Any:
    return resource(bundle, "Condition", 1)


AREA = f"{BASE}/CodeSystem/therapy-area"
ITEM = ".item[0].item[5].item"
WRONG: list[tuple[str, str, Change, str, str]] = [
    (
        "Composition",
        "no word of choking",
        of_sections("safety-plan", lambda one: one.pop("extension")),
        "",
        "required",
    ),
    (
        "Composition",
        "a risk in words",
        of_sections(
            "safety-plan",
            lambda one: one.update(
                extension=[{"url": f"{BASE}/StructureDefinition/choking-risk", "valueBoolean": 1}]
            ),
        ),
        ".section[7].extension[0].valueBoolean",
        "value",
    ),
    (
        "Composition",
        "a text without end",
        of_sections("impact", lambda one: one["text"].update(div=XHTML.format("x" * 8001))),
        ".section[2].text.div",
        "value",
    ),
    (
        "Composition",
        "an area that is none",
        lambda bundle: add_section(bundle, AREA, "reading", "Reads little."),
        ".section[9].code.coding[0].code",
        "value",
    ),
    (
        "Composition",
        "a type that says nothing",
        lambda bundle: focus(bundle)["type"]["coding"][0].update(code="letter"),
        ".type.coding[0].code",
        "value",
    ),
    (
        "QuestionnaireResponse",
        "an answer that is none",
        lambda bundle: score(bundle)[2]["item"][1].update(
            answer=[{"valueCoding": {"code": "maybe"}}]
        ),
        f"{ITEM}[2].item[1].answer[0].valueCoding",
        "value",
    ),
    (
        "QuestionnaireResponse",
        "a seventh item",
        lambda bundle: score(bundle)[2]["item"].append(
            {"linkId": "7", "answer": [{"valueCoding": {"code": "yes"}}]}
        ),
        f"{ITEM}[2].item[6].answer[0].valueCoding",
        "unknown-property",
    ),
    (
        "QuestionnaireResponse",
        "answers without places",
        lambda bundle: score(bundle)[2].update(item=[], answer=[{"valueString": "yes"}]),
        f"{ITEM}[2].answer[0]",
        "value",
    ),
    (
        "QuestionnaireResponse",
        "an unknown linkId",
        lambda bundle: score(bundle)[0].update(linkId="domian"),
        f"{ITEM}[0].answer[0].valueCoding",
        "unknown-property",
    ),
    (
        "QuestionnaireResponse",
        "a total above sixty",
        lambda bundle: score(bundle).append({"linkId": "score", "answer": [{"valueInteger": 61}]}),
        f"{ITEM}[3].answer[0].valueInteger",
        "value",
    ),
    ("QuestionnaireResponse", "not finished", status("in-progress"), ".status", "not-supported"),
    (
        "Condition",
        "a provision that is none",
        lambda bundle: extension(focus(bundle), "sen-provision").update(valueCode="S"),
        ".extension[1].valueCode",
        "value",
    ),
    ("Condition", "no onset", lambda bundle: focus(bundle).pop("onsetDateTime"), "", "required"),
    (
        "Condition",
        "a rank in words",
        lambda bundle: extension(focus(bundle), "need-rank").update(valueInteger=0),
        ".extension[0].valueInteger",
        "value",
    ),
    (
        "Flag",
        "a need, and no provision",
        lambda bundle: focus(bundle)["code"]["coding"][0].update(
            system=f"{BASE}/CodeSystem/sen-type", code="SLCN"
        ),
        "",
        "required",
    ),
]
EXAMPLES = {
    "Composition": "r4/report-composition.json",
    "QuestionnaireResponse": "r4/review-questionnaire.json",
    "Condition": "r4/notice-condition.json",
    "Flag": "r4/notice-flag.json",
}


@pytest.mark.parametrize(
    ("kind", "what", "change", "where", "code"), WRONG, ids=[f"{one[0]}-{one[1]}" for one in WRONG]
)
def test_a_wrong_value_is_refused_where_it_stands(
    kind: str, what: str, change: Change, where: str, code: str
) -> None:
    bundle = example(EXAMPLES[kind])
    change(bundle)
    found = faults(bundle)
    assert found[f"{place(bundle, kind)}{where}"][0] == code, found


def test_an_unknown_link_id_is_told_the_nearest_known() -> None:
    bundle = example("r4/review-questionnaire.json")
    score(bundle)[0]["linkId"] = "domian"
    assert "did you mean `domain`?" in str(faults(bundle))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (condition_status("verificationStatus", "entered-in-error"), "verificationStatus"),
        (condition_status("verificationStatus", "refuted"), "verificationStatus"),
        (condition_status("clinicalStatus", "resolved"), "clinicalStatus"),
    ],
)
def test_a_need_that_does_not_stand_is_refused_beside_one_that_does(
    change: Change, where: str
) -> None:
    bundle = example("r4/notice-condition.json")
    change({**bundle, "entry": [bundle["entry"][0], *bundle["entry"][::-1]]})
    header = bundle["entry"][0]["resource"]
    own = header["focus"]
    header["focus"] = [{"reference": bundle["entry"][-1]["fullUrl"]}]
    change(bundle)
    header["focus"] = own
    focus(bundle).pop("verificationStatus", None)
    focus(bundle)["clinicalStatus"]["coding"][0]["code"] = "active"
    assert faults(bundle)[f"{place(bundle, 'Condition', 1)}.{where}"][0] == "not-supported"


@pytest.mark.parametrize(
    ("name", "second"), [("report-composition", "report"), ("notice-condition", "notice")]
)
def test_a_focus_of_another_shape_beside_the_first_is_refused(name: str, second: str) -> None:
    bundle, other = example(f"r4/{name}.json"), example(f"r4/{second}.json")
    entry = next(one for one in other["entry"] if one["resource"] is focus(other))
    entry["resource"]["subject"] = focus(bundle)["subject"]
    entry["resource"].pop("result", None)
    bundle["entry"].append(entry)
    bundle["entry"][0]["resource"]["focus"].append({"reference": entry["fullUrl"]})
    where = f"Bundle.entry[{len(bundle['entry']) - 1}].resource"
    assert faults(bundle)[where][0] == "not-supported"


def test_a_message_without_focus_is_told_every_type_that_it_may_be() -> None:
    for name, types in (
        ("report", ("DiagnosticReport", "Composition")),
        ("notice", ("QuestionnaireResponse", "Condition", "Flag")),
    ):
        bundle = example(f"r4/{name}.json")
        del bundle["entry"][0]["resource"]["focus"]
        detail = faults(bundle)["Bundle"][1]
        assert all(f"ofType({kind})" in detail for kind in types), detail


# ── documents ────────────────────────────────────────────────────────────────────────────────


def test_a_section_that_is_not_read_is_told_by_its_place() -> None:
    bundle = example("r4/report-composition.json")
    where = add_section(bundle, HEADINGS, "procedures", "None.")
    parsed = read(bundle)
    [note] = parsed.notes
    assert note.pointer == f"{where}.text"
    assert "was not read" in note.detail
    assert parsed.message.document() == {
        **read(example("r4/report-composition.json")).message.document()
    }


def test_what_two_sections_say_of_one_thing_is_not_lost_in_silence() -> None:
    bundle = example("r4/report-composition.json")
    add_section(bundle, f"{BASE}/CodeSystem/report-section", "history", "Late words.")
    second = add_section(bundle, HEADINGS, "clinical-narrative", "More words.")
    parsed = read(bundle)
    assert parsed.message.report.history == "Late words."
    assert [note.pointer for note in parsed.notes] == [f"{second}.text"]


@pytest.mark.parametrize(("narrative", "noted"), [("generated", False), ("additional", True)])
def test_a_text_that_says_more_than_its_entries_is_told(narrative: str, noted: bool) -> None:
    bundle = example("r4/report-composition.json")
    section(bundle, "areas")["text"]["status"] = narrative
    assert [note.pointer for note in read(bundle).notes] == [
        f"{place(bundle, 'Composition')}.section[0].text"
    ] * noted


def test_an_entry_that_is_not_read_or_leads_nowhere_is_told() -> None:
    bundle = example("r4/report-composition.json")
    place_ = {"resourceType": "Location", "name": "Clinic"}
    bundle["entry"].append({"fullUrl": "urn:uuid:10ca7104", "resource": place_})
    entries = [{"reference": "urn:uuid:10ca7104"}, {"reference": "urn:uuid:90e"}]
    where = add_section(bundle, HEADINGS, "attendance-details", "At the clinic.", entry=entries)
    assert {note.pointer for note in read(bundle).notes} == {
        f"{where}.text",
        f"{where}.entry[1].reference",
        place(bundle, "Location"),
    }


def test_areas_may_be_told_in_words_alone() -> None:
    bundle = example("r4/report-composition.json")
    areas = section(bundle, "areas")
    del areas["entry"], areas["text"]
    severity = {"url": f"{BASE}/StructureDefinition/severity", "valueCode": "severe"}
    areas["section"] = [
        {
            "code": {"coding": [{"system": AREA, "code": "expressive-language"}]},
            "text": {"status": "additional", "div": XHTML.format("About ten words.")},
            "extension": [severity],
        }
    ]
    [area] = read(bundle).message.report.areas
    assert (area.area, area.severity, area.words) == (
        "expressive-language",
        "severe",
        "About ten words.",
    )


def test_headings_of_the_record_standards_are_understood() -> None:
    bundle = example("r4/report-composition.json")
    add_section(bundle, HEADINGS, "diagnoses", "Developmental language disorder.")
    add_section(bundle, HEADINGS, "information-and-advice-given", "Sing together.")
    focus(bundle)["type"]["coding"] = [{"system": SNOMED, "code": "373942005"}]
    parsed = read(bundle)
    report = parsed.message.report
    assert (report.type, report.history) == ("discharge", "Developmental language disorder.")
    assert report.advice_for_home == ("Offer two choices and wait.", "Sing together.")
    assert report.next_step == "Block of therapy from January."
    assert parsed.notes == parsed.unmapped == ()


def test_a_very_restricted_document_restricts_its_record() -> None:
    bundle = example("r4/report-composition.json")
    assert read(bundle).message.sharing.restricted is None
    focus(bundle)["confidentiality"] = "V"
    assert read(bundle).message.sharing.restricted is True


@pytest.mark.parametrize("kind", ["Flag", "Condition"])
def test_a_resource_beside_the_report_that_is_not_read_is_told(kind: str) -> None:
    bundle = example("r4/report.json")
    resource_ = {
        "resourceType": kind,
        "subject": focus(bundle)["subject"],
        "code": {"text": "Allergy"},
        **({"status": "active"} if kind == "Flag" else {}),
    }
    bundle["entry"].append({"resource": resource_})
    assert [note.pointer for note in read(bundle).notes] == [place(bundle, kind)]


def test_many_notes_are_told_by_their_number() -> None:
    bundle = example("r4/report.json")
    unread = {"resourceType": "Observation", "status": "final", "code": {"text": "Other"}}
    bundle["entry"] += [{"resource": unread}] * 130
    notes = read(bundle).notes
    assert len(notes) == 101
    assert notes[-1].detail == "30 more places of this message were not read"


@pytest.mark.parametrize(
    ("div", "text"),
    [
        ("plain &amp; simple", "plain & simple"),
        ("<p>One.</p><p>Two,\n   three.</p>", "One.\nTwo, three."),
        ("<ul><li>a</li><li>b<br/>c</li></ul>", "a\nb\nc"),
        (
            "<table><tr><th>Severity</th><td>mild</td></tr><tr><td>x</td></tr></table>",
            "Severity: mild\nx",
        ),
        ("a<!-- not <b>this</b> -->b &lt;i&gt;", "ab <i>"),
        ("<b>bo</b>ld &#160; word", "bold word"),
        ("<p title='x'>", ""),
        ("3 < 4", "3 < 4"),
        ("<!--", ""),
    ],
)
def test_a_narrative_becomes_the_text_that_a_reader_sees(div: str, text: str) -> None:
    assert plain_text(XHTML.format(div)) == text


# ── needs ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "need", "is_known"),
    [
        ("229729009", "SLCN", True),
        ("15188001", "HI", True),
        ("889211000000104", "SPLD", True),
        ("1855002", "1855002", False),
        ("228142005", "228142005", False),
    ],
)
def test_a_need_by_snomed_code_is_a_type_of_the_dfe_or_kept_word_for_word(
    code: str, need: str, is_known: bool
) -> None:
    bundle = example("r4/notice-condition.json")
    focus(bundle)["code"] = {"coding": [{"system": SNOMED, "code": code}], "text": "As written"}
    parsed = read(bundle)
    assert [one.type for one in parsed.message.notice.needs] == [need, "SEMH"]
    assert parsed.message.notice.needs[0].description == "As written"
    assert [one.code for one in parsed.unmapped] == [code] * (not is_known)


# ── ASQ:SE-2 ─────────────────────────────────────────────────────────────────────────────────


def an_observation(bundle: Any, *coding: Any, **elements: Any) -> Any:
    """Put an Observation into a review, and return it."""
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": list(coding)},
        "subject": focus(bundle)["subject"],
        **elements,
    }
    bundle["entry"].append({"resource": observation})
    return observation


MONTHS_30 = {"system": SNOMED, "code": "1054021000000105"}
OWN = {"system": f"{BASE}/CodeSystem/observation", "code": "asq-se-2"}
RARE = {"system": SNOMED, "code": "1054091000000108"}


def test_the_codes_of_the_asq_se_2_are_those_of_the_code_table() -> None:
    row = next(one for one in PROFILE.tables["systems"] if one.canonical == "%asqse-code")
    assert row.fhir.replace("'", "").split(" | ") == list(TABLES.asqse_by_code)


@pytest.mark.parametrize(
    ("coding", "elements", "months"),
    [
        ([MONTHS_30], {"valueQuantity": {"value": 90}}, 30),
        ([MONTHS_30], {"valueInteger": 90}, 30),
        (
            [{"system": SNOMED, "code": "443222000"}],
            {"component": [{"code": {"coding": [MONTHS_30]}, "valueQuantity": {"value": 90}}]},
            30,
        ),
        ([OWN, RARE], {"valueQuantity": {"value": 90}}, None),
    ],
)
def test_a_total_of_the_asq_se_2_is_read(coding: Any, elements: Any, months: int | None) -> None:
    bundle = example("r4/review.json")
    an_observation(bundle, *coding, **elements)
    parsed = read(bundle)
    total = parsed.message.review.asq_se2
    assert (total.score, total.questionnaire_months) == (90, months)
    assert total.code.code == (MONTHS_30 if months else RARE)["code"]
    assert [one.code for one in parsed.unmapped] == [] if months else [RARE["code"]]
    assert parsed.message.review.other_codes == ()


def test_who_completed_the_asq_se_2_stands_in_an_extension() -> None:
    bundle = example("r4/review.json")
    by = {"url": "completedBy", "valueString": "Parent"}
    about = {"url": f"{BASE}/StructureDefinition/asq-se-2", "extension": [by]}
    an_observation(bundle, MONTHS_30, valueQuantity={"value": 90}, extension=[about])
    assert read(bundle).message.review.asq_se2.completed_by == "Parent"


@pytest.mark.parametrize(
    ("elements", "where", "code"),
    [
        ({"valueQuantity": {"value": 466}}, ".valueQuantity.value", "value"),
        (
            {"valueQuantity": {"value": 90, "comparator": ">"}},
            ".valueQuantity.comparator",
            "not-supported",
        ),
        ({"valueString": "90"}, ".valueString", "not-supported"),
    ],
)
def test_a_wrong_total_of_the_asq_se_2_is_refused(elements: Any, where: str, code: str) -> None:
    bundle = example("r4/review.json")
    an_observation(bundle, MONTHS_30, **elements)
    path = f"Bundle.entry[{len(bundle['entry']) - 1}].resource{where}"
    assert faults(bundle)[path][0] == code


def test_a_second_total_of_the_asq_se_2_is_refused() -> None:
    bundle = example("r4/review.json")
    for _ in range(2):
        an_observation(bundle, MONTHS_30, valueQuantity={"value": 90})
    assert (
        faults(bundle)[f"Bundle.entry[{len(bundle['entry']) - 1}].resource"][0] == "not-supported"
    )
