"""Prometheus metrics: counts by kind and outcome, and what waits. Never anything of a child."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from adapters.errors import NotUnderstood, Refused
from gateway.journal import Journal, JournalAway
from schemas.message import AGENCIES
from schemas.receipt import Receipt

disable_created_metrics()  # type: ignore[no-untyped-call]


class Backlog(Collector):
    """What is due, read from the journal at each scrape."""

    def __init__(self, journal: Journal, channel: str) -> None:
        self._journal, self._channel = journal, channel

    def collect(self) -> Iterator[Metric]:
        """Yield the number of deliveries due and the age of the oldest, by channel and target."""
        labels = ["channel", "target", "urgency"]
        sent = GaugeMetricFamily(
            "gateway_deliveries_sent", "Sent by MESH, and not fetched yet.", labels=labels
        )
        failed = GaugeMetricFamily(
            "gateway_deliveries_failed", "Those that MESH could not deliver.", labels=labels
        )
        due = GaugeMetricFamily("gateway_deliveries_due", "Deliveries that wait.", labels=labels)
        age = GaugeMetricFamily(
            "gateway_deliveries_oldest_seconds", "Age of the oldest that waits.", labels=labels
        )
        try:
            backlog = self._journal.deliveries.backlog()
            unfetched = self._journal.deliveries.backlog("sent")
            returned = self._journal.deliveries.backlog("failed")
            records, came = self._journal.read(lambda tx: tx.files_backlog())
        except JournalAway:
            return
        now = time.time()
        waits = {(b.channel, b.target) for b in backlog}
        for agency in AGENCIES:  # a series that is not there cannot be alerted on
            if (self._channel, agency) not in waits:
                due.add_metric([self._channel, agency, "routine"], 0)
                age.add_metric([self._channel, agency, "routine"], 0)
        for waiting in backlog:
            names = [waiting.channel, waiting.target, waiting.urgency]
            due.add_metric(names, waiting.count)
            age.add_metric(names, max(0.0, now - waiting.oldest.timestamp()))
        for family, counts in ((sent, unfetched), (failed, returned)):
            for one in counts:
                family.add_metric([one.channel, one.target, one.urgency], one.count)
        yield due
        yield age
        yield GaugeMetricFamily(
            "gateway_file_records_waiting", "Records of files that have not settled.", records
        )
        yield GaugeMetricFamily(
            "gateway_file_oldest_seconds",
            "Age of the oldest file of which records wait.",
            max(0.0, now - came.timestamp()) if came else 0.0,
        )
        yield sent
        yield failed


class Metrics:
    """The gateway's own counters, in a registry of their own."""

    def __init__(self, journal: Journal, channel: str) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(Backlog(journal, channel))
        self._messages = Counter(
            "gateway_messages", "Messages by kind and status.", ["kind", "status"],
            registry=self._registry,
        )  # fmt: skip
        self._alerts = Counter(
            "gateway_alerts", "Alerts recorded.", ["agency", "kind", "change"],
            registry=self._registry,
        )  # fmt: skip
        # Without the reason: nobody learns from a count that a record is restricted.
        self._held = Counter("gateway_held", "Alerts held.", registry=self._registry)
        self._unmapped = Counter(
            "gateway_unmapped_codes", "Codes that are in no map.", ["kind"], registry=self._registry
        )
        self._answers = Counter(
            "gateway_answers", "Messages that were not taken.", ["why"], registry=self._registry
        )

    def took(self, receipt: Receipt, *, repeated: bool) -> None:
        """Count a message that was taken."""
        status = "repeated" if repeated else receipt.status
        self._messages.labels(receipt.kind, status).inc()
        if repeated:
            return
        for alert in receipt.alerts:
            self._alerts.labels(alert.agency, receipt.kind, alert.change).inc()
        self._held.inc(len(receipt.held))
        self._unmapped.labels(receipt.kind).inc(len(receipt.unmapped))

    def refused(self, refused: Refused) -> None:
        """Count a message that could not be understood."""
        self._answers.labels(
            "not-understood" if isinstance(refused, NotUnderstood) else "not-well-formed"
        ).inc()

    def answered(self, why: str) -> None:
        """Count another answer: duplicate, denied, not accepted."""
        self._answers.labels(why).inc()

    def render(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self._registry)
