"""Wires the gateway together, once, from its settings."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from gateway.caller import Caller, Callers
from gateway.files.filing import Filing
from gateway.intake import Intake
from gateway.journal import Codec, Journal, Queries
from gateway.metrics import Metrics
from gateway.receipts import Receipts
from gateway.recording import Recording
from gateway.rules import Rules, load_rules
from gateway.settings import Settings
from gateway.storage import RELAY, open_journal
from schemas.receipt import Receipt

SILENT_FOR = timedelta(seconds=15)
"""After which a relay without a sign of life is taken to be away."""


def build_intake(settings: Settings, rules: Rules, journal: Journal, codec: Codec) -> Intake:
    """Put the intake together."""
    receipts = Receipts(rules.policy, rules.directory)
    return Intake(
        journal=journal,
        codec=codec,
        tables=rules.tables,
        policy=rules.policy,
        directory=rules.directory,
        receipts=receipts,
        recording=Recording(
            codec=codec,
            policy=rules.policy,
            directory=rules.directory,
            receipts=receipts,
            channel=settings.channel,
            public_url=settings.public_url.rstrip("/"),
        ),
        monitoring_zone=settings.monitoring_zone,
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
        self.rules = load_rules(settings)
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

    def relay_state(self) -> str:
        """Return what the relay last said of the broker; `silent` where it has not been heard of."""
        heard = self.journal.read(lambda tx: tx.pulses()).get(RELAY)
        if heard is None or datetime.now(UTC) - heard[0] > SILENT_FOR:
            return "silent"
        return heard[1]

    def close(self) -> None:
        """Finish what is in hand and let go of the journal."""
        self.files.close()
        self.journal.close()
