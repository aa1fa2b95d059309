"""What goes to nobody is counted and forgotten; what was forgotten is recognised."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.intake import Repeated
from tests.builders import (
    AGREED_WITH_SETTING,
    DAY,
    HEALTH_VISITOR,
    OPINION,
    PRACTICE,
    a_child,
    a_probable_sen_review,
    a_review,
    body,
    changed,
)
from tests.integration.intake.bundles import (
    a_review_without_scores,
    assessment_scales,
    scores_in,
)

CHILD = a_child(
    nhsNumber="9990001022",
    upn="H896200026001",
    givenNames=["Zebedee", "Orlando"],
    familyName="Quillfeather",
    formerNames=["Thistlewood"],
    birthDate="2024-04-03",
    address={"lines": ["7 Larkspur Yard"], "town": "Whitby", "postcode": "CH65 9ZW"},
    generalPractice=None,
    responsiblePeople=[{"name": "Petronella Quillfeather", "phone": "07700 900123"}],
    note="Bramblewick",
)
IDENTITY = (
    "9990001022",
    "H896200026001",
    "Zebedee",
    "Orlando",
    "Quillfeather",
    "Thistlewood",
    "2024-04-03",
    "Larkspur",
    "Whitby",
    "CH65",
    "Petronella",
    "900123",
    "Bramblewick",
)


def files_of(database):
    """The raw bytes of SQLite's files; nothing of PostgreSQL, whose tables alone are looked at."""
    if not database.startswith("sqlite"):
        return b""
    file = Path(database.removeprefix("sqlite:///"))
    return b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))


def identity_in(text):
    return [word for word in IDENTITY if word in text]


def a_review_for_nobody(**changes):
    """Its child has no practice here, and nobody else may know."""
    return a_review(**{"child": CHILD, "conclusions": [{"kind": "none"}], **changes})


# What stays


def test_of_a_review_that_goes_to_nobody_no_identity_is_left(desk, database):
    receipt = desk.send(a_review_for_nobody())
    assert receipt.status == "counted"
    assert receipt.alerts == receipt.held == ()
    desk.journal.erase_expired()  # moves SQLite's log into its file
    assert desk.blobs() == []
    assert identity_in(desk.columns()) == []
    assert HEALTH_VISITOR["name"] not in desk.columns()
    assert [word for word in IDENTITY if word.encode() in files_of(database)] == []


def test_of_it_stay_idempotency_key_hashes_part_order_action_and_the_count(desk):
    review = a_review_for_nobody(sequence=3)
    desk.send(review)
    [row] = desk.rows("message")
    for hashed in ("idempotency", "bytes_hash", "canonical_hash", "record_ref"):
        assert row[hashed].startswith(f"{desk.codec.hash_id}.")
    assert (row["state"], row["organisation"], row["event"], row["action"], row["sequence"]) == (
        "counted", "ods:RXA", "healthy-child-review", "new", 3
    )  # fmt: skip
    assert len(desk.rows("counted")) == 1
    assert [record["child_ref"] for record in desk.rows("record")] == [None]


def test_parts_that_were_kept_are_forgotten_once_nothing_of_the_record_goes_anywhere(desk):
    held = a_review_for_nobody(conclusions=[{"kind": "family-support"}])
    desk.send(held)
    update = {**held, "id": "settled", "sent": f"{DAY}T16:00:00+00:00"}
    desk.send({**update, "conclusions": [{"kind": "none"}]})
    assert desk.blobs("message", "version") == []
    assert identity_in("".join(desk.blobs()) + desk.columns()) == []


# How it is recognised


def test_its_receipt_says_counted_and_nothing_kept(desk):
    receipt = desk.follow(desk.send(a_review_for_nobody()))
    assert receipt.status == "counted"
    assert "forgotten" in " ".join(receipt.notes)
    assert receipt.findings == receipt.questions == receipt.areas == ()


def test_a_repeat_of_it_is_recognised(desk):
    review = a_review_for_nobody()
    first = desk.send(review)
    before = desk.counts()
    for again in (body(review), body(dict(reversed(review.items())))):
        answer = desk.answer(again)
        assert (answer.repeated, answer.receipt.id, answer.receipt.status) == (
            True, first.id, "counted"
        )  # fmt: skip
    with pytest.raises(Repeated):
        desk.send(changed(review, "review.nextStep", "Another"))
    assert desk.counts() == before


def test_the_receipt_of_a_later_part_that_fires_a_route_asks_for_it_again(desk):
    forgotten = desk.send(assessment_scales("scales-1", child=CHILD), "fhir")
    assert forgotten.status == "counted"
    fires = a_review_without_scores(child={**CHILD, "generalPractice": PRACTICE})
    receipt = desk.send(fires)
    assert [note for note in receipt.notes if "1 earlier message(s)" in note and "again" in note]

    again = assessment_scales("scales-2", child=CHILD, score=12.5, sent=f"{DAY}T16:00:00+00:00")
    sent_again = desk.send(again, "fhir")
    assert sent_again.record.id == receipt.record.id
    assert not [note for note in sent_again.notes if "earlier message(s)" in note]
    [event] = desk.due()
    assert scores_in(event) == [12.5]


def test_a_later_part_that_fires_nothing_asks_for_nothing(desk):
    desk.send(assessment_scales("scales-1", child=CHILD), "fhir")
    receipt = desk.send(a_review_for_nobody())
    assert not [note for note in receipt.notes if "earlier message(s)" in note]


