"""An alert as a multi-agency referral form, in JSON.

For case systems without an interface. Everything stands in the stored alert or is a label of ours:
no need code, factor or threshold is set, and what was not said is `not stated`, never guessed. No
number shows how many versions a record has had, so that no gap tells who was not told.
"""

from __future__ import annotations

import csv
import re
from datetime import date, timedelta
from importlib.resources import files
from typing import Any

import orjson

from adapters.outbound.stored import StoredAlert, read
from schemas.receipt import SENTENCE

Json = dict[str, Any]
NOT_STATED = "Not stated"
MEANING = "“Not stated” means that it is not said in what was shared with you; nothing is assumed."
NO_CLOCK = "Counted from the day of receipt. No clock is said to run: a person looks at exceptions."

TABLES: dict[str, dict[str, tuple[str, str]]] = {}
for _row in csv.DictReader(
    files(__package__).joinpath("referral_form.csv").read_text(encoding="utf-8").splitlines()
):
    TABLES.setdefault(_row["table"], {})[_row["key"]] = (_row["value"], _row["note"])

_SCHOOL = re.compile(r"urn:1\d{5}")
"""URNs of schools in Get Information About Schools; settings for the early years have others."""


def render(body: bytes) -> bytes:
    """Render a stored alert as the form's JSON. `fields` are the canonical ones, cut to the view."""
    return orjson.dumps(form(read(body)))


def form(alert: StoredAlert) -> Json:
    """Return the form as a document."""
    data = alert.data.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    told = {
        "form": "multi-agency-referral",
        "title": title(alert),
        "status": data["change"],
        "statusInWords": say("status", data["change"]),
        "reference": alert.subject,
        "issue": alert.id,
        "issuedAt": alert.instant,
        "to": {"agency": data["agency"], "service": data["service"]},
        "urgency": data["urgency"],
        "sentence": SENTENCE,
    }
    if alert.is_withdrawn:
        return told
    kept = ("respondBy", "flags", "basis", "purpose", "areas", "aboutDate", "receivedAt")
    told |= {name: data[name] for name in kept if name in data}
    fields = alert.data.fields
    told |= {
        "referrer": data.get("sender", {}),
        "parentsTold": _parents_told(fields),
        "consent": _consent(fields),
        "fields": fields,
        "notStated": MEANING,
    }
    if contact := fields.get("sharing", {}).get("safeContact"):
        told["safeContact"] = contact
    if alert.data.agency == "social-care" and (source := _source(alert)):
        told["cinReferralSource"] = source
    if dates := _dates(fields):
        told |= {"dates": dates, "datesMean": NO_CLOCK}
    return told


def say(table: str, word: str) -> str:
    if word in TABLES.get(table, {}):
        return TABLES[table][word][0]
    return word.replace("-", " ").capitalize()


def title(alert: StoredAlert) -> str:
    """Return what this is about: of a referral by its type, else by the part that is there."""
    referral = alert.data.fields.get("referral", {})
    names = [name for name in (referral.get("type"), *referral) if name in TABLES["title"]]
    return TABLES["title"][names[0] if names else alert.data.kind][0]


def _parents_told(fields: Json) -> Json:
    """Say whether the parents were told, when, and why not, as the sender states it."""
    sharing, notice = fields.get("sharing", {}), fields.get("notice", {})
    harm = sharing.get("harm", {})
    days = [one["on"] for one in sharing.get("informed", ()) if "on" in one]
    days += [sharing.get("opinion", {}).get("parentInformedOn")]
    days += [notice.get("parentsTold", {}).get("on")]
    days = [day for day in days if day]
    why_not = harm.get("notToldBecause") or sharing.get("notInformedBecause")
    if days or harm.get("parentsTold"):
        return {"answer": "yes", "on": sorted(set(days))}
    if why_not or harm.get("parentsTold") is False:
        return {"answer": "no"} | ({"whyNot": why_not} if why_not else {})
    return {"answer": "not-stated"}


_CONSENT = {"given": "yes", "refused": "no", "withdrawn": "no"}


def _consent(fields: Json) -> Json:
    """Say whether somebody agreed, and who."""
    agreement = fields.get("sharing", {}).get("agreement", {})
    status = agreement.get("status", "not-stated")
    return {**agreement, "answer": _CONSENT.get(status, status)}


def _source(alert: StoredAlert) -> Json | None:
    """Return the children in need census's source of referral, where the sender's role tells it."""
    sender = alert.data.sender
    if sender is None:
        return None
    role = (sender.role or "").casefold()
    for word, (code, name) in TABLES["source"].items():
        if re.search(rf"\b{word}\b", role):
            return {"code": code, "label": name}
    if _SCHOOL.fullmatch(sender.organisation):
        code, name = TABLES["school"]["urn"]
        return {"code": code, "label": name}
    return None


def _dates(fields: Json) -> list[Json]:
    """Return the dates due of an EHC request, where the day of its receipt is stated."""
    received = fields.get("referral", {}).get("ehc", {}).get("receivedOn")
    if received is None:
        return []
    start = date.fromisoformat(received)
    return [
        {
            "what": what,
            "weeks": int(weeks),
            "on": (start + timedelta(weeks=int(weeks))).isoformat(),
            "rule": rule,
        }
        for weeks, (what, rule) in TABLES["clock"].items()
    ]
