"""Records one version of a record in one transaction: message, decision, alerts, due deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import uuid4

from pydantic_core import to_json

from adapters.outbound.cloudevents import render
from gateway.assessment import age_on
from gateway.directory import Directory
from gateway.journal import Alert, Codec, Thread, Transaction, Uptake, Way
from gateway.journal import Message as MessageRow
from gateway.policy.engine import Holding, Outgoing
from gateway.policy.facts import event_date
from gateway.policy.model import Policy
from gateway.receipts import Receipts, Told
from gateway.travelling import Incoming, State
from schemas.alert import AlertBasis, AlertData, AlertSender, AlertService
from schemas.base import whole_date
from schemas.message import HealthyChildReviewMessage, Message
from schemas.receipt import Receipt
from schemas.record import child_key

HELD_FOR = timedelta(days=30)
"""How long a body is kept of which everything is held (holding is disclosure to the council)."""

NOBODY = "-"
"""Stands for the service of a hold that may not name one, or knows none."""


@dataclass(frozen=True)
class _NewAlert:
    alert: Alert
    data: AlertData
    route: str
    body: bytes
    ways: tuple[Way, ...]


class _Threads:
    """A record's threads: those it has, and those that begin with this version."""

    def __init__(self, tx: Transaction, record_ref: str, *, new: bool) -> None:
        self._tx, self._record_ref = tx, record_ref
        self.known = [] if new else tx.threads(record_ref)
        self._by_key = {(t.route, t.service): t for t in self.known}
        self._had = {t.id for t in self.known}

    def of(self, route: str, service: str, agency: str) -> Thread:
        """Return the thread of a route and a service, begun now where there is none."""
        key = (route, service)
        if key not in self._by_key:
            self._by_key[key] = self._tx.add_thread(self._record_ref, route, service, agency)
        return self._by_key[key]

    def supersede(self, thread_id: str, at: datetime) -> None:
        """Stop what is still due of a thread's earlier alerts."""
        if thread_id in self._had:
            self._tx.supersede_due(thread_id, at)


