"""Work shares commits, yet each piece stands or falls alone; readers wait for nobody."""

import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import wait
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import psycopg
import pytest
from sqlalchemy import Engine, event

from gateway.journal import (
    AlreadyServed,
    Codec,
    Journal,
    JournalAway,
    JournalError,
    Transaction,
    WrongKey,
    migrate,
)
from tests.integration.journal.builders import NOW, a_message, record
from tests.integration.journal.conftest import SECRET
from tests.services import driver_url


@pytest.fixture
def commits() -> Iterator[list[float]]:
    seen: list[float] = []

    def note(_: object) -> None:
        seen.append(time.monotonic())

    event.listen(Engine, "commit", note)
    yield seen
    event.remove(Engine, "commit", note)


class Gate:
    """A piece of work that keeps the journal busy until it is let go."""

    def __init__(self, journal: Journal) -> None:
        self._reached, self._open = Event(), Event()
        self.done = journal.transact(self._stand)
        assert self._reached.wait(5)

    def _stand(self, tx: Transaction) -> None:
        tx.beat("gate", "written", NOW)
        self._reached.set()
        assert self._open.wait(10)

    def open(self) -> None:
        self._open.set()


def test_what_a_job_returns_comes_back_once_it_is_recorded(journal: Journal) -> None:
    message = journal.transact(lambda tx: record(tx, "k.record")).result(30)
    assert journal.read(lambda q: q.receipt(message.id)).message == message


def test_many_jobs_share_few_commits(journal: Journal, commits: list[float]) -> None:
    gate = Gate(journal)
    jobs = [journal.transact(lambda tx, n=n: record(tx, f"k.{n}"), f"k.{n}") for n in range(100)]
    gate.open()
    assert not wait(jobs, 10).not_done
    assert all(job.exception() is None for job in jobs)
    assert len(commits) == 3  # the gate's, then 64 and 36


def test_nothing_is_answered_before_the_commit(journal: Journal, another: Journal) -> None:
    gate = Gate(journal)
    assert "gate" not in another.read(lambda q: q.pulses())
    assert not gate.done.done()
    gate.open()
    gate.done.result(30)
    assert "gate" in another.read(lambda q: q.pulses())


def test_a_reader_is_not_kept_waiting_by_the_writer(journal: Journal) -> None:
    gate = Gate(journal)
    began = time.monotonic()
    assert journal.read(lambda q: q.credentials()) == []
    assert time.monotonic() - began < 1
    gate.open()


def test_a_reader_cannot_write(journal: Journal) -> None:
    with pytest.raises(JournalError):
        journal.read(lambda q: Transaction(q._connection, q._codec).beat("x", "y", NOW))


def test_jobs_of_one_commit_run_in_the_order_of_their_refs(journal: Journal) -> None:
    gate, ran = Gate(journal), []
    jobs = [journal.transact(lambda tx, ref=ref: ran.append(ref), ref) for ref in "cab"]
    gate.open()
    wait(jobs, 5)
    assert ran == ["a", "b", "c"]


def test_a_job_that_fails_undoes_only_itself(journal: Journal) -> None:
    def fails(tx: Transaction) -> None:
        record(tx, "k.fails")
        raise LookupError("no such service")

    gate = Gate(journal)
    jobs = [
        journal.transact(lambda tx: record(tx, "k.before"), "1"),
        journal.transact(fails, "2"),
        journal.transact(lambda tx: record(tx, "k.after"), "3"),
    ]
    gate.open()
    with pytest.raises(LookupError, match="no such service"):
        jobs[1].result(30)
    assert journal.read(lambda q: q.record("k.before")).version == 1
    assert journal.read(lambda q: q.record("k.after")).version == 1
    assert journal.read(lambda q: q.record("k.fails")) is None


def test_what_the_database_refuses_goes_to_its_job_alone(journal: Journal) -> None:
    gate = Gate(journal)
    bad = journal.transact(
        lambda tx: tx.add_message(a_message("k.unknown-record"), body=b"", canonical=b"")
    )
    good = journal.transact(lambda tx: record(tx, "k.record"))
    gate.open()
    with pytest.raises(JournalError, match="refused this work"):
        bad.result(30)
    assert good.result(30)


def test_who_comes_second_with_one_id_looks_again_and_finds_the_first(
    journal: Journal, another: Journal
) -> None:
    looked = Event()

    def once(tx: Transaction) -> str:
        known = tx.messages("k.same-id")
        looked.set()
        return known[0].id if known else record(tx, "k.two", idempotency="k.same-id").id

    def first(tx: Transaction) -> str:
        message = record(tx, "k.one", idempotency="k.same-id")
        assert second_may_start.set() is None
        looked.wait(0.5)  # on PostgreSQL the other looks now, and sees nothing
        return message.id

    second_may_start = Event()
    one = journal.transact(first)
    assert second_may_start.wait(5)
    two = another.transact(once)
    assert two.result(10) == one.result(10)


