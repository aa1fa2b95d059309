"""How a RabbitMQ and a PostgreSQL for the tests are reached, started and stopped."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pika
import psycopg
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import AMQPError

from tests import services

OWN = Path(__file__).resolve().parent.parent / ".services"
LOG = OWN / "log"
IS_ROOT = os.geteuid() == 0


class NoLoginError(Exception):
    """Nobody answers at an address, or whoever does will not let us in."""


class MissingError(Exception):
    """A service cannot be had on this machine."""


class RabbitMQ:
    name = "RabbitMQ"
    package = "rabbitmq-server"
    variable = "GATEWAY_TEST_AMQP_URL"
    port = 5672

    def __init__(self, folder: Path = OWN / "rabbitmq") -> None:
        self.folder = folder

    def url(self, port: int | None = None) -> str:
        """Return the address that the tests use, or that of a server of their own on a port."""
        return f"amqp://guest:guest@127.0.0.1:{port}/%2F" if port else services.amqp_url()

    def log_in(self, url: str) -> str:
        """Return the server's version; raise NoLoginError."""
        parameters = pika.URLParameters(url)
        parameters.socket_timeout = parameters.stack_timeout = 5
        try:
            with pika.BlockingConnection(parameters) as connection:
                # Only the connection underneath knows what the server said of itself.
                return str(connection._impl.server_properties["version"])
        except (AMQPError, AMQPConnectorException, OSError) as error:
            raise NoLoginError(str(error) or type(error).__name__) from error

    def is_installed(self) -> bool:
        return bool(self._command("rabbitmq-server"))

    def start(self) -> str:
        """Start the distribution's server as root, else one of the tests' own; return its URL."""
        if not (IS_ROOT and is_free(self.port)):
            port = free_port_after(self.port)
            self.start_own(port)
            return self.url(port)
        if Path("/run/systemd/system").is_dir():
            run("systemctl", "start", "rabbitmq-server")
        else:
            run("rabbitmq-server", "-detached")
        return self.url()

    def start_own(self, port: int) -> None:
        """Start a server on 127.0.0.1 that reads and writes nothing but its folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        nothing = self.folder / "nothing.conf"  # is read instead of the system's settings
        nothing.touch()
        node = {
            "HOME": self.folder,  # where the Erlang cookie lies
            "RABBITMQ_CONF_ENV_FILE": nothing,
            "RABBITMQ_NODENAME": f"gateway-tests-{port}@localhost",
        }
        self._write_rabbitmqctl(node)
        run(
            self._command("rabbitmq-server"),
            "-detached",
            ERL_EPMD_ADDRESS="127.0.0.1",
            RABBITMQ_CONFIG_FILE=nothing,
            RABBITMQ_ENABLED_PLUGINS_FILE=self.folder / "enabled_plugins",
            RABBITMQ_GENERATED_CONFIG_DIR=self.folder / "config",
            RABBITMQ_LOG_BASE=self.folder / "log",
            RABBITMQ_MNESIA_BASE=self.folder / "data",
            RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
            RABBITMQ_NODE_PORT=port,
            RABBITMQ_PID_FILE=self._pid,
            RABBITMQ_SCHEMA_DIR=self.folder / "schema",
            **node,
        )

    def _write_rabbitmqctl(self, node: dict[str, object]) -> None:
        """Write a `rabbitmqctl` that speaks to this server: put its folder first on PATH."""
        settings = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in node.items())
        script = self.folder / "bin/rabbitmqctl"
        script.parent.mkdir(exist_ok=True)
        script.write_text(f'#!/bin/sh\n{settings} exec {self._command("rabbitmqctl")} "$@"\n')
        script.chmod(0o755)

    def stop_own(self) -> None:
        if self._pid.exists():
            pid = int(self._pid.read_text())
            with suppress(ProcessLookupError):  # gone
                os.kill(pid, signal.SIGTERM)
                for _ in range(150):
                    time.sleep(0.2)
                    os.kill(pid, 0)
            self._pid.unlink(missing_ok=True)

    @property
    def _pid(self) -> Path:
        return self.folder / "pid"

    def _command(self, name: str) -> str | None:
        # Debian's commands on PATH are for root only; those behind them are for anyone.
        return shutil.which(name, path=f"/usr/lib/rabbitmq/bin:{os.environ['PATH']}")


class PostgreSQL:
    name = "PostgreSQL"
    package = "postgresql"
    variable = "GATEWAY_TEST_DATABASE_URL"
    port = 5432

    def url(self, port: int | None = None) -> str:
        own = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        return own if port else services.postgres_url()

    def log_in(self, url: str) -> str:
        try:
            with psycopg.connect(services.driver_url(url), connect_timeout=5) as connection:
                return (connection.info.parameter_status("server_version") or "?").split()[0]
        except psycopg.OperationalError as error:
            raise NoLoginError(str(error).splitlines()[0]) from error

    def is_installed(self) -> bool:
        return bool(self._command("initdb"))

    def start(self) -> str:
        """Start a server of the tests' own, since Debian's asks for a password; return its URL."""
        port, data = free_port_after(self.port), self._folder()
        if not data.is_dir():
            ours = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale", "C")
            self._run("initdb", "-D", data, *ours)
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        self._run("pg_ctl", "start", "-D", data, "-l", data / "log", "-o", options)
        return self.url(port)

    def stop_own(self) -> None:
        if self.is_installed() and (self._folder() / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "-D", self._folder())

    # PostgreSQL refuses to run as root, and its own user may not reach .services/.
    def _run(self, command: str, *arguments: object) -> None:
        become = ("runuser", "-u", "postgres", "--") if IS_ROOT else ()
        run(*become, self._command(command), *arguments)

    def _folder(self) -> Path:
        return Path("~postgres").expanduser() / "gateway-tests" if IS_ROOT else OWN / "postgresql"

    def _command(self, name: str) -> str | None:
        debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
        return str(debian[-1]) if debian else shutil.which(name)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def free_port_after(usual: int) -> int:
    """Return a port for a server of the tests' own; the usual one is left to the machine's."""
    return next(filter(is_free, range(usual + 1, usual + 100)))


def run(*command: object, **environment: object) -> None:
    """Run a command to its end, its output going to the log; raise MissingError if it fails."""
    # To a file, since a server left in the background would keep a pipe open.
    words = [str(word) for word in command]
    settings = {name: str(value) for name, value in environment.items()}
    OWN.mkdir(exist_ok=True)
    with LOG.open("a") as log:
        print("$", *words, file=log, flush=True)
        done = subprocess.run(words, cwd="/", env=os.environ | settings, stdout=log, stderr=log)
    if done.returncode:
        raise MissingError(f"{' '.join(words)} failed with {done.returncode}; see {LOG}")
