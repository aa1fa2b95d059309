"""What an agency receives: the data of an alert's CloudEvent."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from schemas.base import Day, Instant, Model, Text, Word
from schemas.message import Agency, Kind


class AlertService(Model):
    """The service that is to act. An agency's hub processes for it, and reads for nobody else."""

    id: Word
    title: Word | None = None


class AlertBasis(Model):
    """The legal ground on which this alert goes."""

    id: Word
    title: Word
    power: Text
    confidence: Text
    uk_gdpr: Text


class AlertSender(Model):
    """Who sent the message, and whom to ask about it."""

    organisation: Word
    name: Word | None = None
    professional: Word | None = None
    role: Word | None = None
    phone: Word | None = None
    email: Word | None = None


class AlertData(Model):
    """One version of a thread, whole: never a delta. Ignore a lower `sequence` of one `subject`.

    Of a `withdrawn` event only agency, service, kind and change are stated.
    """

    change: Literal["created", "updated", "withdrawn"]
    kind: Kind
    agency: Agency
    service: AlertService
    route: Word | None = None
    purpose: Word | None = None
    basis: AlertBasis | None = None
    urgency: Literal["routine", "urgent"]
    respond_by: Text | None = None
    """The time in which the route asks for an answer, in words. No clock is said to run."""
    flags: tuple[Text, ...] = ()
    """What the receiver must know about this alert, such as a home outside the area."""
    view: Word | None = None
    areas: tuple[Word, ...] = ()
    """Areas of need as the professional named them."""
    about_date: Day | None = None
    received_at: Instant | None = None
    sender: AlertSender | None = None
    fields: dict[str, Any] = Field(default_factory=dict)
    """The canonical message, cut to the view: a field that the view does not name is not here."""