def test_two_gateways_that_take_locks_crosswise_both_get_through(
    journal: Journal, another: Journal
) -> None:
    both = [Event(), Event()]

    def crosswise(mine: int, refs: tuple[str, str]):
        def job(tx: Transaction) -> None:
            record(tx, refs[0])
            both[mine].set()
            both[1 - mine].wait(0.5)  # SQLite lets only one in
            record(tx, refs[1])

        return job

    one = journal.transact(crosswise(0, ("k.a", "k.b")))
    two = another.transact(crosswise(1, ("k.b", "k.a")))
    wait([one, two], 15)
    assert (one.exception(), two.exception()) == (None, None)
    assert journal.read(lambda q: q.record("k.a")).version == 2


def test_a_caller_who_left_is_not_worked_for(journal: Journal) -> None:
    gate, ran = Gate(journal), []
    left = journal.transact(lambda tx: ran.append("left"))
    assert left.cancel()
    stayed = journal.transact(lambda tx: ran.append("stayed"))
    gate.open()
    stayed.result(30)
    assert ran == ["stayed"]


def test_closing_finishes_what_waits_and_takes_no_more(database: str, codec: Codec) -> None:
    journal = Journal(database, codec)
    gate = Gate(journal)
    waiting = [journal.transact(lambda tx, n=n: record(tx, f"k.{n}")) for n in range(70)]
    gate.open()
    journal.close()
    assert all(job.result(0) for job in waiting)
    with pytest.raises(JournalAway, match="closed"):
        journal.transact(lambda tx: None).result(0)
    journal.close()


def test_a_journal_that_can_be_written_says_so(journal: Journal) -> None:
    assert journal.writable()
    assert journal.read(lambda q: q.pulses())["journal"][0] <= datetime.now(UTC)


def test_a_journal_that_is_kept_busy_counts_as_away(journal: Journal) -> None:
    gate = Gate(journal)
    with pytest.raises(JournalAway, match="no write within"):
        journal.writable(timeout=0.1)
    gate.open()


@pytest.mark.postgresql
def test_a_connection_lost_in_mid_work_is_away_and_the_next_is_served(
    postgres: str, codec: Codec
) -> None:
    def loses_it(tx: Transaction) -> None:
        tx.beat("before", "written", NOW)
        lose_connections(postgres)
        tx.beat("".join(["Can", "ary"]), "written", NOW)  # a traceback shows this line

    with Journal(postgres, codec) as journal:
        lost = journal.transact(loses_it)
        with pytest.raises(JournalAway, match="does not answer or cannot be written"):
            lost.result(30)
        assert "Canary" not in "".join(traceback.format_exception(lost.exception()))
        assert journal.read(lambda q: q.pulses()) == {}
        assert journal.writable()


@pytest.mark.postgresql
def test_connections_lost_while_idle_are_not_noticed(postgres: str, codec: Codec) -> None:
    with Journal(postgres, codec) as journal:
        assert journal.writable()
        lose_connections(postgres)
        assert journal.writable()
        assert journal.read(lambda q: q.pulses())


def lose_connections(database: str) -> None:
    with psycopg.connect(driver_url(database), autocommit=True) as server:
        server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_full_disk_is_away_and_a_freed_one_is_served(tmp_path: Path, codec: Codec) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    migrate(url)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(url, codec) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            with pytest.raises(JournalAway, match="cannot be written"):
                journal.writable()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert journal.read(lambda q: q.pulses()) == {}
        assert journal.writable()


def test_a_server_that_is_not_there_is_away(codec: Codec) -> None:
    with pytest.raises(JournalAway, match="does not answer"):
        Journal("postgresql://postgres@127.0.0.1:1/gateway", codec)


def test_another_key_is_noticed_before_anything_is_missed(
    journal: Journal, database: str, codec: Codec
) -> None:
    journal.transact(lambda tx: record(tx, codec.ref("record", "1"))).result(30)
    with pytest.raises(WrongKey, match=f"was written with key {codec.hash_id}"):
        Journal(database, Codec(b"another key, not the right one.."))
    Journal(database, Codec(b"a new key in front of an old one", SECRET)).close()


SERVES = """
import sys
from gateway.journal import Codec, Journal
journal = Journal(sys.argv[1], Codec(bytes(range(32))))
journal.lock_exclusively()
print("serving", flush=True)
sys.stdin.read()
"""


def test_a_second_serve_on_one_file_is_refused_until_the_first_is_gone(
    database: str, codec: Codec
) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", SERVES, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert first.stdout.readline() == b"serving\n"
    with Journal(database, codec) as second:
        if database.startswith("sqlite"):
            with pytest.raises(AlreadyServed, match=f"already served by process {first.pid}"):
                second.lock_exclusively()
            assert second.writable()  # as relay and commands do
        first.kill()
        first.wait()
        second.lock_exclusively()
