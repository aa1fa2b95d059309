"""An alert as a call of Eclipse's GraphQL interface: a case note with what was shared.

`externalResource` names the gateway and the alert, so that a repeat can be recognised. The gateway
does not know Eclipse's persons: who posts the call first finds the person (`personByCriteria`) and
sets the variable `personId`, without which Eclipse refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from adapters.outbound.referral_form import say, title
from adapters.outbound.referral_page import plain_text
from adapters.outbound.stored import NAME, StoredAlert, read
from schemas.message import Kind
from schemas.rules import LONDON

MUTATION = """\
mutation AddAlert($personId: ID!, $input: NewCaseNoteEntry!) {
  addPersonCaseNoteEntry(personId: $personId, input: $input) {
    id
  }
}
"""

ENTRY_TYPES: Mapping[Kind, str] = {
    "healthy-child-review": "AGENCY_CONTACT",
    "speech-therapy-report": "AGENCY_CONTACT",
    "sen-support-notice": "AGENCY_CONTACT",
    "referral": "AGENCY_CONTACT",
}
"""CaseNote_EntryType by kind. Every customer has values of its own: an area sets these to its own."""


def render(body: bytes) -> bytes:
    """Render a stored alert as the JSON body of a GraphQL request."""
    alert = read(body)
    sender, day = alert.data.sender, alert.data.about_date or alert.time.astimezone(LONDON).date()
    note = {
        "entryType": ENTRY_TYPES[alert.data.kind],
        "event": _event(alert),
        # Eclipse counts months from 0.
        "eventDate": {"year": day.year, "month": day.month - 1, "day": day.day},
        "practitionerOrganisation": (sender and (sender.name or sender.organisation)) or NAME,
        "externalResource": {
            "systemIdentifier": alert.source,
            "resourceIdentifier": alert.id,
        },
    }
    return orjson.dumps({"query": MUTATION, "variables": {"input": note}})


def _event(alert: StoredAlert) -> str:
    """Return the note: what it is, and what the view let through, in lines of text."""
    lines = [f"{title(alert)}. {say('status', alert.data.change)}.", f"Reference: {alert.subject}"]
    return "\n".join([*lines, "", plain_text(alert)]).strip()
