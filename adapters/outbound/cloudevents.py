"""An alert as a CloudEvents 1.0 event, in structured mode."""

from __future__ import annotations

from datetime import datetime

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from schemas.alert import AlertData

CONTENT_TYPE = "application/cloudevents+json"
_FORMAT = JSONFormat()


def render(
    data: AlertData, *, alert: str, thread: str, sequence: int, at: datetime, base: str
) -> bytes:
    """Render one alert.

    `alert` and `thread` are opaque ids; `sequence` counts the thread's versions from 1 and is
    written with ten digits; `at` is UTC; `base` is the gateway's public URL, which never changes.
    """
    return bytes(
        _FORMAT.write(
            CloudEvent(
                attributes={
                    "id": alert,
                    "source": base,
                    "type": event_type(data.kind, data.change),
                    "specversion": "1.0",
                    "subject": thread,
                    "sequence": f"{sequence:010d}",
                    "time": at,
                    "datacontenttype": "application/json",
                    "dataschema": f"{base}/schemas/alert",
                },
                data=data.model_dump(mode="json", by_alias=True, exclude_defaults=True),
            )
        )
    )


def event_type(kind: str, change: str) -> str:
    """Return the event's type: `<kind>.<created|updated|withdrawn>.v1`."""
    return f"{kind}.{change}.v1"
