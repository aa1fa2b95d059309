"""Canonical JSON: what is taken, and how every fault is told."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from typing import Any, get_args

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic_core.core_schema import ErrorType

from adapters.errors import Fault, NotUnderstood, NotWellFormed, Refused
from adapters.inbound import PARSERS
from adapters.inbound import json as adapter
from gateway.examples import MESSAGES
from tests.builders import (
    a_child,
    a_notice,
    a_referral,
    a_report,
    a_review,
    body,
    changed,
    tables,
    understood,
)

SAMPLES = [json.loads(path.read_bytes()) for path in sorted(MESSAGES.glob("*.json"))]
LAST_SECOND = "9999-12-31T23:59:59"


def faults(sent: bytes | dict[str, Any]) -> tuple[Fault, ...]:
    """The faults for which a message is refused."""
    with pytest.raises(NotUnderstood) as caught:
        adapter.parse(sent if isinstance(sent, bytes) else body(sent), tables())
    return caught.value.faults


def fault(sent: bytes | dict[str, Any]) -> tuple[str, str, str]:
    """The place, the words and the code of the only fault."""
    [only] = faults(sent)
    return only.pointer, only.detail, only.code


def refusal(document: dict[str, Any]) -> Refused | None:
    """What a message is refused with; None where it is taken. Anything else that is raised fails."""
    try:
        adapter.parse(body(document), tables())
    except Refused as refused:
        return refused
    return None


def without_end(document: dict[str, Any]) -> bytes:
    """A message that lacks its last brace, to go on from by hand."""
    return body(document).removesuffix(b"}")


# ── not JSON ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sent", "line", "column"),
    [
        (b"", 1, 0),
        (b"{", 1, 1),
        (b'{"kind": "referral",}', 1, 21),
        (b'{\n  "kind": "referral"\n  "id": "1"\n}', 3, 3),
        (b"{'kind': 'referral'}", 1, 2),
        (b"<Bundle/>", 1, 1),
        (b'{"kind": "referral"} {}', 1, 22),
        (b'{"kind": "\xff"}', 1, 11),
        (b'{"kind": undefined}', 1, 10),
        (b'{"id": "a\x01b"}', 1, 10),
    ],
)
def test_what_is_not_json_is_named_with_line_and_column(
    sent: bytes, line: int, column: int
) -> None:
    with pytest.raises(NotWellFormed) as caught:
        adapter.parse(sent, tables())
    assert (caught.value.line, caught.value.column) == (line, column)
    assert caught.value.detail.startswith("This is not JSON: ")
    assert "line" not in caught.value.detail


@pytest.mark.parametrize("sent", [b"[]", b"null", b"1", b'"a"', b"true", b"1.5"])
def test_json_that_is_not_an_object_is_told_so_in_plain_words(sent: bytes) -> None:
    assert fault(sent) == ("", "is not an object", "value")


@pytest.mark.parametrize("depth", [250, 100_000])
def test_what_is_nested_too_deeply_is_refused_and_not_read(depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    assert fault(nested) == ("", "is nested too deeply", "too-deep")
    assert fault(without_end(a_review()) + b', "x": ' + nested + b"}")[2] == "too-deep"


# ── kinds and properties ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["school-report", "Referral", "", 5, None, ["referral"], {}])
def test_an_unknown_kind_is_answered_with_those_that_are_taken(kind: Any) -> None:
    pointer, detail, code = fault(a_review() | {"kind": kind})
    assert (pointer, code) == ("/kind", "not-supported")
    assert detail.endswith(
        "healthy-child-review, speech-therapy-report, sen-support-notice, referral"
    )


def test_a_message_without_kind_is_told_that_it_is_missing() -> None:
    pointer, detail, code = fault(b"{}")
    assert (pointer, code) == ("/kind", "not-supported")
    assert detail.startswith("is missing; it takes healthy-child-review")


@pytest.mark.parametrize(
    ("place", "pointer", "hint"),
    [
        ("outcom", "/outcom", ""),
        ("profesional", "/profesional", "; did you mean `professional`?"),
        ("child.nhsnumber", "/child/nhsnumber", "; did you mean `nhsNumber`?"),
        ("child.nhs_number", "/child/nhs_number", "; did you mean `nhsNumber`?"),
        ("child.address.postCode", "/child/address/postCode", "; did you mean `postcode`?"),
        ("review.asq3.scores.0.domian", "/review/asq3/scores/0/domian", "; did you mean `domain`?"),
        ("child.a/b~c", "/child/a~1b~0c", ""),
        ("child.resourceType", "/child/resourceType", ""),
    ],
)
def test_an_unknown_property_is_named_with_the_nearest_that_there_is(
    place: str, pointer: str, hint: str
) -> None:
    found = fault(changed(a_review(), place, 1))
    assert found == (pointer, f"is not a property that this message has{hint}", "unknown-property")


def test_a_property_of_another_kind_is_unknown() -> None:
    assert fault(a_report() | {"review": a_review()["review"]})[0] == "/review"


@pytest.mark.parametrize(
    "place", ["id", "sent", "source", "review.outcome", "review.date", "review.asq3.scores"]
)
def test_a_property_that_every_message_needs_is_missing_at_its_place(place: str) -> None:
    found = fault(changed(a_review(), place, None))
    assert found == ("/" + place.replace(".", "/"), "is missing", "required")


def test_null_is_no_more_than_not_saying() -> None:
    document = a_review()
    stated = copy.deepcopy(document)
    stated["child"]["upn"] = stated["review"]["hearing"] = stated["record"] = None
    assert understood(stated).canonical == understood(document).canonical


# ── values ───────────────────────────────────────────────────────────────────────────────────

OUT_OF_RANGE = [
    (-1, "is less than 0.0, the least it may be"),
    (60.5, "is more than 60.0, the most it may be"),
]


@pytest.mark.parametrize(
    ("place", "value", "detail", "code"),
    [
        ("review.asq3.scores.0.score", "50", "is not a number; send it without quotes", "value"),
        *(
            ("review.asq3.scores.0.score", number, detail, "value")
            for number, detail in OUT_OF_RANGE
        ),
        ("sequence", "1", "is not a whole number; send it as a number, without quotes", "value"),
        ("sequence", 1.5, "is not a whole number; send it as a number, without quotes", "value"),
        ("sequence", True, "is not a whole number; send it as a number, without quotes", "value"),
        ("sequence", -1, "is less than 0, the least it may be", "value"),
        ("sequence", 2**31, "is more than 2147483647, the most it may be", "value"),
        ("child.multipleBirth", "yes", "is not true or false", "value"),
        ("child.multipleBirth", 1, "is not true or false", "value"),
        ("child.familyName", 7, "is not a string; write it in quotes", "value"),
        ("child.familyName", "  ", "is empty", "value"),
        ("child.familyName", "x" * 201, "is longer than 200 characters", "value"),
        ("review.nextStep", "x" * 8001, "is longer than 8000 characters", "value"),
        ("child.givenNames", "Maya", "is not a list", "value"),
        ("child", [], "is not an object", "value"),
        ("review", "done", "is not an object", "value"),
        ("child.sex", "girl", "is not one of `female`, `male`, `other` or `unknown`", "value"),
        (
            "child.firstLanguage",
            "English",
            "is not written in the form that the schema asks for",
            "value",
        ),
        (
            "child.familyName",
            "a\x00b",
            "contains a control character; send plain text without it",
            "control-character",
        ),
        (
            "child.givenNames.1",
            "\x1b[31mRose",
            "contains a control character; send plain text without it",
            "control-character",
        ),
    ],
)
def test_a_wrong_value_is_told_by_its_place_and_by_what_would_be_right(
    place: str, value: Any, detail: str, code: str
) -> None:
    document = changed(a_review(), "child.givenNames", ["Maya", "Rose"])
    if place.startswith("child.givenNames."):
        document["child"]["givenNames"][1] = value
    else:
        document = changed(document, place, value)
    assert fault(document) == ("/" + place.replace(".", "/"), detail, code)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_a_number_that_is_not_finite_is_refused(number: bytes) -> None:
    sent = body(a_review(12.5)).replace(b"12.5", number)
    pointer, detail, code = fault(sent)
    assert pointer == "/review/asq3/scores/0/score"
    assert (detail, code) == ("is not a finite number", "value")


DAY = "is not a calendar date; write YYYY-MM-DD"


@pytest.mark.parametrize(
    "written",
    [
        "17/11/2026",
        "2026-02-30",
        "2026-1-7",
        "2026-11",
        "20261117",
        20261117,
        "2026-11-17T00:00:00",
        "2026-11-17T00:00:00Z",
        "2026-11-17T10:00:00+01:00",
        "1763337600",  # seconds since 1970, at midnight
        "",
        True,
    ],
)
def test_a_day_is_written_in_one_way_and_never_guessed(written: Any) -> None:
    assert fault(changed(a_review(), "review.date", written)) == ("/review/date", DAY, "value")


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-17",
        "17/11/2026 10:00",
        "2026-11-17T24:00:00Z",
        "2026-11-17T10:00:60Z",
        "1763392800",  # seconds since 1970
        1763392800,
        "",
        None,
    ],
)
def test_an_instant_is_written_in_one_way_and_never_guessed(written: Any) -> None:
    sent = (
        without_end(changed(a_review(), "sent", None)) + b',"sent":' + orjson.dumps(written) + b"}"
    )
    pointer, detail, code = fault(sent)
    assert (pointer, code) == ("/sent", "value")
    assert detail == "is not an instant; write YYYY-MM-DDThh:mm:ss+00:00"


def test_an_instant_without_offset_is_told_what_it_lacks() -> None:
    pointer, detail, code = fault(changed(a_review(), "sent", "2026-11-17T10:00:00"))
    assert (pointer, code) == ("/sent", "value")
    assert detail == "has no offset from UTC; write YYYY-MM-DDThh:mm:ss+00:00 or …Z"


@pytest.mark.parametrize(
    "written", ["0001-01-01T00:00:00+14:00", f"{LAST_SECOND}-10:00", f"{LAST_SECOND}Z"]
)
def test_an_instant_at_the_end_of_the_calendar_is_refused_and_breaks_nothing(written: str) -> None:
    assert faults(changed(a_review(), "sent", written))


@pytest.mark.parametrize(
    ("place", "value", "code"),
    [
        ("child.nhsNumber", "9990001007", "nhs-number"),
        ("child.upn", "A896200026000", "upn"),
        ("child.generalPractice", "N8", "ods-code"),
        ("child.address.postcode", "CH65", "postcode"),
        ("child.setting.urn", "12", "urn"),
        ("child.setting.laestab", "12", "laestab"),
        ("source", {"laCode": "8961"}, "la-code"),
    ],
)
def test_a_wrong_identifier_has_a_code_of_its_own(place: str, value: Any, code: str) -> None:
    [found] = faults(changed(a_review(), place, value))
    assert found.code == code
    assert found.pointer.startswith("/" + place.replace(".", "/"))
    assert "; write " in found.detail


# ── every fault at once ──────────────────────────────────────────────────────────────────────


def test_every_fault_of_a_message_is_told_at_once() -> None:
    document = a_review(65, sequence="1", extra=1)
    for place, value in {
        "child.nhsNumber": "1",
        "child.sex": "girl",
        "child.address.postcode": "nowhere",
        "child.birthDate": "2024-13",
        "review.outcome": None,
        "review.date": "today",
        "source.urn": "199901",
    }.items():
        document = changed(document, place, value)
    assert {(found.pointer, found.code) for found in faults(document)} == {
        ("/review/asq3/scores/0/score", "value"),
        ("/sequence", "value"),
        ("/extra", "unknown-property"),
        ("/child/nhsNumber", "nhs-number"),
        ("/child/sex", "value"),
        ("/child/address/postcode", "postcode"),
        ("/child/birthDate", "partial-date"),
        ("/review/outcome", "required"),
        ("/review/date", "value"),
        ("/source", "organisation-code"),
    }


def test_faults_between_fields_are_told_beside_those_within_them() -> None:
    document = a_review(retractReason="cancelled", extra=1)
    document = changed(document, "child.birthDate", "2027-01-01")
    assert {found.code for found in faults(document)} == {
        "unknown-property",
        "retract-reason",
        "birth-date",
        "review-date",
    }


@pytest.mark.parametrize(
    "filling",
    [
        b',"conclusions":[' + b",".join([b"1"] * 100_000) + b"]}",
        b"," + b",".join(b'"u%d":1' % number for number in range(20_000)) + b"}",
        b',"conclusions":[' + b",".join([b'{"kinds":1}'] * 20_000) + b"]}",
        b',"' + b"a" * 1_000_000 + b'":1}',
    ],
    ids=["a list of numbers", "unknown properties", "misspelt properties", "a long name"],
)
def test_a_message_of_nothing_but_faults_is_refused_cheaply(filling: bytes) -> None:
    sent = without_end(a_review()) + filling
    before = time.process_time()
    found = faults(sent)
    assert time.process_time() - before < 0.5, "one such message holds up everybody else's"
    assert sum(len(one.pointer) + len(one.detail) for one in found) < 1_100_000


# ── no fault holds anything of the message ───────────────────────────────────────────────────

CANARY = "Zq7Canary"


def places(node: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a document, inner ones too."""
    items = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    for key, value in items:
        yield (*place, key)
        yield from places(value, (*place, key))


