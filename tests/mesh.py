"""NHS England's own sandbox of MESH as a process, a partner's mailbox, and a way there that can break.

The sandbox pins older libraries than the gateway's, so it has a virtual environment of its own.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import orjson
from mesh_client import MeshClient, Message

from gateway.examples import AREA
from tests.end_to_end.running import ROOT, eventually, free_port

SANDBOX = "mesh-sandbox==1.0.137"
VENV = ROOT / ".services" / "mesh-sandbox"
OURS, PARTNER, STRANGER = "X26ABC1", "X26ABC2", "X26ABC3"
"""The sandbox's mailboxes: the gateway's, one that the directory knows, one that it does not."""
PASSWORD, SHARED_KEY = "password", "a key of the tests"
REVIEWS, NOTICES, FILES, ALERTS, ANSWERS = (
    "EIG_REVIEW_V1",
    "EIG_NOTICE_V1",
    "EIG_FILE_V1",
    "EIG_ALERT_V1",
    "EIG_ANSWER_V1",
)
TEAM = "cwac-early-years-sen-team"


def installed() -> Path:
    """Return the Python that has the sandbox; whoever comes first makes it, the others wait."""
    python = VENV / "bin" / "python"
    VENV.parent.mkdir(exist_ok=True)
    with (VENV.parent / "mesh-sandbox.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (VENV / "made").exists():
            shutil.rmtree(VENV, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
            install = [python, "-m", "pip", "install", "--quiet", SANDBOX]
            subprocess.run(install, check=True, timeout=100)
            (VENV / "made").touch()
    return python


@contextmanager
def a_sandbox(folder: Path) -> Iterator[str]:
    """Run the sandbox with an empty store, and yield its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "STORE_MODE": "file",
        "FILE_STORE_DIR": str(folder / "store"),
        "AUTH_MODE": "full",
        "SHARED_KEY": SHARED_KEY,
    }
    words = ["-m", "uvicorn", "mesh_sandbox.api:app", "--port", str(port), "--log-level", "error"]
    with (folder / "sandbox.log").open("wb") as out:
        sandbox = subprocess.Popen(
            [installed(), *words], env=settings, cwd=folder, stdout=out, stderr=out
        )
    try:
        eventually(lambda: _answers(f"{url}/health"), 60)
        yield url
    finally:
        sandbox.kill()
        sandbox.wait()


def _answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(url).is_success
    return False


def emptied(url: str) -> None:
    """Forget what is in the mailboxes."""
    for mailbox in (OURS, PARTNER, STRANGER):
        httpx.delete(f"{url}/messageexchange/admin/reset/{mailbox}").raise_for_status()


def mesh_settings(url: str, area: Path) -> dict[str, Any]:
    """The gateway's settings for the sandbox."""
    return {
        "mesh_url": url,
        "mesh_mailbox": OURS,
        "mesh_password": PASSWORD,
        "mesh_shared_key": SHARED_KEY,
        "mesh_poll_seconds": 0.2,
        "directory": area,
    }


def an_area(
    folder: Path,
    mailbox: str = PARTNER,
    format: str = "cloudevents",
    senders: Mapping[str, str] = MappingProxyType({PARTNER: "ods:RXA"}),
) -> Path:
    """The example area, with the partner's mailbox as a sender and as a way to a team and a practice."""
    area = shutil.copytree(AREA, folder / "area")
    main = area / "directory.yaml"
    text = main.read_text()
    name = f"  - id: {TEAM}\n"
    assert name in text
    end = f"{{channel: mesh, mailbox: {mailbox}, workflow: {ALERTS}, format: {format}}}"
    text = text.replace(name, f"{name}    endpoints: [{end}]\n")
    text += f"""
mesh:
  inbox:
    {REVIEWS}: {{format: fhir+json, reply: {ANSWERS}}}
    {NOTICES}: {{format: json, kind: healthy-child-review, reply: {ANSWERS}}}
    {FILES}: {{format: file, reply: {ANSWERS}}}
  senders: {dict(senders)}
"""
    main.write_text(text)
    return area


