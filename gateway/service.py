"""Wires the gateway together, once, from its settings."""

from __future__ import annotations

import time
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

from adapters.inbound import fhir
from gateway.caller import Caller, Callers
from gateway.directory import FRONT_DOORS
from gateway.files.filing import Filing
from gateway.intake import Intake
from gateway.journal import Codec, Journal, Queries, Standing, Transaction
from gateway.mesh.workflows import check_workflows
from gateway.metrics import Metrics
from gateway.recording import Recording
from gateway.rules import Rules, load_rules
from gateway.settings import Settings
from gateway.storage import MESH, RELAY, open_journal
from gateway.weighing import Weighing
from schemas.receipt import Receipt

SILENT_FOR = timedelta(seconds=15)
"""After which a relay without a sign of life is taken to be away."""


def build_intake(settings: Settings, rules: Rules, journal: Journal, codec: Codec) -> Intake:
    """Put the intake together."""
    weighing = Weighing.by(settings, rules)
    return Intake(
        **vars(weighing),
        journal=journal,
        codec=codec,
        recording=Recording(
            codec=codec,
            policy=rules.policy,
            directory=rules.directory,
            receipts=weighing.receipts,
            channel=settings.channel,
            public_url=settings.public_url.rstrip("/"),
        ),
    )


class Throttle:
    """Lets so many through in each second of the clock, and no more."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._second, self._passed = 0, 0

    def allows(self) -> bool:
        """Tell whether one more may pass now."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._passed = second, 0
        self._passed += 1
        return self._passed <= self._per_second


class Service:
    """The serving process: everything that a request needs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started = datetime.now(UTC)
        self.rules = load_rules(settings)
        if settings.mesh_url:
            check_workflows(self.rules.directory)
        fhir.load()
        self.journal, codec = open_journal(settings)
        self.journal.lock_exclusively()
        self.intake = build_intake(settings, self.rules, self.journal, codec)
        self.callers = Callers(self.journal)
        self.metrics = Metrics(self.journal, settings.channel)
        self.noting = Throttle(per_second=5)
        self.files = Filing(self.intake, self.metrics)
        self.files.start()

    def follow(self, message_id: str, caller: Caller) -> Receipt | None:
        """Return a message's receipt as it stands, or None where it is not this caller's to see.

        A safeguarding referral is shown to the very key that sent it, and to nobody else.
        """

        def look(tx: Queries) -> Receipt | None:
            kept = tx.receipt(message_id)
            if kept is None:
                return None
            row = kept.message
            theirs = {caller.organisation, *caller.rights.speaks_for}
            hidden = row.submitter_only and row.credential_id != caller.credential
            if row.organisation not in theirs or hidden:
                return None
            return self.intake.receipts.standing(tx, message_id)

        return self.journal.read(look)

    def show_alert(self, alert_id: str, caller: Caller) -> Future[Standing | None]:
        """Show what stands of an alert, and note who saw it, in one; None where it is not theirs.

        It is the caller's where they are the organisation of the service that it names: the right to
        speak for it is to send, not to read. What went on the basis `harm` is the front door's alone.
        """

        def show(tx: Transaction) -> Standing | None:
            found = tx.standing(alert_id)
            if found is None or not self._may_read(found, caller):
                return None
            at = datetime.now(UTC)
            tx.note_read(found.alert_id, caller.organisation, caller.credential, at)
            return found

        return self.journal.transact(show)

    def _may_read(self, found: Standing, caller: Caller) -> bool:
        service = self.rules.directory.any_service(found.service)
        if service is None or service.organisation != caller.organisation:
            return False
        return service.role in FRONT_DOORS or not found.harm

    def relay_state(self) -> str:
        """Return what the relay last said of the broker; `silent` where it has not been heard of."""
        return self._state_of(RELAY)

    def mesh_state(self) -> str:
        """Return how it stands with MESH: `up`, `silent`, `away`, `denied`, or how many came back."""
        failed = self.journal.deliveries.backlog("failed")
        count = sum(one.count for one in failed if one.channel == "mesh")
        state = self._state_of(MESH)
        return f"{count} not delivered" if count and state == "up" else state

    def _state_of(self, name: str) -> str:
        heard = self.journal.read(lambda tx: tx.pulses()).get(name)
        if heard is None or datetime.now(UTC) - heard[0] > SILENT_FOR:
            return "silent"
        return heard[1]

    def close(self) -> None:
        """Finish what is in hand and let go of the journal."""
        self.files.close()
        self.journal.close()
