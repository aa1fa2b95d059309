"""How rows go into the journal and come out of it, within one transaction."""

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.journal.codec import Codec
from gateway.journal.tables import metadata

R = TypeVar("R")

_ORDER = metadata.sorted_tables


def _columns(table: Table, row_type: Any) -> tuple[Column[Any], ...]:
    return tuple(table.c[f.name] for f in fields(row_type) if f.name in table.c)


columns: Callable[[Table, Any], tuple[Column[Any], ...]] = cache(_columns)
"""Pick the columns of a table that a row type names."""


def values_of(row: Any, table: Table) -> dict[str, Any]:
    """Give a frozen row's values for the columns that it names."""
    return {c.name: getattr(row, c.name) for c in columns(table, type(row))}


def from_row(row_type: type[R], row: Any, table: Table) -> R:
    """Make a frozen row from a result that may hold other tables' columns beside."""
    values = row._mapping
    return row_type(**{c.name: values[c] for c in columns(table, row_type)})


class Reading:
    """Reads within one transaction."""

    def __init__(self, connection: Connection, codec: Codec) -> None:
        """Bind to a transaction that the journal has begun."""
        self._connection = connection
        self._codec = codec

    def _open(self, sealed: bytes | None) -> bytes | None:
        return None if sealed is None else self._codec.open(sealed)


class Writing(Reading):
    """Writes within one transaction; nothing counts before the journal has committed.

    New rows wait until the next other statement, or the end, and then go by table: a message with
    its alerts and deliveries costs a statement a table.
    """

    def __init__(self, connection: Connection, codec: Codec) -> None:
        """Bind to a transaction that the journal has begun."""
        self._waiting: dict[Table, list[dict[str, Any]]] = {}
        super().__init__(connection, codec)

    @property
    def _connection(self) -> Connection:
        self.flush()
        return self._bound

    @_connection.setter
    def _connection(self, connection: Connection) -> None:
        self._bound = connection

    def flush(self) -> None:
        """Write the new rows that wait, a table before those that refer to it."""
        waiting, self._waiting = self._waiting, {}
        for table in sorted(waiting, key=_ORDER.index):
            self._bound.execute(table.insert(), waiting[table])

    def _add(self, table: Table, values: dict[str, Any]) -> None:
        self._waiting.setdefault(table, []).append(values)

    def _seal(self, content: bytes | None) -> bytes | None:
        return None if content is None else self._codec.seal(content)

    def _insert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        if self._connection.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)

    def _advisory_lock(self, name: str) -> None:
        """Keep other gateways from a name; SQLite lets only one write anyhow."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(
                select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0)))
            )
