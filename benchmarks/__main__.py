"""Prints all rows: `python -m benchmarks`."""

from __future__ import annotations

import os
import platform

from benchmarks import intake, reading, relaying
from tests.services import amqp_url, scratch_database


def main() -> None:
    """Run every measurement, one after the other."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{'ours / baseline':<42} {'ours':>10} {'baseline':>10}")
    print("journal: SQLite")
    for line in intake.measure():
        print(line)
    print("journal: PostgreSQL")
    with scratch_database() as url:
        for line in intake.measure(url):
            print(line)
    print("reading alone, in this process")
    print(f"{'format':<20} {'a message':>10} {'ours':>12} {'baseline':>12}")
    for line in reading.measure():
        print(line)
    print("relay: SQLite, RabbitMQ")
    for line in relaying.measure(amqp_url()):
        print(line)


main()