class Box:
    """A partner's mailbox, as a partner would use it: through NHS England's client."""

    def __init__(self, url: str, mailbox: str = PARTNER) -> None:
        self._client = MeshClient(url, mailbox, PASSWORD, shared_key=SHARED_KEY.encode())

    def __enter__(self) -> Box:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def send(self, content: bytes, workflow: str = REVIEWS, **more: Any) -> str:
        """Send to the gateway, and return MESH's id."""
        id_: str = self._client.send_message(OURS, content, workflow_id=workflow, **more)
        return id_

    def status(self, message_id: str) -> str | None:
        """What became of a message that was sent."""
        return self._client.track_message(message_id)["status"]

    def raw(self, workflow: str) -> list[Message]:
        """What is in the mailbox under a workflow, not taken out."""
        found = [self._client.retrieve_message(i) for i in self._client.list_messages()]
        return [m for m in found if m.workflow_id == workflow]

    def all(self, workflow: str) -> list[tuple[Message, Any]]:
        """The same with its content read."""
        return [(m, orjson.loads(m.read())) for m in self.raw(workflow)]

    def take(self, workflow: str, seconds: float = 15.0) -> tuple[Message, Any]:
        """Wait for one message under a workflow, and take it out."""
        message, content = eventually(lambda: self.all(workflow), seconds)[0]
        message.acknowledge()
        return message, content


class Way:
    """A proxy in front of the sandbox that can hold or break a call, so that a process dies in it.

    `holds` and `breaks` take a pattern of `<METHOD> <path> <workflow>`. A held call is held before it reaches
    the sandbox, or (`after=True`) once the sandbox has done it.
    """

    def __init__(self, sandbox: str) -> None:
        self._sandbox = httpx.Client(base_url=sandbox, timeout=20)
        self._rule: tuple[str, bool, bool] | None = None
        self.reached = threading.Event()
        """A call that is held, or was broken, has come."""
        way = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                way._pass_on(self)

            do_GET = do_POST = do_PUT = handle_any  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._released = threading.Event()

    def __enter__(self) -> Way:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
        self._server.shutdown()
        self._server.server_close()
        self._sandbox.close()

    def holds(self, call: str, *, after: bool = False) -> None:
        """Hold calls like this one until `clear`; they are never answered."""
        self._set((call, True, after))

    def breaks(self, call: str, *, after: bool = False) -> None:
        """Break the connection of calls like this one until `clear`."""
        self._set((call, False, after))

    def clear(self) -> None:
        """Let everything through again."""
        self._rule = None
        self._released.set()

    def _set(self, rule: tuple[str, bool, bool]) -> None:
        self.reached.clear()
        self._released.clear()
        self._rule = rule

    def _pass_on(self, call: BaseHTTPRequestHandler) -> None:
        body = _body(call)
        rule = self._rule
        workflow = call.headers.get("Mex-WorkflowID", "")
        if rule and not re.search(rule[0], f"{call.command} {call.path} {workflow}"):
            rule = None
        if rule is None or rule[2]:
            own = ("host", "transfer-encoding")
            headers = {k: v for k, v in call.headers.items() if k.lower() not in own}
            request = self._sandbox.build_request(
                call.command, call.path, content=body, headers=headers
            )
            answer = self._sandbox.send(request, stream=True)
            content = b"".join(answer.iter_raw())
        if rule:
            self.reached.set()
            if rule[1]:
                self._released.wait(30)
            call.close_connection = True
            return
        call.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                call.send_header(name, value)
        call.send_header("Content-Length", str(len(content)))
        call.end_headers()
        call.wfile.write(content)


def _body(call: BaseHTTPRequestHandler) -> bytes:
    if call.headers.get("Transfer-Encoding") != "chunked":
        return call.rfile.read(int(call.headers.get("Content-Length", 0)))
    body = b""
    while size := int(call.rfile.readline(), 16):
        body += call.rfile.read(size)
        call.rfile.readline()
    call.rfile.readline()
    return body


def report_failure(url: str, message_id: str) -> None:
    """Have MESH put its report into our mailbox that a message was not collected in time."""
    report = {
        "mailbox_id": OURS,
        "code": "14",
        "description": "Message not collected by recipient after 5 days",
        "workflow_id": ALERTS,
        "linked_message_id": message_id,
    }
    httpx.post(f"{url}/messageexchange/admin/report", json=report).raise_for_status()
