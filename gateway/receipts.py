"""Writes receipts: what was understood, which alerts follow, what is held, what to look at again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from adapters.inbound import Parsed
from gateway.assessment import Assessment
from gateway.directory import Directory
from gateway.journal import Outcome, Queries
from gateway.policy.engine import Decision, Holding
from gateway.policy.model import Policy
from gateway.travelling import Incoming, State
from schemas.alert import AlertData
from schemas.base import Coding
from schemas.message import is_safeguarding
from schemas.receipt import (
    SENTENCE,
    Held,
    Question,
    Receipt,
    ReceiptAlert,
    ReceiptDelivery,
    ReceiptRecord,
    Telephone,
)

COUNTED = "Counted, nothing kept: only the count was kept, and this message was forgotten."
WITHDRAWN = "Whoever had been told learns that it no longer stands. Nothing else of it is kept."
ERASED = "Everything that followed from this message was held; after 30 days it was erased."
LATE = (
    "A message of this record with a later `sent` stands already, so this one changed nothing. If "
    "yours is the newer, send it again under a new id with a later `sent`."
)
FIRST = (
    "No earlier message about this record is known here, so nothing was corrected. Is it the same "
    "record? What names it must be as it was sent before."
)
REPLACED = (
    "An earlier message of this event about the same record stood, and this one, though `new`, has "
    "taken its place. Was it meant to be added? A message is always whole."
)
CHECKED = "This was a check: nothing was stored, and nothing known from before was looked at."
AGAIN = (
    "{count} earlier message(s) of this record were counted and not kept, or were held until they "
    "were erased. Send them again under new ids if they should be part of what is shared."
)
QUEUED = "In the front door's queue. It is not known whether anybody has opened it."


def not_delivered(numbers: Telephone) -> str:
    """Say what stands on a safeguarding referral until the broker has it."""
    return (
        f"NOT DELIVERED. Telephone the front door now: {numbers.front_door} (nights and weekends "
        f"{numbers.night_team})."
    )


@dataclass(frozen=True)
class Told:
    """One alert that was recorded."""

    id: str
    data: AlertData
    route: str
    basis: str | None


@dataclass(frozen=True)
class Receipts:
    """Writes receipts in the words of the policy and with the directory's telephone numbers."""

    policy: Policy
    directory: Directory

    @property
    def telephone(self) -> Telephone:
        """The numbers of the front door and of the night team."""
        return Telephone(
            front_door=self.directory.area.telephones.front_door,
            night_team=self.directory.area.telephones.night_team,
        )

    def first(
        self,
        incoming: Incoming,
        message_id: str,
        record_ref: str,
        version: int,
        state: State,
        told: Sequence[Told],
        gone: int,
        late: bool,
    ) -> Receipt:
        """Write the receipt of a message that was just recorded."""
        decision, restricted = state.decision, _restricted(state)
        notes = list(decision.notes)
        silent = len(decision.alerts) - sum(t.data.change != "withdrawn" for t in told)
        if silent > 0 and not late:
            notes.append(
                f"{silent} receiver(s) already know all that they may see: not told again."
            )
        if decision.forgets:
            notes.append(WITHDRAWN if told else COUNTED)
        elif gone:
            notes.append(AGAIN.format(count=gone))
        return self._receipt(
            incoming.parsed,
            state.own,
            decision,
            id=message_id,
            status="counted" if decision.forgets else "recorded",
            received_at=incoming.received,
            record=ReceiptRecord(id=record_ref, version=version),
            questions=tuple(_about_the_record(incoming, state, version, late)),
            notes=tuple(notes),
            alerts=tuple(
                ReceiptAlert(
                    id=t.id,
                    route=t.route,
                    agency=t.data.agency,
                    service=None if restricted else t.data.service.id,
                    title=None if restricted else t.data.service.title,
                    basis=t.basis,
                    change=t.data.change,
                    urgency=t.data.urgency,
                    state="due",
                )
                for t in told
            ),
        )

    def checked(self, parsed: Parsed, assessment: Assessment, decision: Decision) -> Receipt:
        """Write the answer to a check."""
        notes = [*decision.notes, *([COUNTED] if decision.forgets else []), CHECKED]
        restricted = bool(parsed.message.sharing.restricted)
        return self._receipt(
            parsed,
            assessment,
            decision,
            id="-",
            status="checked",
            notes=tuple(notes),
            alerts=tuple(
                ReceiptAlert(
                    route=a.route,
                    agency=a.agency,
                    service=None if restricted else a.service.id,
                    title=None if restricted else a.service.title,
                    basis=a.basis,
                    change="created",
                    urgency="urgent" if a.urgent else "routine",
                    state="would-go",
                )
                for a in decision.alerts
            ),
        )

    def well_formed_retract(self, parsed: Parsed) -> Receipt:
        """Answer the check of a retract: only that it is well-formed."""
        return Receipt(
            id="-",
            status="checked",
            kind=parsed.message.kind,
            event=parsed.event,
            action="retract",
            notes=("This retract is well-formed. " + CHECKED,),
            sentence=SENTENCE,
        )

    def standing(self, tx: Queries, message_id: str) -> Receipt:
        """Return a receipt as it stands by now, with the state of each alert.

        Raises KeyError for a message that the journal does not know.
        """
        kept = tx.receipt(message_id)
        if kept is None:
            raise KeyError(message_id)
        states = {o.alert.id: o for o in kept.outcomes if o.alert.type}
        words = {"due": "due", "done": "delivered", "superseded": "superseded"}
        if kept.receipt is None:
            row = kept.message
            note = ERASED if row.state == "erased" else WITHDRAWN if states else COUNTED
            return Receipt(
                id=row.id,
                status="erased" if row.state == "erased" else "counted",
                kind=row.kind,
                event=row.event,
                action=row.action,
                received_at=row.received_at,
                notes=(note,),
                sentence=SENTENCE,
                alerts=tuple(
                    ReceiptAlert(
                        id=o.alert.id,
                        route=o.route,
                        agency=o.agency,
                        basis=o.alert.basis,
                        change=o.alert.type or "created",
                        urgency=o.alert.urgency,
                        state=words[o.state],  # type: ignore[arg-type]
                        beside=_beside(o),
                    )
                    for o in states.values()
                ),
            )
        receipt = Receipt.model_validate_json(kept.receipt)
        alerts = tuple(
            a.model_copy(
                update={"state": words[states[a.id].state], "beside": _beside(states[a.id])}
            )
            if a.id in states
            else a
            for a in receipt.alerts
        )
        standing = {(o.route, o.alert.hold_reason) for o in kept.outcomes if o.state == "held"}
        held = tuple(h for h in receipt.held if (h.route, h.reason) in standing)
        changes: dict[str, object] = {"alerts": alerts, "held": held}
        threads = tx.threads(kept.message.record_ref)
        if receipt.warning and any(
            t.route in self._harm and t.type != "withdrawn" and t.state == "done" for t in threads
        ):
            changes["warning"] = QUEUED
        if any(t.held == "restricted" for t in threads):  # by a later version
            changes["alerts"] = tuple(
                a.model_copy(update={"service": None, "title": None, "beside": ()}) for a in alerts
            )
        return receipt.model_copy(update=changes)

    @property
    def _harm(self) -> frozenset[str]:
        """The routes of a safeguarding referral."""
        bases, routes = self.policy.bases, self.policy.routes
        return frozenset(
            n for n, r in routes.items() if any(bases[b].precedes_holds for b in r.basis)
        )

    def for_another(self, receipt: Receipt) -> Receipt:
        """Cut a safeguarding referral's receipt to what another key of its source may know."""
        kept = {"id", "status", "kind", "event", "action", "received_at", "warning", "telephone"}
        return Receipt.model_validate(receipt.model_dump(include=kept) | {"sentence": SENTENCE})

    def _receipt(
        self, parsed: Parsed, assessment: Assessment, decision: Decision, **fields: object
    ) -> Receipt:
        message = parsed.message
        harm = is_safeguarding(message) and message.action != "retract"
        return Receipt.model_validate(
            {
                "kind": message.kind,
                "sentence": SENTENCE,
                "event": parsed.event,
                "action": message.action,
                "warning": not_delivered(self.telephone) if harm else None,
                "telephone": self.telephone if harm else None,
                "findings": assessment.findings,
                "areas": assessment.areas,
                "unmapped": tuple(_once([*parsed.unmapped, *assessment.unmapped])),
                "held": tuple(self._held(hold) for hold in decision.holds),
                "questions": (*assessment.questions, *parsed.notes),
                **fields,
            }
        )

    def _held(self, hold: Holding) -> Held:
        words = self.policy.holds[hold.reason]
        hidden = hold.reason == "restricted"
        return Held(
            route=hold.route,
            service=None if hidden else (hold.service.id if hold.service else hold.role),
            basis=hold.basis,
            reason=hold.reason,
            detail=words.says,
            missing=hold.missing,
            do=words.do,
        )


def _about_the_record(
    incoming: Incoming, state: State, version: int, late: bool
) -> Iterable[Question]:
    """Ask what the sender would want to know of a correction that corrected nothing."""
    if late:
        yield Question(pointer="/sent", detail=LATE)
    if version == 1 and incoming.message.action == "update":
        yield Question(pointer="/action", detail=FIRST)
    if state.replaces:
        yield Question(pointer="/action", detail=REPLACED)
    yield from state.own.questions
    yield from incoming.parsed.notes


def _restricted(state: State) -> bool:
    return bool(state.message and state.message.sharing.restricted)


def _beside(outcome: Outcome) -> tuple[ReceiptDelivery, ...]:
    return tuple(
        ReceiptDelivery(channel=d.channel, state=d.state, at=d.delivered_at, code=d.last_error)
        for d in outcome.deliveries
        if d.channel == "mesh"
    )


def _once(codes: Iterable[Coding]) -> Iterable[Coding]:
    return dict.fromkeys(codes)
