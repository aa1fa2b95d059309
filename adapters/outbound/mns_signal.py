"""An alert as a thin signal, in the shape of the national Multicast Notification Service.

It says that there is something to read, and where: `{base}/alerts/{id}`, for the organisation of
the service that the alert names. MNS has the NHS number as the subject of an event. Here it is the
subject only where the view lets it through; else the thread's opaque id is, which the shape allows:
it asks for no NHS number, only for an identifier. A withdrawal never names the child.
"""

from __future__ import annotations

from uuid import uuid5

import orjson

from adapters.outbound.fhir_people import NHS_NUMBER
from adapters.outbound.stored import StoredAlert, read

PROFILE = (
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
    "backport-subscription-status-r4"
)


def render(body: bytes) -> bytes:
    """Render a stored alert as a Bundle of type history with one signal, in JSON."""
    alert = read(body)
    signal = str(uuid5(alert.root, "signal"))
    at, subscriptions = alert.instant, f"{alert.source}/subscriptions"
    event = [
        {"name": "event-number", "valueString": "1"},
        {"name": "timestamp", "valueInstant": at},
        {"name": "focus", "valueReference": {"reference": alert.url}},
    ]
    context = [
        {"name": "event-type", "valueString": f"{alert.data.kind}-{alert.data.change}-1"},
        {"name": "source", "valueUri": alert.source},
        {"name": "subject", "valueReference": {"identifier": _subject(alert)}},
        {"name": "version-id", "valueString": str(int(alert.sequence))},
    ]
    resource = {
        "resourceType": "Parameters",
        "id": signal,
        "meta": {"profile": [PROFILE]},
        "parameter": [
            {"name": "subscription", "valueReference": {"reference": subscriptions}},
            {"name": "status", "valueCode": "active"},
            {"name": "type", "valueCode": "event-notification"},
            {"name": "notification-event", "part": event},
            {"name": "additional-context", "part": context},
        ],
    }
    entry = {
        "fullUrl": f"urn:uuid:{signal}",
        "resource": resource,
        "request": {"method": "GET", "url": subscriptions},
        "response": {"status": "200"},
    }
    return orjson.dumps(
        {
            "resourceType": "Bundle",
            "id": alert.id,
            "type": "history",
            "timestamp": at,
            "entry": [entry],
        }
    )


def _subject(alert: StoredAlert) -> dict[str, str]:
    number = alert.data.fields.get("child", {}).get("nhsNumber")
    if number and not alert.is_withdrawn:
        return {"system": NHS_NUMBER, "value": number}
    return {"system": f"{alert.source}/threads", "value": alert.subject}
