"""`gateway watch`: what is put into a folder is sent once it is whole, and lies with its answer after."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.cli.watch import on_its_way
from tests.builders import a_probable_sen_review, body
from tests.end_to_end.running import (
    COMMAND,
    FHIR,
    MESSAGES,
    Said,
    Serving,
    environment,
    eventually,
    free_port,
    within_this_process,
)
from tests.mesh import Way
from tests.school_files import a_ctf, a_pupil

pytestmark = pytest.mark.rabbitmq


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def once(folder: Path, url: str, key: str, *more: object) -> Said:
    """Send what is there."""
    words = ("watch", folder, "--once", "--settle", "0.1", *more)
    return within_this_process(*words, folder=folder.parent, GATEWAY_URL=url, GATEWAY_KEY=key)


@contextmanager
def watching(
    folder: Path, url: str, key: str, settle: float = 0.3
) -> Iterator[subprocess.Popen[str]]:
    """A watch of its own process; killed at the end."""
    watch = subprocess.Popen(
        [COMMAND, "watch", folder, "--settle", str(settle)],
        env=environment({"GATEWAY_URL": url, "GATEWAY_KEY": key, "PYTHONUNBUFFERED": "1"}),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert watch.stdout is not None
        assert "Watching" in watch.stdout.readline()
        yield watch
    finally:
        watch.kill()
        watch.wait()


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def a_message() -> bytes:
    """A message that nobody sent before."""
    return body(a_probable_sen_review(id=f"watched-{time.time_ns()}"))


def test_each_file_lies_with_its_answer_afterwards(folder: Path, served: Serving, key: str) -> None:
    shutil.copy(FHIR / "r4" / "review.json", folder)
    (folder / "Maya Ashdown.json").write_bytes(a_message())
    (folder / "broken.json").write_bytes(b"{")
    for unfinished in (".hidden.json", "later.json.tmp", "later.json.PART"):
        (folder / unfinished).write_bytes(a_message())
    (folder / "more").mkdir()
    (folder / "link.json").symlink_to(MESSAGES / "review.json")
    said = once(folder, served.url, key)
    assert said.code == 1
    assert "Maya" not in said.out + said.err
    assert names(folder) == [".hidden.json", "later.json.PART", "later.json.tmp", "link.json"]
    assert names(folder / "accepted") == [
        "Maya Ashdown.json", "Maya Ashdown.json.receipt.json",
        "review.json", "review.json.receipt.json",
    ]  # fmt: skip
    assert names(folder / "refused") == ["broken.json", "broken.json.problem.json"]
    problem = orjson.loads((folder / "refused" / "broken.json.problem.json").read_bytes())
    assert problem["code"] == "not-well-formed"


def test_the_same_name_again_overwrites_nothing(folder: Path, served: Serving, key: str) -> None:
    first, second = a_message(), a_message()
    for content in (first, second):
        (folder / "review.json").write_bytes(content)
        assert once(folder, served.url, key).code == 0
    accepted = folder / "accepted"
    assert (accepted / "review.json").read_bytes() == first
    assert (accepted / "review-2.json").read_bytes() == second
    receipts = {
        (accepted / f"{name}.json.receipt.json").read_bytes() for name in ("review", "review-2")
    }
    assert len(receipts) == 2


@pytest.mark.parametrize("how", ["away", "wrong key", "another server"])
def test_while_the_gateway_is_not_there_files_stay(
    how: str, folder: Path, served: Serving, key: str
) -> None:
    (folder / "review.json").write_bytes(a_message())
    if how == "away":
        said = once(folder, f"http://127.0.0.1:{free_port()}", key)
    elif how == "wrong key":
        said = once(folder, served.url, "eig_wrong")
    else:
        said = once(folder, f"{served.url}/docs?", key)
    assert said.code == 3
    assert names(folder) == ["review.json"]
    assert once(folder, served.url, key).code == 0


class _Page(BaseHTTPRequestHandler):
    """What stands in front of many networks: a page for whatever is sent."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<html>Please log in</html>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_page_of_another_server_is_no_receipt_of_a_file(folder: Path, key: str) -> None:
    (folder / "export.xml").write_bytes(a_ctf(a_pupil(69, K)))
    with HTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        said = once(folder, f"http://127.0.0.1:{server.server_port}", key)
        server.shutdown()
    assert said.code == 3, said.err
    assert names(folder) == ["export.xml"]


