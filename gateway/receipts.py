"""Writes receipts: what was understood, which alerts follow, what is held, what to look at again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from adapters.inbound import Parsed
from gateway.alerts import NewAlert
from gateway.assessment import Assessment
from gateway.journal import AlertState, Message, Outcome, Queries
from gateway.policy.engine import Decision, Holding
from gateway.rules import Rules
from gateway.travelling import Incoming, State
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

COUNTED = "Counted, nothing kept: nobody is told, and this message was forgotten."
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
WORDS: Mapping[AlertState, Literal["due", "delivered", "superseded"]] = {
    "due": "due",
    "done": "delivered",
    "superseded": "superseded",
}
"""How far an alert has come, as its sender reads it."""
QUEUED = "In the front door's queue. It is not known whether anybody has opened it."


def not_delivered(numbers: Telephone) -> str:
    """Say what stands on a safeguarding referral until the broker has it."""
    return (
        f"NOT DELIVERED. Telephone the front door now: {numbers.front_door} (nights and weekends "
        f"{numbers.night_team})."
    )


@dataclass(frozen=True)
class Receipts:
    """Writes receipts in the words of the policy and with the directory's telephone numbers."""

    rules: Rules

    @property
    def telephone(self) -> Telephone:
        """The numbers of the front door and of the night team."""
        numbers = self.rules.directory.area.telephones
        return Telephone(front_door=numbers.front_door, night_team=numbers.night_team)

    def first(self, incoming: Incoming, state: State, told: Sequence[NewAlert]) -> Receipt:
        """Write the receipt of a message that was just recorded."""
        decision = state.decision
        notes = list(decision.notes)
        silent = len(decision.alerts) - sum(t.data.change != "withdrawn" for t in told)
        if silent > 0 and not state.late:
            notes.append(
                f"{silent} receiver(s) already know all that they may see: not told again."
            )
        if decision.forgets:
            notes.append(WITHDRAWN if told else COUNTED)
        elif state.gone:
            notes.append(AGAIN.format(count=state.gone))
        return self._receipt(
            incoming.parsed,
            state.own,
            decision,
            id=incoming.id,
            status="counted" if decision.forgets else "recorded",
            received_at=incoming.received,
            record=ReceiptRecord(id=state.record, version=state.version),
            questions=(*_about_the_record(incoming, state), *_asked(incoming.parsed, state.own)),
            notes=tuple(notes),
            alerts=tuple(
                ReceiptAlert(
                    id=t.row.id,
                    route=t.route,
                    agency=t.data.agency,
                    service=None if state.restricted else t.data.service.id,
                    title=None if state.restricted else t.data.service.title,
                    basis=t.row.basis,
                    change=t.data.change,
                    urgency=t.data.urgency,
                    state="due",
                )
                for t in told
            ),
        )

    def check(self, parsed: Parsed) -> Receipt:
        """Answer as if this were the first part of its record. Reads no journal, stores nothing."""
        message = parsed.message
        if message.action == "retract":
            return _well_formed(parsed)
        assessment = self.rules.assess(message)
        decision, restricted = self.rules.decide(message, assessment), message.sharing.restricted
        return self._receipt(
            parsed,
            assessment,
            decision,
            id="-",
            status="checked",
            questions=_asked(parsed, assessment),
            notes=(*decision.notes, *([COUNTED] if decision.forgets else []), CHECKED),
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

    def standing(self, tx: Queries, message_id: str) -> Receipt:
        """Return a receipt as it stands by now, with the state of each alert.

        Raises KeyError for a message that the journal does not know.
        """
        kept = tx.receipt(message_id)
        if kept is None:
            raise KeyError(message_id)
        outcomes = {o.alert.id: o for o in kept.outcomes if o.alert.type}
        if kept.receipt is None:
            return _of_what_is_gone(kept.message, outcomes.values())
        receipt = Receipt.model_validate_json(kept.receipt)
        restricted = tx.restricted(kept.message.record_ref)  # by now

        def by_now(alert: ReceiptAlert) -> ReceiptAlert:
            outcome = outcomes.get(alert.id or "")
            now: dict[str, object] = {}
            if outcome:
                now = {"state": WORDS[outcome.state], "beside": _beside(outcome)}
            if restricted:
                now |= {"service": None, "title": None, "beside": ()}
            return alert.model_copy(update=now)

        standing = {(o.route, o.alert.hold_reason) for o in kept.outcomes if o.state == "held"}
        changes: dict[str, object] = {
            "alerts": tuple(by_now(alert) for alert in receipt.alerts),
            "held": tuple(h for h in receipt.held if (h.route, h.reason) in standing),
        }
        if receipt.warning and any(
            t.route in self._harm and t.type != "withdrawn" and t.state == "done"
            for t in tx.threads(kept.message.record_ref)
        ):
            changes["warning"] = QUEUED
        return receipt.model_copy(update=changes)

    @property
    def _harm(self) -> frozenset[str]:
        """The routes of a safeguarding referral."""
        bases, routes = self.rules.policy.bases, self.rules.policy.routes
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
                "unmapped": tuple(dict.fromkeys([*parsed.unmapped, *assessment.unmapped])),
                "held": tuple(self._held(hold) for hold in decision.holds),
                **fields,
            }
        )

    def _held(self, hold: Holding) -> Held:
        words = self.rules.policy.holds[hold.reason]
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


def _asked(parsed: Parsed, assessment: Assessment) -> tuple[Question, ...]:
    return (*assessment.questions, *parsed.notes)


def _about_the_record(incoming: Incoming, state: State) -> Iterable[Question]:
    """Ask what the sender would want to know of a correction that corrected nothing."""
    if state.late:
        yield Question(pointer="/sent", detail=LATE)
    if state.version == 1 and incoming.message.action == "update":
        yield Question(pointer="/action", detail=FIRST)
    if state.replaces:
        yield Question(pointer="/action", detail=REPLACED)


def _well_formed(parsed: Parsed) -> Receipt:
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


def _of_what_is_gone(row: Message, outcomes: Collection[Outcome]) -> Receipt:
    """Write the receipt of a message of which no more is kept: what became of its alerts stays."""
    erased = row.state == "erased"
    return Receipt(
        id=row.id,
        status="erased" if erased else "counted",
        kind=row.kind,
        event=row.event,
        action=row.action,
        received_at=row.received_at,
        notes=(ERASED if erased else WITHDRAWN if outcomes else COUNTED,),
        sentence=SENTENCE,
        alerts=tuple(
            ReceiptAlert(
                id=o.alert.id,
                route=o.route,
                agency=o.agency,
                basis=o.alert.basis,
                change=o.alert.type or "created",
                urgency=o.alert.urgency,
                state=WORDS[o.state],
                beside=_beside(o),
            )
            for o in outcomes
        ),
    )


def _beside(outcome: Outcome) -> tuple[ReceiptDelivery, ...]:
    return tuple(
        ReceiptDelivery(channel=d.channel, state=d.state, at=d.delivered_at, code=d.last_error)
        for d in outcome.deliveries
        if d.channel == "mesh"
    )
