"""A gateway without HTTP, and what its agencies read."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from sqlalchemy import LargeBinary, create_engine, select

from gateway.caller import Caller, caller_of
from gateway.intake import Answer
from gateway.journal import Codec, Journal
from gateway.journal.tables import alert, delivery, metadata
from gateway.policy.model import Policy
from gateway.rules import Rules
from gateway.service import build_intake
from gateway.settings import Settings
from schemas.message import AGENCIES, KINDS
from schemas.receipt import Receipt
from tests.builders import DAY, body, directory, tables

SUPPLIER = "ods:8Z921"
on_both = pytest.mark.parametrize(
    "database",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)],
    indirect=True,
)
"""What differs between databases, or may: run on each."""
Message = Mapping[str, Any] | bytes
Event = dict[str, Any]


class Desk:
    """Takes messages as the HTTP service does, and reads alerts as the agencies do."""

    def __init__(self, journal: Journal, codec: Codec, policy: Policy, **settings: Any) -> None:
        self.journal = journal
        self.codec = codec
        chosen = Settings(
            **{"amqp_url": None, "public_url": "https://gateway.example/", **settings}
        )
        self.intake = build_intake(chosen, Rules(tables(), directory(), policy), journal)
        self.caller = self.a_caller()
        engine = journal._reading  # the one way to look at rows that no query of the journal shows
        self._engine = create_engine(engine.url, isolation_level="AUTOCOMMIT")

    def a_caller(self, organisation: str = SUPPLIER) -> Caller:
        """A new key, which may send everything for everybody."""
        everybody = [o.key for o in directory().organisations()]
        key = f"key {datetime.now(UTC).timestamp()}"
        return caller_of(
            self.journal.transact(
                lambda tx: tx.add_credential(key, organisation, KINDS, datetime.now(UTC), everybody)
            ).result(10)
        )

    # What senders do

    def answer(self, message: Message, media: str = "json", caller: Caller | None = None) -> Answer:
        """Send a message; what `take` raises is raised."""
        return asyncio.run(self._take(message, media, caller))

    def send(self, message: Message, media: str = "json", caller: Caller | None = None) -> Receipt:
        """Send a message that is new, and return its receipt."""
        answer = self.answer(message, media, caller)
        assert not answer.repeated
        return answer.receipt

    def send_all(self, messages: Sequence[Message]) -> list[Any]:
        """Send messages at once; answers, or what was raised."""
        return asyncio.run(at_once((self, message) for message in messages))

    async def _take(
        self, message: Message, media: str = "json", caller: Caller | None = None
    ) -> Answer:
        sent = message if isinstance(message, bytes) else body(message)
        media_type = {"json": "application/json", "fhir": "application/fhir+json"}[media]
        return await self.intake.take(sent, media_type, caller or self.caller)

    def follow(self, receipt: Receipt) -> Receipt:
        """The receipt as it stands by now."""
        return self.journal.read(lambda tx: self.intake.receipts.standing(tx, receipt.id))

    # What agencies do

    def read(self, agency: str | None = None, *, acknowledge: bool = True) -> list[Event]:
        """What an agency, or every one, finds in its mailbox; it acknowledges each."""
        events = []
        for target in [agency] if agency else AGENCIES:
            for found in self.journal.deliveries.mailbox(target, 1000):
                if acknowledge:
                    assert self.journal.deliveries.acknowledge(found.id, target)
                events.append(orjson.loads(found.body))
        return events

    def due(self) -> list[Event]:
        """What waits for anybody, oldest first. Looking attempts nothing."""
        query = select(alert.c.body).join(delivery).where(delivery.c.state == "due")
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(delivery.c.id))
            return [orjson.loads(self.codec.open(row.body)) for row in rows]

    # What lies in the journal

    def record(self, receipt: Receipt) -> str:
        """The key of the receipt's record."""
        return self.journal.read(lambda tx: tx.receipt(receipt.id)).message.record_ref

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a table."""
        with self._engine.connect() as connection:
            return [
                dict(row._mapping) for row in connection.execute(select(metadata.tables[table]))
            ]

    def counts(self) -> Counter[str]:
        """How many rows each table has, if any; credentials and signs of life aside."""
        names = [name for name in metadata.tables if name not in ("credential", "pulse")]
        return Counter(name for name in names for _ in self.rows(name))

    def blobs(self, *names: str) -> list[str]:
        """Each sealed value that is kept, as `table.column: content`; of some tables, or of all."""
        return [
            f"{name}.{column.name}: {self.codec.open(row[column.name]).decode()}"
            for name, table in metadata.tables.items()
            for row in (self.rows(name) if not names or name in names else ())
            for column in table.columns
            if isinstance(column.type, LargeBinary) and row[column.name] is not None
        ]

    def columns(self) -> str:
        """What stands in all other columns of all tables, in words; credentials aside."""
        return "\n".join(
            f"{name}.{column.name}: {row[column.name]}"
            for name, table in metadata.tables.items()
            if name != "credential"
            for row in self.rows(name)
            for column in table.columns
            if not isinstance(column.type, LargeBinary)
        )


async def at_once(sent: Any) -> list[Any]:
    """Send messages through their desks at once; answers, or what was raised."""
    return await asyncio.gather(
        *(desk._take(message) for desk, message in sent), return_exceptions=True
    )


def later(message: Mapping[str, Any], minute: int = 30, **changes: Any) -> dict[str, Any]:
    """The same message, sent anew at 15:30 or later on that day, with some properties changed."""
    sent = f"{DAY}T15:{minute}:00+00:00"
    anew = {"id": f"{message['id']}-{minute}", "sent": sent, "action": "update"}
    return {**message, **anew, **changes}


def retracted(message: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """The retraction of a message, sent later on that day."""
    gone = {"action": "retract", "retractReason": "entered-in-error"}
    return later(message, 50, **(gone | changes))


def told(events: Sequence[Event]) -> list[tuple[str, str]]:
    """Which service was told what: sorted pairs of service and `created`, `updated`, `withdrawn`."""
    return sorted((e["data"]["service"]["id"], e["data"]["change"]) for e in events)
