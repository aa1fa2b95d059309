"""The canonical message: one envelope, four kinds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, AwareDatetime, Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from schemas.base import Day, Model, Text, Word, whole_date
from schemas.child import Child
from schemas.identifiers import OrganisationKey
from schemas.organisation import Organisation, Professional
from schemas.referral import INSTEAD, Referral
from schemas.review import HealthyChildReview
from schemas.sen_support import SenSupportNotice
from schemas.sharing import SharingStatement
from schemas.speech_therapy import SpeechTherapyReport

Kind = Literal["healthy-child-review", "speech-therapy-report", "sen-support-notice", "referral"]
KINDS: tuple[Kind, ...] = get_args(Kind)

AreaOfNeed = Literal[
    "communication-and-interaction",
    "cognition-and-learning",
    "social-emotional-and-mental-health",
    "sensory-and-or-physical",
]
"""The four broad areas of need (SEND Code of Practice 2015, 6.28 to 6.35)."""

Agency = Literal["education", "health", "social-care"]
AGENCIES: tuple[Agency, ...] = get_args(Agency)

ConclusionKind = Literal[
    "none",
    "watch-and-recheck",
    "support-within-service",
    "refer",
    "probable-sen-or-disability",
    "family-support",
    "significant-harm",
]


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("instant", "is an instant beyond the calendar") from None


Instant = Annotated[AwareDatetime, AfterValidator(_utc)]
"""An instant, in UTC. JSON gives it with its offset: `2026-11-24T10:15:00+00:00`."""

_FUTURE = timedelta(days=1)


class Conclusion(Model):
    """What the professional concluded. Conclusions route; scores and computed findings do not."""

    kind: ConclusionKind
    areas: tuple[AreaOfNeed, ...] = ()
    """The areas of need that the professional names."""
    on: Day | None = None
    recheck_on: Day | None = None
    refer_to: Word | None = None
    words: Text | None = None


class AlreadyNotified(Model):
    """That somebody was told already, outside the gateway."""

    who: Word
    on: Day | None = None


class Envelope(Model):
    """What every message carries, whatever its kind."""

    id: Word
    """The sender's own identifier of this message. The same id is the same message."""
    sent: Instant
    sequence: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """Orders versions under one id, and messages sent at one instant."""
    record: Word | None = None
    """The sender's key of the record; derived from the content where it is absent."""
    action: Literal["new", "update", "retract"] = "new"
    retract_reason: Literal["cancelled", "entered-in-error"] | None = None
    source: Organisation
    professional: Professional | None = None
    """The professional responsible."""
    child: Child = Child()
    sharing: SharingStatement = SharingStatement()
    conclusions: tuple[Conclusion, ...] = ()
    already_notified: AlreadyNotified | None = None

    @model_validator(mode="after")
    def _retract_has_a_reason(self) -> Self:
        if (self.action == "retract") != (self.retract_reason is not None):
            raise PydanticCustomError(
                "retract_reason",
                "retractReason is `cancelled` or `entered-in-error`, and stands with action "
                "`retract` only",
            )
        return self

    @model_validator(mode="after")
    def _born_before_sent(self) -> Self:
        born = whole_date(self.child.birth_date)
        if born and born > (self.sent + _FUTURE).date():
            raise PydanticCustomError("birth_date", "child.birthDate lies after the message's sent")
        return self

    @model_validator(mode="after")
    def _harm_stands_in_a_safeguarding_referral_only(self) -> Self:
        concluded = any(c.kind == "significant-harm" for c in self.conclusions)
        if (concluded or self.sharing.harm) and not is_safeguarding(self):
            raise PydanticCustomError("safeguarding_elsewhere", INSTEAD)
        return self


class HealthyChildReviewMessage(Envelope):
    """A Healthy Child review result, such as the 2-2½ year review."""

    kind: Literal["healthy-child-review"]
    review: HealthyChildReview | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _required(self, "review", self.review)
        if self.review and self.review.date > (self.sent + _FUTURE).date():
            raise PydanticCustomError("review_date", "review.date lies after the message's sent")
        born = whole_date(self.child.birth_date)
        if self.review and born and self.review.date < born:
            raise PydanticCustomError("review_date", "review.date lies before child.birthDate")
        return self


class SpeechTherapyReportMessage(Envelope):
    """A speech and language therapy report."""

    kind: Literal["speech-therapy-report"]
    report: SpeechTherapyReport | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _required(self, "report", self.report)
        return self


class SenSupportNoticeMessage(Envelope):
    """A school's or setting's notice that SEN support began, changed or ended."""

    kind: Literal["sen-support-notice"]
    notice: SenSupportNotice | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _required(self, "notice", self.notice)
        if self.record is None and self.child.upn is None:
            raise PydanticCustomError(
                "record_key", "has neither child.upn nor record; one is needed to know its record"
            )
        return self


class ReferralMessage(Envelope):
    """A referral to a service, an EHC request, an early help request or a safeguarding referral."""

    kind: Literal["referral"]
    referral: Referral | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _required(self, "referral", self.referral)
        return self

    @model_validator(mode="after")
    def _harm_is_whole(self) -> Self:
        """Refuse a safeguarding referral without a named person or a cause in words."""
        if not is_safeguarding(self) or self.action == "retract":
            return self
        harm = self.sharing.harm
        missing = [
            words
            for words, stated in (
                ("sharing.harm.by.name (who suspects)", harm and harm.by),
                ("sharing.harm.cause (reasonable cause, in words)", harm and harm.cause),
            )
            if not stated
        ]
        if missing:
            raise PydanticCustomError(
                "harm_incomplete",
                "A safeguarding referral needs {missing}. Telephone the front door now; do not wait "
                "for this message.",
                {"missing": " and ".join(missing)},
            )
        return self


Message = Annotated[
    HealthyChildReviewMessage
    | SpeechTherapyReportMessage
    | SenSupportNoticeMessage
    | ReferralMessage,
    Field(discriminator="kind"),
]
"""One canonical message, told apart by `kind`."""

MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)

BODY: dict[Kind, str] = {
    "healthy-child-review": "review",
    "speech-therapy-report": "report",
    "sen-support-notice": "notice",
    "referral": "referral",
}
"""The property that holds each kind's body."""


def is_safeguarding(message: Envelope) -> bool:
    """Tell whether this is the one message in which harm may stand."""
    referral = getattr(message, "referral", None)
    return referral is not None and referral.type == "safeguarding"


def source_of(message: Envelope) -> OrganisationKey:
    """Return the directory key of the organisation that the message names as its source."""
    return message.source.key


def _required(message: Envelope, name: str, body: Model | None) -> None:
    if body is None and not (message.action == "retract" and message.record):
        raise PydanticCustomError(
            "body_missing",
            "the property {name} is missing (only a retract that names its record may lack it)",
            {"name": name},
        )
