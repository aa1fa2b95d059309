"""Writes alerts: each thread of a record is brought to what was decided, told, withdrawn or silent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

from pydantic_core import to_json

from adapters.outbound.cloudevents import render
from gateway.journal import Alert, Codec, Thread, Transaction, Way
from gateway.policy.engine import Outgoing
from gateway.policy.facts import event_date
from gateway.rules import Rules
from gateway.travelling import Incoming, State
from schemas.alert import AlertBasis, AlertData, AlertSender, AlertService


@dataclass(frozen=True)
class NewAlert:
    """An alert to be recorded, and what its receiver sees."""

    row: Alert
    data: AlertData
    route: str
    body: bytes
    ways: tuple[Way, ...]
    supersedes: bool
    """Its thread has earlier alerts."""


class Threads:
    """A record's threads: those it has, and those that begin with this version."""

    def __init__(self, tx: Transaction, state: State) -> None:
        self._tx, self._record = tx, state.record
        self.known = tx.threads(state.record) if state.version > 1 else []
        self._by_key = {(t.route, t.service): t for t in self.known}

    def of(self, route: str, service: str, agency: str) -> Thread:
        """Return the thread of a route and a service, begun now where there is none."""
        key = (route, service)
        if key not in self._by_key:
            self._by_key[key] = self._tx.add_thread(self._record, route, service, agency)
        return self._by_key[key]


@dataclass(frozen=True)
class Alerts:
    """Writes alerts; knows where they go."""

    codec: Codec
    rules: Rules
    channel: Literal["amqp", "mailbox"]
    public_url: str

    def due(
        self, tx: Transaction, threads: Threads, incoming: Incoming, state: State
    ) -> Iterator[NewAlert]:
        """Yield the alerts that bring every thread to what was decided.

        Of a thread that nobody was told of, and that no longer goes, what is due is stopped in
        silence.
        """
        stays: set[str] = set()
        for outgoing in state.decision.alerts:
            thread = threads.of(outgoing.route, outgoing.service.id, outgoing.agency)
            if thread.id in stays:
                continue
            stays.add(thread.id)
            data = self._data(outgoing, incoming, state, "updated" if thread.told else "created")
            view = self._view_hash(data)
            stands = thread.type in ("created", "updated") and thread.state in ("due", "done")
            if not stands or thread.view_hash != view:
                yield self._new(thread, data, incoming, state, outgoing.basis, view)
        for thread in threads.known:
            gone = thread.type == "withdrawn" and thread.state in ("due", "done")
            if thread.id in stays or gone:
                continue
            if thread.told:
                yield self._new(thread, self._withdrawal(thread, incoming), incoming, state)
            else:
                tx.supersede_due(thread.id, incoming.received)

    def _new(
        self,
        thread: Thread,
        data: AlertData,
        incoming: Incoming,
        state: State,
        basis: str | None = None,
        view: str | None = None,
    ) -> NewAlert:
        row = Alert(
            id=str(uuid4()),
            thread_id=thread.id,
            sequence=thread.sequence + 1,
            record_version=state.version,
            message_id=incoming.id,
            type=data.change,
            basis=basis,
            urgency=data.urgency,
            routing_key=routing_key(data),
            view_hash=view,
            decided_at=incoming.received,
        )
        body = render(
            data,
            alert=row.id,
            thread=thread.id,
            sequence=thread.sequence + 1,
            at=incoming.received,
            base=self.public_url,
        )
        ways = self._ways(thread, data)
        return NewAlert(row, data, thread.route, body, ways, supersedes=thread.sequence > 0)

    def _ways(self, thread: Thread, data: AlertData) -> tuple[Way, ...]:
        """Say where an alert goes: to its agency, and to what its service has beside.

        A withdrawal goes wherever the thread may be known, whatever the directory says by now.
        """
        own = Way(self.channel, data.agency)
        if data.change == "withdrawn":
            beside = sorted(way for way in thread.ways if way.channel not in ("amqp", "mailbox"))
            return own, *beside
        ends = self.rules.directory.endpoints.get(thread.service, ())
        return own, *(Way(end.channel, thread.service, end.format) for end in ends)

    def _data(
        self,
        outgoing: Outgoing,
        incoming: Incoming,
        state: State,
        change: Literal["created", "updated"],
    ) -> AlertData:
        """Build the alert's data from the cut document. Nothing else of the message enters it."""
        message, route = state.message, self.rules.policy.routes[outgoing.route]
        assert message is not None
        basis = self.rules.policy.bases[outgoing.basis]
        organisation = self.rules.directory.organisation(message.source.key)
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

    def _withdrawal(self, thread: Thread, incoming: Incoming) -> AlertData:
        service = self.rules.directory.any_service(thread.service)  # None: it is gone
        return AlertData(
            change="withdrawn",
            kind=incoming.message.kind,
            agency=thread.agency,  # type: ignore[arg-type]
            service=AlertService(id=thread.service, title=service.title if service else None),
            urgency="routine",
        )

    def _view_hash(self, data: AlertData) -> str:
        """Hash what a receiver would see; change and time of receipt alone are no news."""
        seen = data.model_dump(mode="json", exclude={"change", "received_at"})
        return self.codec.ref("view", to_json(seen))


def routing_key(data: AlertData) -> str:
    """Return `<agency>.<kind>.<area, several or none>.<routine|urgent>`."""
    area = "none" if not data.areas else data.areas[0] if len(data.areas) == 1 else "several"
    return f"{data.agency}.{data.kind}.{area}.{data.urgency}"
