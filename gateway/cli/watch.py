"""`gateway watch`: send what is put into a folder, and lay the answer beside it."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import httpx
import orjson
import typer

from gateway.cli.console import FAULT, RETRY, USAGE, err, fail, say
from gateway.cli.send import Away, post, post_many
from gateway.cli.upload import Source, StatementFile, media_type_of_file, stated

ACCEPTED, REFUSED = "accepted", "refused"
UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp")
"""Endings under which programs write what is to be renamed when it is whole."""
STATEMENT = ".statement.json"
"""Behind a file's whole name: what its sender states of its records, instead of the folder's own."""
NO_STATEMENT = {
    "status": 422,
    "title": "Not understood",
    "detail": "A statement lies beside this file, which holds one message: that states itself what is "
    "to be stated. Nothing was sent.",
    "code": "value",
}
LOOK_EVERY = 1.0
"""Seconds between looks into the folder. Files on network shares tell nobody that they came."""
AWAY_FIRST, AWAY_MOST = 2.0, 60.0
"""Seconds: doubles from the first to the most while the gateway is away."""
NOT_THE_FILE = frozenset({401, 404, 405, 407, 408, 429})
"""Answers that say nothing about the file: a wrong key or address, or to come again."""

Seen = tuple[int, int, int]
"""What changes when a file is written: size, and times of content and of inode in nanoseconds."""


def watch(
    folder: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="Where files are put.")
    ],
    key: Annotated[
        str, typer.Option(envvar="GATEWAY_KEY", help="The bearer key that you were given.")
    ],
    url: Annotated[
        str, typer.Option(envvar="GATEWAY_URL", help="The gateway.")
    ] = "http://127.0.0.1:8000",
    settle: Annotated[
        float, typer.Option(min=0.1, help="Seconds for which a file must not change.")
    ] = 3.0,
    statement: StatementFile = None,
    source: Source = None,
    once: Annotated[bool, typer.Option("--once", help="Send what is there now, and end.")] = False,
) -> None:
    """Send each file that is put into FOLDER, and move it to accepted/ or refused/ with its answer.

    File names may tell of a child, so they are never printed.
    """
    if not key.isascii() or not key.isprintable():
        fail("The key has signs that no key has; copy it again.", USAGE)
    signal.signal(signal.SIGIO, signal.SIG_IGN)  # see `_is_being_written`
    for word in (ACCEPTED, REFUSED):
        (folder / word).mkdir(exist_ok=True)
    headers = {"Authorization": f"Bearer {key}"}
    with _alone(folder), httpx.Client(base_url=url, headers=headers, timeout=30) as http:
        finish_moves(folder)
        given = orjson.dumps(stated(None, None, statement, source))
        watched = Folder(folder, settle, http, given)
        try:
            code = watched.once() if once else watched.for_ever()
        except KeyboardInterrupt:
            code = 0
    raise SystemExit(code)


@dataclass
class Folder:
    """A drop folder: what was seen in it, and since when it has not changed."""

    path: Path
    settle: float
    http: httpx.Client
    given: bytes = b"{}"
    """The statement of files beside which none lies."""
    refused: int = 0
    _seen: dict[Path, tuple[Seen, float]] = field(default_factory=dict)
    _told: set[int] = field(default_factory=set)
    _last: set[Path] = field(default_factory=set)
    """What was sent in vain: the others go first."""

    def once(self) -> int:
        """Send what is there, and return the exit code."""
        there = set(self._look())
        time.sleep(self.settle)
        whole = [file for file in self._look() if file in there and self._is_whole(file)]
        if waiting := len(there) - len(whole):
            say(f"{waiting} file(s) are still being written; they stay.")
        try:
            for file in whole:
                self._take(file)
        except Away as away:
            err(str(away))
            return RETRY
        return FAULT if self.refused else 0

    def for_ever(self) -> int:
        """Send what comes, until told to stop."""
        say(f"Watching {self.path}")
        away = 0.0
        while True:
            try:
                for file in self._look():
                    if self._is_whole(file):
                        self._take(file)
                        away = 0.0
            except Away as gone:
                if not away:
                    err(f"{gone} The files wait.")
                away = min(AWAY_MOST, away * 2 or AWAY_FIRST)
            time.sleep(max(LOOK_EVERY, away * random.uniform(0.5, 1.0)))  # noqa: S311 - spread

    def _look(self) -> list[Path]:
        """List what may be sent, oldest first, and note which files have changed."""
        found: dict[Path, Seen] = {}
        with os.scandir(self.path) as entries:
            for entry in entries:
                name = entry.name.lower()
                if name.startswith(".") or name.endswith(UNFINISHED):
                    continue
                with suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        found[Path(entry.path)] = _seen(Path(entry.path))
        now = time.monotonic()
        self._seen = {
            file: known if (known := self._seen.get(file)) and known[0] == seen else (seen, now)
            for file, seen in found.items()
        }
        self._last &= found.keys()
        files = {file for file in found if not file.name.endswith(STATEMENT)}
        for file in found.keys() - files:
            if file.with_name(file.name[: -len(STATEMENT)]) not in files and self._rests(file):
                self._tell(file, "is a statement, and the file that it belongs to is not here")
        return sorted(files, key=lambda file: (file in self._last, found[file][1], file))

    def _is_whole(self, file: Path) -> bool:
        """Tell whether a file, and its statement, rest and can be read."""
        beside = _beside(file)
        return self._can_be_read(file) and (not _is_a_file(beside) or self._can_be_read(beside))

    def _can_be_read(self, file: Path) -> bool:
        try:
            return self._rests(file) and not _is_open_for_writing(file)
        except FileNotFoundError:
            return False
        except OSError:
            self._tell(file, "cannot be read")
            return False

    def _rests(self, file: Path) -> bool:
        """Tell whether a file has not changed for a while."""
        seen = self._seen.get(file)
        return seen is not None and time.monotonic() - seen[1] >= self.settle

    def _take(self, file: Path) -> None:
        """Send a file and move it. Raises Away: it stays, and is sent again."""
        self._last.add(file)
        own = _beside(file) if _is_a_file(_beside(file)) else None
        try:
            seen = self._seen[file][0], _seen(own) if own else None
            answer = self._post(file, own)
        except FileNotFoundError:
            return
        except OSError:
            self._tell(file, "cannot be read")
            return
        if answer.status_code in NOT_THE_FILE or not _is_the_gateways(answer):
            raise Away(f"{self.http.base_url} answered {answer.status_code}: right key, right URL?")
        self._last.discard(file)
        with suppress(FileNotFoundError):
            own = _beside(file) if _is_a_file(_beside(file)) else None
            if (_seen(file), _seen(own) if own else None) != seen:
                return  # they were changed meanwhile: what they are now is sent when they rest
        where, kind = (ACCEPTED, "receipt") if answer.is_success else (REFUSED, "problem")
        try:
            lay(file, where, kind, answer.content, own)
        except OSError as error:
            finish_moves(self.path)
            raise Away(f"{self.path} cannot be written: {error.strerror}.") from None
        if answer.is_success:
            counts = answer.json().get("counts", {})
            self.refused += bool(counts.get("refused") or counts.get("forbidden"))
            many = ", ".join(f"{count} {name}" for name, count in counts.items())
            say(f"accepted  {_receipt_id(answer)}  {many}".rstrip())
        else:
            self.refused += 1
            say(f"refused   {answer.status_code}; see {self.path / REFUSED}")

    def _post(self, file: Path, own: Path | None) -> httpx.Response:
        """Send a file as what it holds; of one of many records wait until all have settled."""
        body = file.read_bytes()
        if media_type := media_type_of_file(body):
            return post_many(self.http, body, media_type, own.read_bytes() if own else self.given)
        return httpx.Response(422, json=NO_STATEMENT) if own else post(self.http, body)

    def _tell(self, file: Path, what: str) -> None:
        """Say once what is the matter with a file, by its inode: a name may tell of a child."""
        with suppress(FileNotFoundError):
            inode = file.lstat().st_ino
            if inode not in self._told:
                self._told.add(inode)
                err(f"A file in {self.path} {what}: find it with `find -inum {inode}`.")


def lay(file: Path, where: str, kind: str, answer: bytes, own: Path | None) -> None:
    """Move a file to a folder beside it with its answer and its statement; nothing is overwritten.

    The answer lies there, on disk, before the file does: whoever sees the file has its answer. A
    crash between the two sends the file again, and its answer takes the place of the first. On its
    way the statement bears the inode and time of its file: it is never taken for that of another one.
    """
    folder = file.parent / where
    target = _target(folder, file)
    draft = folder / f".{target.name}.tmp"
    with draft.open("wb") as opened:
        draft.chmod(file.stat().st_mode & 0o666)  # for whoever may read the file
        opened.write(answer)
        opened.flush()
        os.fsync(opened.fileno())
    draft.replace(folder / f"{target.name}.{kind}.json")
    moving = on_its_way(folder, file)
    if own:
        own.rename(moving)
    file.rename(target)
    if own:
        moving.rename(_beside(target))
    for changed in (folder, file.parent):
        descriptor = os.open(changed, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def finish_moves(path: Path) -> None:
    """Put each statement that a crash left on its way beside its file, wherever that is by now."""
    for folder in (path / ACCEPTED, path / REFUSED):
        for moving in folder.glob(f".*{STATEMENT}"):
            files = (*path.iterdir(), *folder.iterdir())
            if file := next((one for one in files if on_its_way(folder, one) == moving), None):
                moving.rename(_beside(file))


def on_its_way(folder: Path, file: Path) -> Path:
    """Return where the statement of a file is while the two are moved.

    A file system gives the inode of a deleted file to the next one, which is written later.
    """
    stat = file.lstat()
    return folder / f".{stat.st_ino}-{stat.st_mtime_ns}{STATEMENT}"


def _target(folder: Path, file: Path) -> Path:
    """Return where a file goes: under its name, with a number where that is there already."""
    target, number = folder / file.name, 1
    while target.exists():
        number += 1
        target = folder / f"{file.stem}-{number}{file.suffix}"
    return target


def _beside(file: Path) -> Path:
    return file.with_name(file.name + STATEMENT)


def _is_a_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _seen(file: Path) -> Seen:
    stat = file.lstat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _is_open_for_writing(file: Path) -> bool:
    """Ask Linux, by a lease that nobody is granted while another writes; elsewhere say no.

    Whoever opens the file in the moment of the lease gets it revoked by SIGIO.
    """
    with file.open("rb") as opened:
        try:
            fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except BlockingIOError:
            return True
        except (OSError, AttributeError):
            return False  # not a local file, not ours, or not Linux
    return False


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Have the folder to oneself: two would move the same file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        fail(f"{folder} is watched already by another process.", FAULT)
    finally:
        os.close(descriptor)


def _is_the_gateways(answer: httpx.Response) -> bool:
    """Tell an answer of the gateway from one of what stands in front of it."""
    return not answer.is_redirect and "json" in answer.headers.get("content-type", "")


def _receipt_id(answer: httpx.Response) -> str:
    with suppress(ValueError, KeyError, TypeError):
        return str(answer.json()["id"])
    return "-"
