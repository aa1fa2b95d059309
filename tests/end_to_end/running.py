"""Starts the gateway as a user does: the command, settings from the environment, and nothing left."""

from __future__ import annotations

import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock
from uuid import uuid4

import httpx
import orjson

from gateway import cli
from gateway.broker import Topology, apply, remove

Seen = TypeVar("Seen")

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = ROOT / "examples" / "messages"
FHIR = ROOT / "examples" / "fhir"
COMMAND = Path(sys.executable).with_name("gateway")
READY_WITHIN, ENDS_WITHIN = 60.0, 20.0
JOURNAL_KEY = "c3ludGhldGljIGNoaWxkcmVuIG9ubHksIDMyIGJ5dGU="
"""Base64 of 32 bytes, for PostgreSQL; a SQLite journal makes its own."""

_FORCES_COLOUR = {"FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "COLUMNS"}


def environment(settings: dict[str, str]) -> dict[str, str]:
    """The environment of a command: these settings, and none of whoever runs the tests."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GATEWAY_") and name not in _FORCES_COLOUR
    }
    return inherited | {"PYTHONPATH": str(ROOT)} | settings


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


def gateway(*words: object, folder: Path, **settings: str) -> Said:
    """Run a command to its end."""
    done = subprocess.run(
        [COMMAND, *map(str, words)],
        cwd=folder,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=60,
    )
    return plain(done.returncode, done.stdout, done.stderr)


def within_this_process(*words: object, folder: Path, **settings: str) -> Said:
    """Run a command as `gateway` does, without the second that a new Python takes to import it."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, environment(settings), clear=True),
        mock.patch.object(sys, "argv", ["gateway", *map(str, words)]),
        # Logs of later tests must not go to this command's standard error.
        mock.patch.object(cli, "configure_logs"),
        chdir(folder),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
    return plain(code, out.getvalue(), err.getvalue())


def plain(code: int, out: str, err: str) -> Said:
    """Whatever a command says without a terminal, it prints no escape codes and no traceback."""
    assert "\x1b" not in out + err, f"escape codes without a terminal: {out + err!r}"
    assert "Traceback" not in out + err, out + err
    return Said(code, out, err)


class Serving:
    """A `gateway serve` of this test's own, which it may kill and start again."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        port = free_port()
        self.settings = {
            "GATEWAY_DATABASE_URL": f"sqlite:///{folder / 'gateway.db'}",
            "GATEWAY_PORT": str(port),
            **settings,
        }
        self.url = f"http://127.0.0.1:{port}"
        self.process: subprocess.Popen[bytes] | None = None
        self._ready = httpx.Client(base_url=self.url, timeout=5, verify=False)
        self._log = folder / "serve.log"
        self._out = folder / "serve.out"

    def start(self, *options: str) -> None:
        """Start it, and return once it takes messages."""
        with self._out.open("wb") as out, self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [COMMAND, "serve", *options],
                cwd=self.folder,
                env=environment(self.settings),
                stdout=out,
                stderr=log,
            )
        self.wait_until(lambda ready: ready["journal"] == "writable")

    def run(self, *words: object, **settings: str) -> Said:
        """Run another command with the same settings."""
        return within_this_process(*words, folder=self.folder, **{**self.settings, **settings})

    def key(self, organisation: str, *more: str) -> str:
        """Make a key by `gateway org add`."""
        made = self.run("org", "add", organisation, *more)
        assert made.code == 0, made.err
        return key_in(made.out)

    def client(self, key: str) -> httpx.Client:
        """An HTTP client that bears a key."""
        bearer = {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, headers=bearer, timeout=15, verify=False)

    def wait_until(
        self, ready_says: Callable[[dict[str, Any]], bool], seconds: float = READY_WITHIN
    ) -> dict[str, Any]:
        """Return what readiness answers, once it is as asked."""

        def look() -> dict[str, Any] | None:
            assert self.process is not None
            assert self.process.poll() is None, self.log
            with suppress(httpx.TransportError):
                ready: dict[str, Any] = self._ready.get("/health/ready").json()
                return ready if ready_says(ready) else None
            return None

        return eventually(look, seconds)

    @property
    def log(self) -> str:
        """What it wrote to standard error, over all its starts."""
        return self._log.read_text()

    @property
    def out(self) -> str:
        """What it printed since its last start."""
        return self._out.read_text()

    def relays(self) -> list[int]:
        """The process ids of its relays, orphaned ones included."""
        return [pid for pid, words in self._processes() if words[-1].endswith("relay")]

    def kill(self) -> None:
        """kill -9 the serving process; its relay is not told."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def kill_with_its_relay(self) -> None:
        """kill -9 both, as when the machine goes down."""
        relays = self.relays()
        self.kill()
        for relay in relays:
            with suppress(ProcessLookupError):
                os.kill(relay, signal.SIGKILL)

    def terminate(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and return its exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(ENDS_WITHIN)

    def clean_up(self) -> None:
        """End it; whoever of it is still there afterwards is a fault."""
        if self.process and self.process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                self.terminate()
            self.kill()
        with suppress(TimeoutError):
            eventually(lambda: not self._processes(), ENDS_WITHIN)
        left = self._processes()
        for pid, _ in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert not left, f"still there: {left}\n{self.log}"

    def _processes(self) -> list[tuple[int, list[str]]]:
        return processes_with(f"GATEWAY_PORT={self.settings['GATEWAY_PORT']}")


@contextmanager
def a_gateway(folder: Path, *options: str, **settings: str) -> Iterator[Serving]:
    """Serve with these settings and a journal in `folder`, and leave no process behind."""
    serving = Serving(folder, **settings)
    try:
        serving.start(*options)
        yield serving
    finally:
        serving.clean_up()


@contextmanager
def queues_of_its_own(url: str) -> Iterator[str]:
    """Declare exchanges and queues under a prefix, which is yielded, and remove them again."""
    topology = Topology(unique_prefix())
    apply(url, topology)
    try:
        yield topology.prefix
    finally:
        remove(url, topology)


def unique_prefix() -> str:
    """Return a GATEWAY_AMQP_PREFIX that nobody else uses."""
    return f"test-{uuid4().hex[:12]}."


def key_in(printed: str) -> str:
    """Find the bearer key in what a command printed."""
    found = re.search(r"\beig_[\w-]{43}", printed)
    assert found, printed
    return found[0]


def sample(name: str) -> dict[str, Any]:
    """Read a sample message."""
    message: dict[str, Any] = orjson.loads((MESSAGES / name).read_bytes())
    return message


def processes_with(setting: str, word: str = "") -> list[tuple[int, list[str]]]:
    """Find the processes that were started with a setting: their ids and their words."""
    found = []
    for proc in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{setting}\0".encode() in (proc / "environ").read_bytes():
                words = (proc / "cmdline").read_text().rstrip("\0").split("\0")
                if not word or word in words:
                    found.append((int(proc.name), words))
    return found


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(look: Callable[[], Seen | None], seconds: float = 10.0) -> Seen:
    """Look until there is something to see; raise TimeoutError where there never is."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:g} seconds")
        time.sleep(0.05)
    return seen
