"""Reads a stored alert: all that a format may render."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson
from pydantic import ConfigDict

from schemas.alert import AlertData
from schemas.base import Model

NAME = "Early Identification Gateway"
"""What the gateway is called wherever it speaks for itself."""


class StoredAlert(Model):
    """The attributes of the CloudEvent, and its data."""

    model_config = ConfigDict(extra="ignore")

    id: str
    source: str
    type: str
    subject: str
    sequence: str
    time: datetime
    data: AlertData

    @cached_property
    def root(self) -> UUID:
        """The alert's id as a UUID, from which those of its resources are derived."""
        try:
            return UUID(self.id)
        except ValueError:
            return uuid5(NAMESPACE_URL, self.url)

    @property
    def instant(self) -> str:
        """When the alert was decided, in UTC: `2026-11-17T15:20:00.250123Z`."""
        return self.time.astimezone(UTC).isoformat().replace("+00:00", "Z")

    @property
    def url(self) -> str:
        """Where the alert can be read: `{base}/alerts/{id}`."""
        return f"{self.source}/alerts/{self.id}"

    @property
    def is_withdrawn(self) -> bool:
        """Tell whether what was told no longer stands: then nothing of the child is said."""
        return self.data.change == "withdrawn"


def read(body: bytes) -> StoredAlert:
    """Read a stored alert: a CloudEvent in structured JSON, as `cloudevents.render` wrote it."""
    return StoredAlert.model_validate(orjson.loads(body))
