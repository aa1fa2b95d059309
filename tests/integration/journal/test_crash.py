"""kill -9 in the middle of shared commits: what was acknowledged is there, and nothing is half."""

import subprocess
import sys

import pytest
from sqlalchemy import create_engine, func, select

from gateway.journal import Codec, Journal
from gateway.journal.tables import metadata
from tests.integration.journal.builders import NOW

WRITES = """
import sys, threading
from gateway.journal import Codec, Journal
from tests.integration.journal.builders import tell

codec = Codec(bytes(range(32)))
journal = Journal(sys.argv[1], codec)
said = threading.Lock()

def say(alert):
    with said:
        print(alert.message_id, flush=True)

def send(caller):
    for n in range(10_000):
        ref = codec.ref(sys.argv[2], str(caller), str(n))
        say(journal.transact(lambda tx: tell(tx, ref), ref).result())

for caller in range(8):
    threading.Thread(target=send, args=(caller,)).start()
"""


@pytest.mark.fault
def test_a_killed_gateway_loses_nothing_that_it_acknowledged(database: str, codec: Codec) -> None:
    acknowledged: list[str] = []
    for run in range(2):
        acknowledged += kill_while_writing(database, run, after=60)
    assert len(acknowledged) >= 120
    with Journal(database, codec) as journal:
        assert journal.writable()
        due = {d.alert_id for d in journal.deliveries.claim("amqp", "relay", 9999, 60, now=NOW)}
        for message_id in acknowledged:
            found = journal.read(lambda q, m=message_id: q.receipt(m))
            assert found.receipt
            (outcome,) = found.outcomes
            assert outcome.alert.id in due
    counts = rows(database)
    assert counts["message"] >= len(acknowledged)
    assert len(set(counts.values())) == 1, counts


def kill_while_writing(database: str, run: int, after: int) -> list[str]:
    """Start a gateway, kill it once it has acknowledged so many, and read what it still said."""
    command = [sys.executable, "-c", WRITES, database, str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = [process.stdout.readline() for _ in range(after)]
        finally:
            process.kill()
        said += process.stdout.readlines()
    return [line.strip() for line in said if line.endswith("\n")]


def rows(database: str) -> dict[str, int]:
    engine = create_engine(database)
    with engine.connect() as connection:
        found = {
            table: connection.scalar(select(func.count()).select_from(metadata.tables[table]))
            for table in ("record", "message", "version", "thread", "alert", "delivery")
        }
    engine.dispose()
    return found
