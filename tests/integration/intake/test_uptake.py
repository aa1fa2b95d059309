"""Each review counts once, by its facts as they are by now, and without a child."""

from gateway.journal import Uptake
from tests.builders import DAY, a_child, a_notice, a_referral, a_report, a_review, changed
from tests.integration.intake.bundles import assessment_scales
from tests.integration.intake.desk import later, retracted

AS_BUILT = Uptake(
    authority="896",
    organisation="ods:RXA",
    outcome="completed",
    month="2026-11",
    locality="West Cheshire",
    age_band="24 to 30",
)
NOWHERE = a_child(generalPractice=None)


def counted(desk):
    return desk.journal.read(lambda tx: tx.uptake())


def outcome(message, value):
    return changed(message, "review.outcome", value)


def test_a_review_counts_once_by_its_facts_whether_it_is_kept_or_forgotten(desk):
    desk.send(a_review())
    desk.send(a_review(child=a_child(nhsNumber="9990001014", generalPractice=None)))
    assert counted(desk) == {AS_BUILT: 2}


def test_parts_and_repeats_of_one_review_count_once(desk):
    review = a_review()
    desk.send(review)
    desk.answer(review)
    desk.send(assessment_scales("scales-1", child=a_child()), "fhir")
    assert counted(desk) == {AS_BUILT: 1}


def test_an_update_corrects_the_count(desk):
    review = a_review(child=NOWHERE)
    desk.send(outcome(review, "was-not-brought"))
    desk.send(later(review))
    assert counted(desk) == {AS_BUILT: 1}


def test_a_retraction_takes_it_from_the_count(desk):
    review = a_review()
    desk.send(review)
    desk.send(retracted(review))
    assert counted(desk) == {}


def test_a_message_that_comes_late_takes_no_forgotten_review_from_the_count(desk):
    review = a_review(child=NOWHERE)
    desk.send(later(review))
    desk.send(outcome(review, "was-not-brought"))
    assert counted(desk) == {AS_BUILT: 1}


def test_a_retraction_of_one_part_takes_no_forgotten_part_from_the_count(desk):
    desk.send(a_review(child=NOWHERE))
    desk.send(assessment_scales("scales-1", child=NOWHERE), "fhir")
    gone = assessment_scales(
        "scales-2", child=NOWHERE, event="delete", sent=f"{DAY}T16:00:00+00:00"
    )
    desk.send(gone, "fhir")
    assert counted(desk) == {AS_BUILT: 1}


def test_what_is_unknown_is_counted_as_unknown(desk):
    desk.send(a_review(child=a_child(address=None, birthDate="2024", generalPractice=None)))
    [facts] = counted(desk)
    assert (facts.authority, facts.locality, facts.age_band) == ("unknown", "unknown", "unknown")


def test_a_home_elsewhere_is_counted_there(desk):
    desk.send(a_review(child=a_child(address={"postcode": "CW10 0ZX"})))
    [facts] = counted(desk)
    assert (facts.authority, facts.locality) == ("895", "unknown")


def test_nothing_but_reviews_is_counted(desk):
    for build in (a_report, a_notice, a_referral):
        desk.send(build())
    assert counted(desk) == {}
