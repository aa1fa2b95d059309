"""The FHIR answer to a message: a Bundle of type message whose MessageHeader has `response`.

What the receipt says stands in an OperationOutcome, in words, so that a sender who reads only FHIR
loses nothing of it. STU3 carries EMS-EventMessageResponseCode-1 R00, as Digital Child Health wants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from adapters.inbound.fhir.envelope import BARS, Envelope
from adapters.outbound.operation_outcome import EMS
from adapters.outbound.stored import NAME
from schemas.finding import Finding
from schemas.receipt import Held, Receipt, ReceiptAlert

SUCCESS = {"system": EMS, "code": "R00", "display": "Success"}
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
"""The FHIR type `id`."""


def message_response(
    request: Envelope, receipt: Receipt, *, repeated: bool, at: datetime, endpoint: str
) -> dict[str, Any]:
    """Answer a message that was taken.

    at: when it is answered. endpoint: the gateway's own address, where the message names none.
    Asked again, header and Bundle have the same ids, so that a sender can tell a repeat.
    """
    stu3 = request.version == "STU3"
    header_id, outcome_id = _uuid(receipt, "header"), _uuid(receipt, "outcome")
    event = "event" if stu3 else "eventCoding"
    header: dict[str, Any] = {
        "resourceType": "MessageHeader",
        "id": header_id,
        event: request.header.get(event),
        "destination": [_endpoint(request.header.get("source"), endpoint)],
        "source": {"name": NAME, **_endpoint(request.header.get("destination"), endpoint)},
        "response": {
            "identifier": request.id if _ID.fullmatch(request.id) else receipt.id,
            "code": "ok",
            "details": {"reference": f"urn:uuid:{outcome_id}"},
        },
    }
    bundle: dict[str, Any] = {"resourceType": "Bundle", "id": _uuid(receipt, "bundle")}
    if stu3:
        bundle["meta"] = {"lastUpdated": at.isoformat()}
        header["timestamp"] = at.isoformat()
    else:
        bundle["timestamp"] = at.isoformat()
    told = {"resourceType": "OperationOutcome", "issue": list(_issues(receipt, repeated, stu3))}
    entry = [_entry(header_id, header), _entry(outcome_id, told)]
    if request.standard == BARS and (referral := _referral(request)):
        about = {"reference": f"urn:uuid:{_uuid(receipt, 'focus')}"}
        header |= {"reason": request.header.get("reason"), "focus": [about]}
        entry.append(_entry(_uuid(receipt, "focus"), referral))
    return {**bundle, "type": "message", "entry": entry}


def _referral(request: Envelope) -> dict[str, Any] | None:
    """Return the referral with the id that later messages may name it by, as the standard asks."""
    identity = request.focus.get("id") or request.bundle_id
    if not _ID.fullmatch(str(identity)):
        return None
    kept = ("resourceType", "identifier", "status", "intent")
    known = {name: request.focus[name] for name in kept if name in request.focus}
    return {**known, "id": identity, "subject": {"type": "Patient"}}


def _issues(receipt: Receipt, repeated: bool, stu3: bool) -> Iterator[dict[str, Any]]:
    if receipt.warning:
        yield _issue("warning", receipt.warning, severity="warning")
    taken = "was sent before; this is how it stands by now" if repeated else "is on disk"
    first = f"The message {taken}: {receipt.status}. Its receipt is /messages/{receipt.id}."
    yield _issue(receipt.status, first, coding=SUCCESS if stu3 else None)
    if receipt.record:
        yield _issue("record", f"Record {receipt.record.id}, version {receipt.record.version}.")
    for finding in receipt.findings:
        yield _issue("understood", _finding(finding))
    for area in receipt.areas:
        yield _issue("understood", f"Area of need: {area}.")
    for coding in receipt.unmapped:
        yield _issue("unmapped", f"Code {coding.code} of {coding.system} is in no map; it is kept.")
    for alert in receipt.alerts:
        yield _issue("alert", _alert(alert))
    for held in receipt.held:
        yield _issue("held", _held(held))
    for question in receipt.questions:
        where = f"{question.pointer}: " if question.pointer else ""
        yield _issue("question", where + question.detail)
    for note in receipt.notes:
        yield _issue("note", note)
    yield _issue("sentence", receipt.sentence)


def _issue(
    what: str, words: str, *, severity: str = "information", coding: dict[str, str] | None = None
) -> dict[str, Any]:
    details: dict[str, Any] = {"coding": [coding]} if coding else {}
    return {
        "severity": severity,
        "code": "informational",
        "details": {**details, "text": what},
        "diagnostics": words,
    }


def _finding(finding: Finding) -> str:
    said = finding.document()
    first = f"{said.pop('about')}: {said.pop('level')}"
    rest = (
        f"{name} {value['code'] if isinstance(value, dict) else value}"
        for name, value in said.items()
    )
    return "; ".join([first, *rest]) + "."


def _alert(alert: ReceiptAlert) -> str:
    whom = alert.title or alert.service
    basis = f", basis {alert.basis}" if alert.basis else ""
    return (
        f"{alert.agency}{f', {whom}' if whom else ''}: {alert.change}, {alert.urgency}, "
        f"{alert.state} (route {alert.route}{basis})."
    )


def _held(held: Held) -> str:
    missing = " ".join(
        f"Missing{f' at {one.pointer}' if one.pointer else ''}: {one.detail}."
        for one in held.missing
    )
    who = f" for {held.service}" if held.service else ""
    basis = f", basis {held.basis}" if held.basis else ""
    first = f"Held{who} (route {held.route}{basis}), {held.reason}: {held.detail}"
    return " ".join(filter(None, (first, missing, held.do)))


def _endpoint(address: Any, own: str) -> dict[str, Any]:
    """Return the endpoint of a source, or of the first destination, of the request."""
    if isinstance(address, list):
        address = address[0] if address else None
    stated = address.get("endpoint") if isinstance(address, dict) else None
    return {"endpoint": stated or own}


def _entry(identity: str, resource: dict[str, Any]) -> dict[str, Any]:
    return {"fullUrl": f"urn:uuid:{identity}", "resource": resource}


def _uuid(receipt: Receipt, what: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{receipt.id}/{what}"))
