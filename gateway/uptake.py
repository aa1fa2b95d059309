"""The counted facts of a review: no child, and nothing of a restricted one's place."""

from __future__ import annotations

from gateway.assessment.ages import age_on
from gateway.directory import Directory
from gateway.journal import Uptake
from schemas.base import whole_date
from schemas.message import HealthyChildReviewMessage, Message


def uptake(message: Message | None, directory: Directory) -> Uptake | None:
    """Return what is counted of a record's state; None where it is no review, or none stands."""
    if not isinstance(message, HealthyChildReviewMessage) or message.review is None:
        return None
    child, review = message.child, message.review
    postcode = child.address.postcode if child.address else None
    home = directory.home(postcode) if postcode and not message.sharing.restricted else None
    born = whole_date(child.birth_date)
    return Uptake(
        authority=home.la_code if home else "unknown",
        organisation=message.source.key,
        outcome=review.outcome,
        month=f"{review.date:%Y-%m}",
        locality=(home.locality if home else None) or "unknown",
        age_band=_age_band(age_on(review.date, born).months) if born else "unknown",
    )


def _age_band(months: int) -> str:
    return "under 24" if months < 24 else "24 to 30" if months <= 30 else "over 30"
