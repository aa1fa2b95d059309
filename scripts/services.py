"""Finds the RabbitMQ and the PostgreSQL that the tests run against, or starts or installs them.

    python scripts/services.py         use what answers, else start what is installed, else install
    python scripts/services.py stop    stop the servers of the tests' own that it started

What answers is used as it is: at GATEWAY_TEST_AMQP_URL and GATEWAY_TEST_DATABASE_URL where set,
else on the standard port of 127.0.0.1. What was found is written to .services/env.
"""

import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from scripts.servers import (
    IS_ROOT,
    LOG,
    OWN,
    MissingError,
    NoLoginError,
    PostgreSQL,
    RabbitMQ,
    run,
)

FOUND = OWN / "env"
Server = RabbitMQ | PostgreSQL


def provide(server: Server) -> str:
    """Return the URL of a server that lets us in, and say which it is; raise MissingError."""
    if given := os.environ.get(server.variable):
        try:
            return report(server, given, f"as {server.variable} says")
        except NoLoginError as reason:
            raise MissingError(
                f"{server.variable} is set, but no login there: {reason}"
            ) from reason
    for url in (server.url(), found_earlier(server)):
        with suppress(NoLoginError):
            return report(server, url, "already running")

    how = "started"
    if not server.is_installed():
        install(server)
        how = "installed and started"
    url = server.start()
    try:
        wait_for_login(server, url)
    except NoLoginError as reason:
        raise MissingError(
            f"{server.name} was started, but no login: {reason}; see {LOG}"
        ) from reason
    return report(server, url, how)


def report(server: Server, url: str, how: str) -> str:
    version, address = server.log_in(url), urlsplit(url)
    print(f"{server.name} {version} at {address.hostname}:{address.port or server.port}: {how}")
    return url


def wait_for_login(server: Server, url: str) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            server.log_in(url)
            return
        except NoLoginError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def install(server: Server) -> None:
    """Install Debian's package; how the server is started is our business."""
    if not (IS_ROOT and shutil.which("apt-get")):
        raise MissingError(
            f"{server.name} is missing: none lets us in at 127.0.0.1:{server.port}, none is "
            f"installed, and only root on Debian or Ubuntu can install it from here. Install it "
            f"(Debian: apt-get install {server.package}), or set {server.variable} to one that "
            f"tests may use."
        )
    print(f"Installing {server.package} ...", flush=True)
    with services_kept_stopped():
        run("apt-get", "update", "-q")
        words = ("apt-get", "install", "-y", "-q", "--no-install-recommends", server.package)
        run(*words, DEBIAN_FRONTEND="noninteractive")


@contextmanager
def services_kept_stopped() -> Iterator[None]:
    """Where a package cannot start its server (no init, port taken), its installation fails."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def found_earlier(server: Server) -> str:
    """Return the URL that the last run wrote down, else the usual one."""
    words = shlex.split(FOUND.read_text()) if FOUND.exists() else []
    return dict(word.split("=", 1) for word in words).get(server.variable) or server.url()


def main() -> int:
    OWN.mkdir(exist_ok=True)
    servers: tuple[Server, ...] = (rabbitmq := RabbitMQ(), PostgreSQL())
    if sys.argv[1:] == ["stop"]:
        for server in servers:
            server.stop_own()
        return 0
    urls, faults = {}, []
    for server in servers:
        try:
            urls[server.variable] = provide(server)
        except MissingError as fault:
            faults.append(str(fault))
    lines = [f"{variable}={shlex.quote(url)}\n" for variable, url in urls.items()]
    if urls.get(rabbitmq.variable) != rabbitmq.url():
        lines.append(f'PATH="{rabbitmq.folder}/bin:$PATH"\n')  # a rabbitmqctl that speaks to it
    FOUND.write_text("".join(lines))
    for line in faults:
        print(line, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
