"""How one of several processes takes work to itself for a while, and lets go of what it cannot read."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Select, Table, update

UNREADABLE = "unreadable"
"""The error code of work whose body no key opens, so that it holds up nothing else."""
UNREADABLE_FOR = timedelta(hours=1)
"""After which such work is tried again."""


def lease(connection: Connection, query: Select[Any], table: Table, **values: Any) -> list[Any]:
    """Lock a table's rows and mark them as taken; what another is taking is left to them."""
    rows = list(connection.execute(query.with_for_update(of=table, skip_locked=True)))
    connection.execute(
        update(table).where(table.c.id.in_([row.id for row in rows])).values(**values)
    )
    return rows
