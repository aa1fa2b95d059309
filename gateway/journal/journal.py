"""The journal: work of many callers in one shared commit, reads beside it, and the file's lock."""

import fcntl
import os
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from queue import Empty, Queue
from threading import Lock, Thread
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, inspect, select
from sqlalchemy.exc import IntegrityError, StatementError

from gateway.journal.codec import Codec
from gateway.journal.deliveries import Deliveries
from gateway.journal.engine import (
    AWAY,
    BUSY_SECONDS,
    answering,
    database_file,
    in_transaction,
    open_engine,
)
from gateway.journal.erasing import Erased, erase_expired
from gateway.journal.errors import AlreadyServed, JournalAway, JournalError, WrongKey
from gateway.journal.letters import Letters
from gateway.journal.queries import Queries
from gateway.journal.tables import credential, record
from gateway.journal.transaction import Transaction

T = TypeVar("T")

BATCH = 64
"""How many pieces of work share one commit at most."""

WAITING = 4096
"""How many pieces of work may wait before callers are told that the journal is away."""


@dataclass(frozen=True, slots=True)
class _Work:
    order: str
    job: Callable[[Transaction], Any]
    future: Future[Any]


class Journal:
    """The durable record of messages, versions, alerts, deliveries and decisions."""

    def __init__(self, url: str, codec: Codec) -> None:
        """Open a journal that `migrate` has prepared.

        url: `sqlite:///file` or `postgresql://…`. Raises JournalAway where the database does not
        answer, WrongKey where it was written with another key, JournalError where it has no tables.
        """
        self._file = database_file(url)
        self.codec = codec
        """The one way in and out for anything personal."""
        self._writing = open_engine(url)
        self._reading = open_engine(url, read_only=True)
        self._check_key()
        self.deliveries = Deliveries(self._writing, self._reading, codec)
        """What the relay and the mailbox use."""
        self.letters = Letters(self._writing, codec)
        """What answers by MESH use."""
        self._lock_fd: int | None = None
        self._queue: Queue[_Work | None] = Queue()
        self._closing = Lock()
        self._closed = False
        self._thread = Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    def transact(self, job: Callable[[Transaction], T], order: str = "") -> Future[T]:
        """Do work in a transaction; the future resolves once it is on disk, never before.

        job: runs in the journal's thread within a savepoint of a commit that it shares with others.
            What it raises undoes its own work only, and goes to its future. It may be run again
            (after a collision with another gateway), so it must have no effect elsewhere.
        order: the ref that the job locks; all gateways take locks in this order.

        The future raises JournalAway where the database failed. Where the connection broke in the
        very commit the work may be on disk nevertheless, so whoever asks again must be recognised.
        """
        work = _Work(order, job, Future())
        with self._closing:
            if self._closed or self._queue.qsize() >= WAITING:
                why = "is closed" if self._closed else f"has {WAITING} pieces of work waiting"
                work.future.set_exception(JournalAway(f"The journal {why}."))
            else:
                self._queue.put(work)
        return work.future

    def read(self, job: Callable[[Queries], T]) -> T:
        """Read one consistent state, in the caller's thread; no writer is waited for.

        Raises JournalAway where the database does not answer.
        """
        with answering(), self._reading.begin() as connection:
            return job(Queries(connection, self.codec))

    def writable(self, timeout: float = BUSY_SECONDS) -> bool:
        """Prove that the journal can be written by writing to it; True, or raises JournalAway."""
        beat = self.transact(lambda tx: tx.beat("journal", "written", datetime.now(UTC)))
        try:
            beat.result(timeout)
        except TimeoutError:
            beat.cancel()
            raise JournalAway(f"The journal took no write within {timeout} seconds.") from None
        return True

    def erase_expired(self, now: datetime | None = None) -> Erased:
        """Erase what has been kept long enough. Raises JournalAway."""
        return erase_expired(self._writing, now or datetime.now(UTC))

    def lock_exclusively(self) -> None:
        """Claim a SQLite file for one `serve`, until `close` or the end of the process.

        Relay and commands do not take it; on PostgreSQL, which many gateways may serve, it does
        nothing. Raises AlreadyServed, naming the other process.
        """
        if self._file is None:
            return
        descriptor = os.open(f"{self._file}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.read(descriptor, 20).decode().strip() or "unknown"
            os.close(descriptor)
            raise AlreadyServed(
                f"{self._file} is already served by process {other}. Stop that one first, "
                "or use PostgreSQL, which several gateways can share."
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._lock_fd = descriptor

    def close(self) -> None:
        """Finish the work that waits, take no more, and let go of the database and its lock."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        self._writing.dispose()
        self._reading.dispose()
        if self._lock_fd is not None:
            os.close(self._lock_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_key(self) -> None:
        """Find out at once that the key is another one, before anything is missed or told twice."""
        with answering(), self._reading.begin() as connection:
            if not inspect(connection).has_table(record.name):
                raise JournalError("The journal has no tables yet: migrate it first.")
            for column in (record.c.ref, credential.c.key_hash):
                known = connection.scalar(select(column).limit(1))
                if known and not known.startswith(f"{self.codec.hash_id}."):
                    raise WrongKey(
                        f"This journal was written with key {known.partition('.')[0]}, this "
                        f"gateway hashes with {self.codec.hash_id}. Put that key last in "
                        "GATEWAY_JOURNAL_KEY, or its file back beside the database."
                    )

    def _write(self) -> None:
        """Drain the queue: whatever waits shares the next commit."""
        more = True
        while more:
            first = self._queue.get()
            batch = [first]
            while first is not None and batch[-1] is not None and len(batch) < BATCH:
                try:
                    batch.append(self._queue.get_nowait())
                except Empty:
                    break
            more = batch[-1] is not None
            works = [w for w in batch if w and w.future.set_running_or_notify_cancel()]
            if works:
                self._commit(sorted(works, key=lambda w: w.order))

    def _commit(self, works: list[_Work]) -> None:
        def work_all(connection: Connection) -> list[Callable[[], None]]:
            return [self._work(connection, work) for work in works]

        try:
            settlements = in_transaction(self._writing, work_all)
        except Exception as error:  # noqa: BLE001 - it goes to every caller, and the thread lives on
            settlements = [partial(work.future.set_exception, error) for work in works]
        for settle in settlements:
            settle()

    def _work(self, connection: Connection, work: _Work) -> Callable[[], None]:
        """Run work in its savepoint; say how to settle its future after the commit."""
        taken: IntegrityError | None = None
        for _ in range(2):
            try:
                with connection.begin_nested():
                    transaction = Transaction(connection, self.codec)
                    result = work.job(transaction)
                    transaction.flush()
                return partial(work.future.set_result, result)
            except IntegrityError as error:
                taken = error  # another gateway was first: look again, and now see its work
            except AWAY:
                raise
            except StatementError as error:
                return partial(work.future.set_exception, _refusal(error))
            except Exception as error:  # noqa: BLE001 - it goes to the caller
                return partial(work.future.set_exception, error)
        return partial(work.future.set_exception, _refusal(taken))


def _refusal(cause: StatementError | None) -> JournalError:
    """Say what was wrong without PostgreSQL's detail, which repeats the whole row."""
    said = str(getattr(cause, "orig", cause)).partition("\n")[0]
    return JournalError(f"The database refused this work: {said}")