PLANTS = st.sampled_from(
    [
        CANARY,
        f" {CANARY}\x00",
        [CANARY],
        [[CANARY]],
        {"kind": CANARY, "name": CANARY},
        CANARY * 1000,
        f"2026-11-17T{CANARY}",
        f"1{CANARY}",
        {"system": "https://fhir.nhs.uk/STU3/CodeSystem/DCH-ReasonForReferral-1", "code": CANARY},
        7391_7391_7391,
        73917391.73917391,
        -7391,
    ]
)
PLANTED = (CANARY, CANARY.lower(), CANARY.upper(), "7391")


@st.composite
def planted(draw: st.DrawFn) -> dict[str, Any]:
    """A sample with a canary in one to four of its places."""
    document = copy.deepcopy(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 4))):
        *parents, last = draw(st.sampled_from(sorted(places(document), key=str)))
        node = document
        for part in parents:
            node = node[part]
        node[last] = copy.deepcopy(draw(PLANTS))
    return document


@given(planted())
@settings(max_examples=400, deadline=None, derandomize=True)
def test_no_fault_quotes_a_value_of_the_message(document: dict[str, Any]) -> None:
    refused = refusal(document)
    assume(refused is not None)
    told = f"{refused} {refused!r}"
    assert not [canary for canary in PLANTED if canary in told]
    assert refused is not None
    assert refused.__cause__ is None
    assert refused.__suppress_context__, "a traceback would print the values"