@dataclass(frozen=True)
class Recording:
    """Writes what was decided; knows where deliveries go."""

    codec: Codec
    policy: Policy
    directory: Directory
    receipts: Receipts
    channel: Literal["amqp", "mailbox"]
    public_url: str

    def record(
        self,
        tx: Transaction,
        incoming: Incoming,
        record_ref: str,
        version: int,
        state: State,
        gone: int,
        late: bool,
    ) -> Receipt:
        """Record one version and return the sender's receipt.

        `gone` counts the record's earlier parts that stand but are no longer kept; `late` says that
        a later part stood already, so that this one changed nothing.
        """
        message_id = str(uuid4())
        keep = not state.decision.forgets
        # A retraction may name no more than the record of a safeguarding referral.
        hidden = version > 1 and any(row.submitter_only for row, _ in tx.parts(record_ref))
        threads = _Threads(tx, record_ref, new=version == 1)
        alerts = list(self._alerts(threads, incoming, message_id, version, state))
        told = [Told(a.alert.id, a.data, a.route, a.alert.basis) for a in alerts]
        receipt = self.receipts.first(
            incoming, message_id, record_ref, version, state, told, gone, late
        )
        tx.add_message(
            self._row(incoming, message_id, record_ref, state, hidden=hidden),
            body=incoming.body if keep else None,
            canonical=incoming.canonical if keep else None,
            receipt=receipt.model_dump_json(by_alias=True).encode() if keep else None,
        )
        for new in alerts:
            threads.supersede(new.alert.thread_id, incoming.received)
            tx.add_alert(new.alert, body=new.body, deliveries=new.ways)
        if version > 1:
            tx.supersede_holds(record_ref, incoming.received)
        for hold in state.decision.holds:
            self._hold(tx, threads, incoming, message_id, version, hold)
        tx.add_version(
            record_ref,
            version,
            message_id=message_id,
            child_ref=self.codec.ref("child", *child_key(state.message))
            if keep and state.message
            else None,
            decided_at=incoming.received,
            decision=to_json(self._decision(state)) if keep else None,
            mark=restriction_mark(self.codec, record_ref, state.message),
        )
        if state.message or not gone:  # what stands and was forgotten is counted already
            tx.count(record_ref, self._uptake(state.message))
        if version > 1 and keep:
            tx.set_expiry(record_ref, self._expires(incoming, state))
        elif version > 1:
            tx.forget(record_ref)
        return receipt

    def _alerts(
        self, threads: _Threads, incoming: Incoming, message_id: str, version: int, state: State
    ) -> Iterator[_NewAlert]:
        """Bring every thread of the record to what was decided: tell, withdraw, or be silent."""
        stays: set[str] = set()
        for outgoing in state.decision.alerts:
            thread = threads.of(outgoing.route, outgoing.service.id, outgoing.agency)
            if thread.id in stays:
                continue
            stays.add(thread.id)
            data = self._data(outgoing, state, incoming, "updated" if thread.told else "created")
            view = self._view_hash(data)
            stands = thread.type in ("created", "updated") and thread.state in ("due", "done")
            if not stands or thread.view_hash != view:
                yield self._alert(thread, data, incoming, message_id, version, outgoing.basis, view)
        for thread in threads.known:
            if thread.id in stays or (
                thread.type == "withdrawn" and thread.state in ("due", "done")
            ):
                continue
            if thread.told:
                data = self._withdrawn(thread, incoming)
                yield self._alert(thread, data, incoming, message_id, version)
            else:
                threads.supersede(thread.id, incoming.received)

    def _alert(
        self,
        thread: Thread,
        data: AlertData,
        incoming: Incoming,
        message_id: str,
        version: int,
        basis: str | None = None,
        view: str | None = None,
    ) -> _NewAlert:
        alert = Alert(
            id=str(uuid4()),
            thread_id=thread.id,
            sequence=thread.sequence + 1,
            record_version=version,
            message_id=message_id,
            type=data.change,
            basis=basis,
            urgency=data.urgency,
            routing_key=routing_key(data),
            view_hash=view,
            decided_at=incoming.received,
        )
        body = render(
            data,
            alert=alert.id,
            thread=thread.id,
            sequence=thread.sequence + 1,
            at=incoming.received,
            base=self.public_url,
        )
        return _NewAlert(alert, data, thread.route, body, self._ways(thread, data))

    def _ways(self, thread: Thread, data: AlertData) -> tuple[Way, ...]:
        """Say where an alert goes: to its agency, and to what its service has beside.

        A withdrawal goes wherever the thread may be known, whatever the directory says by now.
        """
        own = Way(self.channel, data.agency)
        if data.change == "withdrawn":
            beside = sorted(way for way in thread.ways if way.channel not in ("amqp", "mailbox"))
            return own, *beside
        ends = self.directory.endpoints.get(thread.service, ())
        return own, *(Way(end.channel, thread.service, end.format) for end in ends)

    def _hold(
        self,
        tx: Transaction,
        threads: _Threads,
        incoming: Incoming,
        message_id: str,
        version: int,
        hold: Holding,
    ) -> None:
        """Record that an alert may not go, and what is missing. Its body is the message's own."""
        hidden = hold.reason == "restricted" or hold.service is None
        service = NOBODY if hidden or hold.service is None else hold.service.id
        agency = self.policy.routes[hold.route].agency if hold.route in self.policy.routes else None
        tx.add_alert(
            Alert(
                id=str(uuid4()),
                thread_id=threads.of(hold.route, service, agency or NOBODY).id,
                sequence=None,
                record_version=version,
                message_id=message_id,
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

    def _expires(self, incoming: Incoming, state: State) -> datetime | None:
        """Say when bodies go of which everything is held; None where something was told."""
        return None if state.decision.alerts else incoming.received + HELD_FOR

    def _data(
        self,
        outgoing: Outgoing,
        state: State,
        incoming: Incoming,
        change: Literal["created", "updated"],
    ) -> AlertData:
        """Build the alert's data from the cut document. Nothing else of the message enters it."""
        message, route = state.message, self.policy.routes[outgoing.route]
        assert message is not None
        basis = self.policy.bases[outgoing.basis]
        organisation = self.directory.organisation(message.source.key)
        professional = message.professional if "professional" in outgoing.fields else None
        return AlertData(
            change=change,
            kind=message.kind,
            agency=outgoing.agency,
            service=AlertService(id=outgoing.service.id, title=outgoing.service.title),
            route=outgoing.route,
            purpose=route.purpose,
            basis=AlertBasis(
                id=outgoing.basis,
                title=basis.title,
                power=basis.power,
                confidence=basis.confidence,
                uk_gdpr=basis.uk_gdpr,
            ),
            urgency="urgent" if outgoing.urgent else "routine",
            respond_by=route.speed,
            flags=outgoing.flags,
            view=route.view,
            areas=tuple(outgoing.fields.get("areas", ())),
            about_date=event_date(message),
            received_at=incoming.received,
            sender=AlertSender(
                organisation=message.source.key,
                name=organisation.name if organisation else message.source.name,
                professional=professional.name if professional else None,
                role=professional.role if professional else None,
                phone=professional.phone if professional else None,
                email=professional.email if professional else None,
            ),
            fields={k: v for k, v in outgoing.fields.items() if k not in ("areas", "professional")},
        )

    def _withdrawn(self, thread: Thread, incoming: Incoming) -> AlertData:
        return AlertData(
            change="withdrawn",
            kind=incoming.message.kind,
            agency=thread.agency,  # type: ignore[arg-type]
            service=AlertService(id=thread.service, title=self.directory.title(thread.service)),
            urgency="routine",
        )

    def _view_hash(self, data: AlertData) -> str:
        """Hash what a receiver would see; change and time of receipt alone are no news."""
        seen = data.model_dump(mode="json", exclude={"change", "received_at"})
        return self.codec.ref("view", to_json(seen))

    def _row(
        self, incoming: Incoming, message_id: str, record_ref: str, state: State, *, hidden: bool
    ) -> MessageRow:
        message, keep = incoming.message, not state.decision.forgets
        return MessageRow(
            id=message_id,
            organisation=message.source.key,
            kind=message.kind,
            event=incoming.parsed.event,
            idempotency=incoming.idempotency,
            sequence=incoming.sequence,
            action=message.action,
            record_ref=record_ref,
            sent_at=message.sent,
            received_at=incoming.received,
            bytes_hash=incoming.bytes_hash,
            canonical_hash=incoming.canonical_hash,
            media_type=incoming.media_type,
            state="recorded" if keep else "counted",
            credential_id=incoming.caller.credential,
            submitter_only=incoming.safeguarding or hidden,
            expires_at=self._expires(incoming, state) if keep else None,
        )

    def _decision(self, state: State) -> dict[str, object]:
        """Say what was decided under which policy, so that it can be shown afterwards why."""
        return {
            "policy": {"title": self.policy.title, "version": self.policy.version},
            "alerts": [
                {"route": a.route, "basis": a.basis, "service": a.service.id, "agency": a.agency}
                for a in state.decision.alerts
            ],
            "holds": [
                {"route": h.route, "basis": h.basis, "reason": h.reason}
                for h in state.decision.holds
            ],
        }

    def _uptake(self, message: Message | None) -> Uptake | None:
        """Return the counted facts of a review: no child, and nothing of a restricted one's place."""
        if not isinstance(message, HealthyChildReviewMessage) or message.review is None:
            return None
        child, review = message.child, message.review
        postcode = child.address.postcode if child.address else None
        hidden = message.sharing.restricted or not postcode
        home = None if hidden or not postcode else self.directory.home(postcode)
        born = whole_date(child.birth_date)
        return Uptake(
            authority=home.la_code if home else "unknown",
            organisation=message.source.key,
            outcome=review.outcome,
            month=f"{review.date:%Y-%m}",
            locality=(home.locality if home else None) or "unknown",
            age_band=_age_band(age_on(review.date, born).months) if born else "unknown",
        )


def restriction_mark(codec: Codec, record_ref: str, message: Message | None) -> str:
    """Return a keyed hash that says whether a record is restricted: readable by the key's holder only.

    A restriction outlives the body in which it stood; every record has a mark, so none stands out.
    """
    restricted = message is not None and message.sharing.restricted
    return codec.ref("restricted" if restricted else "open", record_ref)


def routing_key(data: AlertData) -> str:
    """Return `<agency>.<kind>.<area, several or none>.<routine|urgent>`."""
    area = "none" if not data.areas else data.areas[0] if len(data.areas) == 1 else "several"
    return f"{data.agency}.{data.kind}.{area}.{data.urgency}"


def _age_band(months: int) -> str:
    """Return the age band of the count, in months."""
    return "under 24" if months < 24 else "24 to 30" if months <= 30 else "over 30"
