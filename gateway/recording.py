"""Records one version of a record in one transaction: message, decision, alerts, due deliveries."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from pydantic_core import to_json

from gateway.alerts import Alerts, Threads
from gateway.journal import KEPT_WHILE_HELD, Alert, Transaction
from gateway.journal import Message as MessageRow
from gateway.policy.engine import Holding
from gateway.receipts import Receipts
from gateway.travelling import Incoming, State
from gateway.uptake import uptake
from schemas.receipt import Receipt
from schemas.record import child_key

NOBODY = "-"
"""Stands for the service of a hold that may not name one, or knows none."""


@dataclass(frozen=True)
class Recording:
    """Writes what was decided, and the receipt of it."""

    alerts: Alerts
    receipts: Receipts

    def record(self, tx: Transaction, incoming: Incoming, state: State) -> Receipt:
        """Record one version and return the sender's receipt."""
        keep, later = not state.decision.forgets, state.version > 1
        expires_at = None if state.decision.alerts else incoming.received + KEPT_WHILE_HELD
        # A retraction may name no more than the record of a safeguarding referral.
        hidden = later and any(row.submitter_only for row, _ in tx.parts(state.record))
        threads = Threads(tx, state)
        alerts = list(self.alerts.due(tx, threads, incoming, state))
        receipt = self.receipts.first(incoming, state, alerts)
        message = incoming.message
        tx.add_message(
            MessageRow(
                id=incoming.id,
                organisation=message.source.key,
                kind=message.kind,
                event=incoming.parsed.event,
                idempotency=incoming.idempotency,
                sequence=incoming.sequence,
                action=message.action,
                record_ref=state.record,
                sent_at=message.sent,
                received_at=incoming.received,
                bytes_hash=incoming.bytes_hash,
                canonical_hash=incoming.canonical_hash,
                media_type=incoming.media_type,
                state="recorded" if keep else "counted",
                credential_id=incoming.caller.credential,
                submitter_only=incoming.safeguarding or hidden,
                expires_at=expires_at if keep else None,
            ),
            body=incoming.body if keep else None,
            canonical=incoming.canonical if keep else None,
            receipt=receipt.model_dump_json(by_alias=True).encode() if keep else None,
        )
        for new in alerts:
            if new.supersedes:
                tx.supersede_due(new.row.thread_id, incoming.received)
            tx.add_alert(new.row, body=new.body, deliveries=new.ways)
        if later:
            tx.supersede_holds(state.record, incoming.received)
        for hold in state.decision.holds:
            self._hold(tx, threads, incoming, state, hold)
        codec, stands = self.alerts.codec, state.message if keep else None
        tx.add_version(
            state.record,
            state.version,
            message_id=incoming.id,
            child_ref=codec.ref("child", *child_key(stands)) if stands else None,
            decided_at=incoming.received,
            decision=to_json(self._decision(state)) if keep else None,
            mark=codec.mark(state.record, restricted=state.restricted),
        )
        if state.message or not state.gone:  # what stands and was forgotten is counted already
            tx.count(state.record, uptake(state.message, self.alerts.rules.directory))
        if later and keep:
            tx.set_expiry(state.record, expires_at)
        elif later:
            tx.forget(state.record)
        return receipt

    def _hold(
        self, tx: Transaction, threads: Threads, incoming: Incoming, state: State, hold: Holding
    ) -> None:
        """Record that an alert may not go, and what is missing. Its body is the message's own."""
        service = hold.service.id if hold.service and hold.reason != "restricted" else NOBODY
        route = self.alerts.rules.policy.routes.get(hold.route)
        agency = (route.agency if route else None) or NOBODY
        tx.add_alert(
            Alert(
                id=str(uuid4()),
                thread_id=threads.of(hold.route, service, agency).id,
                sequence=None,
                record_version=state.version,
                message_id=incoming.id,
                type=None,
                basis=hold.basis,
                urgency="routine",
                routing_key=None,
                view_hash=None,
                hold_reason=hold.reason,
                decided_at=incoming.received,
            ),
            body=None,
            missing=to_json([m.document() for m in hold.missing]) if hold.missing else None,
        )

    def _decision(self, state: State) -> dict[str, object]:
        """Say what was decided under which policy, so that it can be shown afterwards why."""
        policy = self.alerts.rules.policy
        return {
            "policy": {"title": policy.title, "version": policy.version},
            "alerts": [
                {"route": a.route, "basis": a.basis, "service": a.service.id, "agency": a.agency}
                for a in state.decision.alerts
            ],
            "holds": [
                {"route": h.route, "basis": h.basis, "reason": h.reason}
                for h in state.decision.holds
            ],
        }