@given(st.sampled_from(SAMPLES), st.data())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_broken_json_is_quoted(document: dict[str, Any], data: st.DataObject) -> None:
    sent = body(changed(document, "child.familyName", CANARY))
    cut = data.draw(st.integers(0, len(sent) - 1))
    broken = data.draw(st.sampled_from([sent[:cut], sent[:cut] + b"\xff" + sent[cut:]]))
    with pytest.raises(Refused) as caught:
        adapter.parse(broken, tables())
    assert CANARY not in str(caught.value)


@given(planted())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_every_fault_is_told_in_our_words_and_codes(document: dict[str, Any]) -> None:
    foreign = {name.replace("_", "-") for name in get_args(ErrorType)}
    refused = refusal(document)
    assume(isinstance(refused, NotUnderstood))
    assert isinstance(refused, NotUnderstood)
    assert refused.faults
    for one in refused.faults:
        assert one.code not in foreign, one
        assert not one.detail.startswith(("Input should", "Value error", "Assertion")), one
        assert one.pointer == "" or one.pointer.startswith("/")


# ── whatever comes ───────────────────────────────────────────────────────────────────────────


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=80).map(str.encode),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["kind", "id", "child", "x"]), inner, max_size=3)
            ),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_whatever_bytes_come_they_are_taken_or_refused(sent: bytes) -> None:
    with pytest.raises(Refused):
        adapter.parse(sent, tables())


DATES = st.sampled_from(
    ["0001-01-01", "0001-02-03", "1752-09-14", "9999-12-31", "9996-02-29", "2024-02-29"]
)


@given(st.sampled_from(SAMPLES), st.data())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_whatever_days_a_message_names_it_is_taken_or_refused(
    document: dict[str, Any], data: st.DataObject
) -> None:
    document = copy.deepcopy(document)
    document["sent"] = f"{data.draw(DATES)}T12:00:00Z"
    document = changed(document, "child.birthDate", data.draw(DATES))
    document = changed(document, "child.expectedBirthDate", data.draw(DATES))
    for name in ("review", "report", "referral"):
        if name in document:
            document[name]["date"] = data.draw(DATES)
    refusal(document)


def test_a_message_that_is_taken_says_its_event_and_holds_no_code_of_another_map() -> None:
    for document in (a_review(), a_report(), a_notice(), a_referral(child=a_child())):
        parsed = PARSERS["application/json"](body(document), tables())
        assert parsed.event == document["kind"]
        assert parsed.unmapped == ()
        assert parsed.notes == ()
