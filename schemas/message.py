"""The canonical message: one envelope, four kinds."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from schemas.base import Day, Instant, Model, Text, Word
from schemas.child import Child
from schemas.organisation import Organisation, Professional
from schemas.referral import Referral
from schemas.review import HealthyChildReview
from schemas.rules import broken
from schemas.sen_support import SenSupportNotice
from schemas.sharing import SharingStatement
from schemas.speech_therapy import SpeechTherapyReport
from schemas.words import AGENCIES as AGENCIES
from schemas.words import KINDS as KINDS
from schemas.words import Agency as Agency
from schemas.words import AreaOfNeed as AreaOfNeed
from schemas.words import Kind as Kind

BODY: dict[Kind, str] = {
    "healthy-child-review": "review",
    "speech-therapy-report": "report",
    "sen-support-notice": "notice",
    "referral": "referral",
}
"""The property that holds each kind's body."""

ConclusionKind = Literal[
    "none",
    "watch-and-recheck",
    "support-within-service",
    "refer",
    "probable-sen-or-disability",
    "family-support",
    "significant-harm",
]


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
    kind: Kind

    @model_validator(mode="after")
    def _keeps_the_rules_between_fields(self, info: ValidationInfo) -> Self:
        document = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for rule in broken(document, clock=info.context != UNCLOCKED):
            place = {"path": rule.path, "detail": rule.detail}
            raise PydanticCustomError(rule.code, "{path} {detail}", place)
        return self

    @model_validator(mode="after")
    def _has_its_body(self) -> Self:
        name = BODY[self.kind]
        if getattr(self, name) is None and not (self.action == "retract" and self.record):
            raise PydanticCustomError(
                "body_missing",
                "the property {name} is missing (only a retract that names its record may lack it)",
                {"name": name},
            )
        return self


class HealthyChildReviewMessage(Envelope):
    """A Healthy Child review result, such as the 2-2½ year review."""

    kind: Literal["healthy-child-review"]
    review: HealthyChildReview | None = None


class SpeechTherapyReportMessage(Envelope):
    """A speech and language therapy report."""

    kind: Literal["speech-therapy-report"]
    report: SpeechTherapyReport | None = None


class SenSupportNoticeMessage(Envelope):
    """A school's or setting's notice that SEN support began, changed or ended."""

    kind: Literal["sen-support-notice"]
    notice: SenSupportNotice | None = None

    @model_validator(mode="after")
    def _names_its_record(self) -> Self:
        if self.record is None and self.child.upn is None:
            raise PydanticCustomError(
                "record_key", "has neither child.upn nor record; one is needed to know its record"
            )
        return self


class ReferralMessage(Envelope):
    """A referral to a service, an EHC request, an early help request or a safeguarding referral."""

    kind: Literal["referral"]
    referral: Referral | None = None


Message = Annotated[
    HealthyChildReviewMessage
    | SpeechTherapyReportMessage
    | SenSupportNoticeMessage
    | ReferralMessage,
    Field(discriminator="kind"),
]
"""One canonical message, told apart by `kind`."""

MESSAGE: TypeAdapter[Message] = TypeAdapter(Message, config=ConfigDict(hide_input_in_errors=True))

UNCLOCKED = {"clock": False}
"""Context in which a message is read whose `sent` is not held against the day of its review: one
that was taken already, or one of a standard whose senders stamp their headers so."""


def is_safeguarding(message: Envelope) -> bool:
    """Tell whether this is the one message in which harm may stand."""
    referral = getattr(message, "referral", None)
    return referral is not None and referral.type == "safeguarding"
