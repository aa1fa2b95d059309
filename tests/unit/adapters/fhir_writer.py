"""A canonical document as its sender would send it in FHIR R4.

Written by the gateway's own writer of alerts, under a header of the sender's. So that it reads as
it was shows that the two halves agree; what each element means is shown by the samples and the
published messages, which nobody's code wrote.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from adapters.outbound.fhir_objects import without_empty
from adapters.outbound.fhir_people import People
from adapters.outbound.fhir_r4 import bundle
from adapters.outbound.stored import read
from schemas.alert import AlertSender
from schemas.message import BODY
from tests.unit.adapters.alerts import fields_of, stored

Json = dict[str, Any]


def bundle_of(document: Json) -> Json:
    """Write a document as an R4 Bundle. The answers to items of an ASQ-3 are left out."""
    kind, said = document["kind"], copy.deepcopy(document)
    alert = read(stored(kind, fields_of(said), sender=None))
    written = bundle(alert)
    entry = written["entry"][0]
    header = entry["resource"]
    people = People(alert)
    people.entries = written["entry"]
    entry["fullUrl"] = "https://sender.example/fhir/MessageHeader/1"
    del header["id"], header["meta"], written["id"], written["identifier"]
    if re.fullmatch(r"[A-Za-z0-9.-]{1,64}", said["id"]):
        header["id"] = said["id"]
    else:
        written["identifier"] = {"system": "https://sender.example/Id", "value": said["id"]}
    written["timestamp"] = said["sent"]
    if "sequence" in said:
        header["meta"] = {"versionId": str(said["sequence"])}
    reason = said.get("retractReason", said.get("action", "new"))
    header["reason"] = {"coding": [{"code": reason}]}
    header["sender"] = people.organisation(said["source"])
    if "professional" in said:
        header["author"] = _author(people, said["professional"])
    if BODY[kind] not in said:
        del header["focus"]
    return without_empty(written)  # type: ignore[no-any-return]


def _author(people: People, who: Json) -> Json:
    sender = AlertSender(
        organisation="any",
        professional=who["name"],
        role=who.get("role"),
        phone=who.get("phone"),
        email=who.get("email"),
    )
    of = people.organisation(who["organisation"]) if "organisation" in who else {}
    return people.professional(sender, of)
