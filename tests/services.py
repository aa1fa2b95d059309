"""Where the tests find RabbitMQ and PostgreSQL, and a database of their own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import make_url


def amqp_url() -> str:
    """The broker under test; the user may declare, publish and consume."""
    return os.environ.get("GATEWAY_TEST_AMQP_URL") or "amqp://guest:guest@127.0.0.1:5672/%2F"


def postgres_url() -> str:
    """The database server under test, in SQLAlchemy's form; the user may create databases."""
    return (
        os.environ.get("GATEWAY_TEST_DATABASE_URL")
        or "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
    )


@contextmanager
def scratch_database() -> Iterator[str]:
    """Yield the URL of a new, empty database, and drop it again with whoever still uses it."""
    name = f"gateway_test_{uuid4().hex[:12]}"
    _execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield make_url(postgres_url()).set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _execute(statement: sql.Composed) -> None:
    # Outside a transaction: PostgreSQL allows CREATE and DROP DATABASE nowhere else.
    with psycopg.connect(driver_url(postgres_url()), autocommit=True) as connection:
        connection.execute(statement)


def driver_url(url: str) -> str:
    """Turn SQLAlchemy's form into the one that psycopg itself reads."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