def test_of_who_had_been_told_the_forgotten_part_is_withdrawn(desk):
    review = a_review(child={**CHILD, "generalPractice": PRACTICE})
    desk.send(review)
    desk.read()
    update = {**review, "id": "moved", "sent": f"{DAY}T16:00:00+00:00", "child": CHILD}
    receipt = desk.send(update)
    assert [event["data"]["change"] for event in desk.read()] == ["withdrawn"]
    assert receipt.status == "counted"
    assert desk.blobs("message") == []


# Whatever the scores, whatever the statement


def nhs_number(serial):
    """A valid NHS number of the synthetic range; one serial in eleven has none."""
    digits = f"999{serial:06}"
    check = 11 - sum(int(d) * w for d, w in zip(digits, range(10, 1, -1), strict=True)) % 11
    return None if check == 10 else f"{digits}{check % 11}"


SCORES = (None, 0, 12.5, 33.29, 33.3, 40, 60)
CONCLUSIONS = (
    None,
    [],
    [{"kind": "none"}],
    [{"kind": "watch-and-recheck", "recheckOn": "2027-05-17"}],
)
AGREEMENTS = (
    None,
    {"status": "not-asked"},
    {"status": "not-known"},
    {"status": "refused"},
    {"status": "withdrawn", "recipients": ["setting"]},
    {"status": "given", "capacity": "parental-responsibility", "purposes": ["support-in-setting"]},
    {"status": "given", "recipients": ["grandmother"], "purposes": ["special-educational-needs"]},
)
STATEMENTS = (
    {"opinion": OPINION},
    {"informed": [{"person": "has-care", "on": DAY}]},
    {"notInformedBecause": "Not safe."},
    {"safeContact": "do-not-contact"},
    {"disagreement": True},
    {"courtOrderKnown": True},
    {"restricted": True},
)
CHILDREN = (
    {"lookedAfter": {"authority": "896"}},
    {"childProtectionPlan": True},
    {"allocatedSocialWorker": {"name": "Ola Bright"}},
    {"birthDate": "2024-05"},
    {"birthDate": None},
    {"address": None},
    {"address": {"postcode": "CH4 0ZX"}},
    {"firstLanguage": "pl"},
)
REVIEWS = (
    {"outcome": "was-not-brought", "attempts": 3},
    {"outcome": "declined"},
    {"hearing": {"status": "concern"}},
    {"earlyLanguage": {"tool": "ELIM", "outcome": "high concern"}},
    {"developmentalSkills": [{"skill": "walks", "result": "not-achieved"}]},
    {"nextStep": "Refer to speech therapy"},
    {"type": None},
)
SOURCES = ({"odsCode": "RXA"}, {"odsCode": "RJR"}, {"odsCode": "A83627"}, {"urn": "9999011"})


def some_review(serial, rng):
    """A review without a conclusion beyond watch-and-recheck, of a child whose names say which."""
    child = a_child(
        nhsNumber=nhs_number(serial),
        givenNames=[f"Given{serial}x"],
        familyName=f"Family{serial}x",
        generalPractice=rng.choice([PRACTICE, "N81994", "Y00001", None, None]),
    )
    child |= rng.choice(({}, *CHILDREN))
    sharing = {"agreement": rng.choice(AGREEMENTS)} | rng.choice(({}, *STATEMENTS))
    review = a_review(
        child={k: v for k, v in child.items() if v is not None},
        sharing={k: v for k, v in sharing.items() if v is not None},
        conclusions=rng.choice(CONCLUSIONS),
        source=rng.choice(SOURCES),
    )
    review["review"] |= rng.choice(({}, *REVIEWS))
    review["review"] = {k: v for k, v in review["review"].items() if v is not None}
    for score in review["review"]["asq3"]["scores"]:
        score["score"] = rng.choice(SCORES)
        if score["score"] is None:
            del score["score"]
    return review


def test_no_pattern_of_scores_and_no_statement_tells_anybody_but_health(desk, database):
    rng = random.Random(17)
    reviews = [some_review(serial, rng) for serial in range(300)]
    receipts = [answer.receipt for answer in desk.send_all(reviews)]

    assert {event["data"]["agency"] for event in desk.due()} == {"health"}
    assert {event["data"]["route"] for event in desk.due()} == {"A"}
    assert {held.reason for r in receipts for held in r.held} == {
        "agreement-stops-it",
        "restricted",
    }
    for review, receipt in zip(reviews, receipts, strict=True):
        if "generalPractice" not in review["child"]:
            assert receipt.status == "counted"

    desk.journal.erase_expired(datetime.now(UTC) + timedelta(days=31))
    told = {receipt.id for receipt in receipts if receipt.alerts}
    forgotten = [
        name
        for review, receipt in zip(reviews, receipts, strict=True)
        if receipt.id not in told
        for name in (review["child"]["givenNames"][0], review["child"]["familyName"])
    ]
    assert len(forgotten) > 300
    kept = "\n".join(desk.blobs())
    assert not [name for name in forgotten if name in kept]
    assert "Family" not in desk.columns()
    assert b"Family" not in files_of(database)


def test_agreement_for_a_named_recipient_is_what_the_reviews_above_lack(desk):
    agreed = a_review(15, sharing={"agreement": AGREED_WITH_SETTING})
    assert {alert.agency for alert in desk.send(agreed).alerts} == {"education", "health"}
    concluded = a_probable_sen_review(child=a_child(nhsNumber="9990001014"))
    assert {alert.agency for alert in desk.send(concluded).alerts} == {"education", "health"}