K = [("2025-09-01", "N"), ("2026-01-05", "K")]
TOLD = {"notice": {"parentsTold": {"on": "2026-01-09", "by": "Ruth Okafor, SENCO"}}}
STATEMENT = ".statement.json"


@pytest.fixture(scope="module")
def school(served: Serving) -> str:
    return served.key("urn:199901")


def receipt_of(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((folder / f"accepted/{name}.receipt.json").read_bytes())
    return found


def test_a_file_has_the_statement_that_lies_beside_it_and_else_the_folder_s(
    folder: Path, served: Serving, school: str
) -> None:
    common = folder.parent / "common.json"
    common.write_bytes(orjson.dumps({"sharing": {"restricted": True}}))
    for number, name in enumerate(("told.xml", "silent.xml")):
        (folder / name).write_bytes(a_ctf(a_pupil(60 + number, K)))
    (folder / f"told.xml{STATEMENT}").write_bytes(orjson.dumps(TOLD))
    assert once(folder, served.url, school, "--statement", common).code == 0
    assert names(folder) == []
    assert names(folder / "accepted") == [
        "silent.xml", "silent.xml.receipt.json",
        "told.xml", "told.xml.receipt.json", "told.xml.statement.json",
    ]  # fmt: skip
    assert receipt_of(folder, "told.xml")["records"][0]["alerts"]
    assert receipt_of(folder, "silent.xml")["records"][0]["held"][0]["reason"] == "restricted"
    (folder / "told.xml").write_bytes(a_ctf(a_pupil(63, K)))
    assert once(folder, served.url, school).code == 0
    second = receipt_of(folder, "told-2.xml")["records"][0]
    assert second["held"], "an earlier file's statement says nothing of this one"


@pytest.mark.parametrize(
    ("name", "content", "statement", "code"),
    [
        ("export.xml", a_ctf(a_pupil(64, K)), b'{"notice"', "value"),
        ("export.xml", a_ctf(a_pupil(64, K)), b'{"notise": {}}', "unknown-property"),
        ("review.json", (MESSAGES / "review.json").read_bytes(), b"{}", "value"),
    ],
    ids=["no JSON", "wrong", "message"],
)
def test_a_statement_that_is_wrong_goes_with_its_file_to_what_is_refused(
    name: str,
    content: bytes,
    statement: bytes,
    code: str,
    folder: Path,
    served: Serving,
    school: str,
) -> None:
    (folder / name).write_bytes(content)
    (folder / f"{name}{STATEMENT}").write_bytes(statement)
    said = once(folder, served.url, school)
    assert said.code == 1
    assert names(folder) == names(folder / "accepted") == []
    refused = folder / "refused"
    assert names(refused) == [name, f"{name}.problem.json", f"{name}{STATEMENT}"]
    assert orjson.loads((refused / f"{name}.problem.json").read_bytes())["code"] == code


def test_a_file_waits_for_its_statement_to_be_whole_and_a_statement_for_its_file(
    folder: Path, served: Serving, school: str
) -> None:
    (folder / "export.xml").write_bytes(a_ctf(a_pupil(65, K)))
    (folder / f"other.xml{STATEMENT}").write_bytes(b"{}")
    with (folder / f"export.xml{STATEMENT}").open("wb") as slow:
        slow.write(orjson.dumps(TOLD)[:10])
        slow.flush()
        said = once(folder, served.url, school)
        assert "1 file(s) are still being written" in said.out
        assert "is a statement, and the file that it belongs to is not here" in said.err
        assert "other" not in said.out + said.err
        assert len(names(folder)) == 3
        slow.write(orjson.dumps(TOLD)[10:])
    assert once(folder, served.url, school).code == 0
    assert names(folder) == [f"other.xml{STATEMENT}"]
    assert receipt_of(folder, "export.xml")["records"][0]["alerts"]


def test_of_a_crash_between_the_moves_a_statement_finds_its_file_and_no_other(
    folder: Path, served: Serving, school: str
) -> None:
    accepted = folder / "accepted"
    accepted.mkdir()
    waits, moved, other = folder / "waits.xml", accepted / "moved.xml", folder / "moved.xml"
    for number, file in enumerate((waits, moved, other)):
        file.write_bytes(a_ctf(a_pupil(70 + number, K)))
    for file in (waits, moved):
        on_its_way(accepted, file).write_bytes(orjson.dumps(TOLD))
    assert once(folder, served.url, school).code == 0
    assert names(accepted) == [
        "moved-2.xml", "moved-2.xml.receipt.json",
        "moved.xml", "moved.xml.statement.json",
        "waits.xml", "waits.xml.receipt.json", "waits.xml.statement.json",
    ]  # fmt: skip
    assert receipt_of(folder, "waits.xml")["records"][0]["alerts"]
    assert receipt_of(folder, "moved-2.xml")["records"][0]["held"]


def test_a_statement_on_its_way_is_not_for_a_file_that_has_only_the_inode_of_its_own(
    folder: Path, served: Serving, school: str
) -> None:
    accepted = folder / "accepted"
    accepted.mkdir()
    gone, other = folder / "gone.xml", folder / "other.xml"
    gone.write_bytes(a_ctf(a_pupil(73, K)))
    on_its_way(accepted, gone).write_bytes(orjson.dumps(TOLD))
    inode = gone.stat().st_ino
    gone.rename(other)  # as a file system does that gives the number of a deleted file to the next
    other.write_bytes(a_ctf(a_pupil(74, K)))
    assert other.stat().st_ino == inode
    assert once(folder, served.url, school).code == 0
    assert receipt_of(folder, "other.xml")["records"][0]["held"]


def test_a_refused_pupil_is_not_overlooked(folder: Path, served: Serving, school: str) -> None:
    (folder / "export.xml").write_bytes(a_ctf(a_pupil(67, K), a_pupil(68, [("soon", "K")])))
    said = once(folder, served.url, school)
    assert said.code == 1
    assert "1 accepted, 1 refused" in said.out
    assert "export.xml" in names(folder / "accepted")


@pytest.mark.long
@pytest.mark.fault
def test_a_file_that_is_being_written_is_not_read(folder: Path, served: Serving, key: str) -> None:
    content = a_message()
    with watching(folder, served.url, key):
        with (folder / "slow.json").open("wb") as slow:
            slow.write(content[:100])
            slow.flush()
            (folder / "quick.json").write_bytes(a_message())
            eventually(lambda: (folder / "accepted" / "quick.json").exists())
            time.sleep(1.2)  # longer than a file must rest, and than between two looks
            assert (folder / "slow.json").exists()
            slow.write(content[100:])
        eventually(lambda: (folder / "accepted" / "slow.json").exists())
    assert not names(folder / "refused")


@pytest.mark.long
@pytest.mark.fault
def test_killed_between_the_answer_and_the_move_it_sends_again_and_nothing_is_twice(
    folder: Path, served: Serving, key: str
) -> None:
    with Way(served.url) as way:
        way.holds("POST /messages", after=True)
        with watching(folder, way.url, key) as watch:
            (folder / "review.json").write_bytes(a_message())
            assert way.reached.wait(10)
            os.kill(watch.pid, signal.SIGKILL)
        assert names(folder) == ["review.json"]
        way.clear()
        before = counted(served, "repeated")
        assert once(folder, way.url, key).code == 0
    assert counted(served, "repeated") == before + 1
    assert names(folder / "accepted") == ["review.json", "review.json.receipt.json"]


def counted(served: Serving, status: str) -> float:
    """How many messages had this status."""
    with served.client("none") as http:
        lines = http.get("/metrics").text.splitlines()
    return sum(
        float(line.split()[-1])
        for line in lines
        if line.startswith("gateway_messages_total") and f'status="{status}"' in line
    )


def test_a_folder_has_one_watcher(folder: Path, served: Serving, key: str) -> None:
    with watching(folder, served.url, key):
        said = once(folder, served.url, key)
    assert said.code == 1
    assert "watched already" in said.err
