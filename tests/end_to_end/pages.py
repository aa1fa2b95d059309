"""Reads a page of the documentation, runs its commands, and finds its samples and tables.

A block of `console` is run in bash, line by line, in one folder for the page. What stands after `$ `
is typed; what stands below it is compared with what comes back, where `…` stands for any text within
a line, and alone on a line for any lines. A block of `json` is saved where the sentence before it
says "as `name.json`:", or a comment names the function that produces it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import unified_diff
from functools import cache
from pathlib import Path

from tests.end_to_end.running import ROOT, environment

DOCS = ROOT / "docs"
BINARIES = Path(sys.executable).parent
MARK = "\x1e"


@dataclass(frozen=True)
class Command:
    """One command of a page, and what should come back."""

    line: int
    words: str
    expected: str

    @property
    def pattern(self) -> str:
        """What is expected, as a regular expression."""
        return "".join(
            r"(?:.*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n"
            for line in self.expected.splitlines()
        )


@dataclass(frozen=True)
class Ran:
    """What a command of a page printed."""

    command: Command
    printed: str

    def __str__(self) -> str:
        told, printed = self.command.expected.splitlines(), self.printed.splitlines()
        differ = unified_diff(told, printed, "the page", "printed", n=1, lineterm="")
        return "\n".join([f"{self.command.line}: {self.command.words}", *differ])


@dataclass(frozen=True)
class Surroundings:
    """Where a page's commands run."""

    folder: Path
    settings: Mapping[str, str]

    def here(self, words: str) -> str:
        """Turn a page's command into the one that is right here."""
        queue = f"consume.py {self._prefix}"
        return words.replace(":8000", f":{self._port}").replace("consume.py ", queue)

    def there(self, printed: str) -> str:
        """Turn what was printed here into what the page says."""
        lines = "".join(f"{line.rstrip()}\n" for line in printed.strip("\n").splitlines())
        return lines.replace(f":{self._port}", ":8000").replace(self._prefix or "\0", "")

    @property
    def _prefix(self) -> str:
        return self.settings.get("GATEWAY_AMQP_PREFIX", "")

    @property
    def _port(self) -> str:
        return self.settings.get("GATEWAY_PORT", "8000")


def run(page: str, where: Surroundings) -> list[Ran]:
    """Run a page's commands in one shell, and return what each printed, in the page's words."""
    for name, _, text in json_blocks(page):
        if name:
            (where.folder / name).write_text(text)
    commands = commands_of(page)
    script = "".join(f"{where.here(c.words)}\nprintf '{MARK}'\n" for c in commands)
    output = where.folder / "output"
    with output.open("wb") as file:
        shell = subprocess.Popen(
            ["bash", "-c", script + "kill $(jobs -p) && wait"],
            cwd=where.folder,
            env=environment({**where.settings, "PATH": f"{BINARIES}:{os.environ['PATH']}"}),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        try:
            shell.wait(100)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    printed = output.read_text().split(MARK)
    assert len(printed) > len(commands), printed[-1]
    return [
        Ran(command, where.there(text)) for command, text in zip(commands, printed, strict=False)
    ]


@cache
def text_of(page: str) -> str:
    return (DOCS / page).read_text()


def commands_of(page: str) -> list[Command]:
    """Return the commands of a page's `console` blocks, each with what should come back."""
    text, found = text_of(page), []
    for block in re.finditer(r"^```console\n(.*?)^```$", text, re.M | re.S):
        for command in re.finditer(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block[1], re.M):
            line = text.count("\n", 0, block.start(1) + command.start()) + 1
            found.append(Command(line, command[1], command[2]))
    return found


def json_blocks(page: str) -> list[tuple[str, str, str]]:
    """Return a page's `json` blocks: under which name each is saved, what produces it, its text."""
    block = r"(?:as `([\w-]+\.json)`:|<!-- produced by: (\w+) -->|)\n+```json\n(.*?)^```$"
    return re.findall(block, text_of(page), re.M | re.S)


def table(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the first table below a heading, without their head."""
    below = re.split(rf"^#+ {re.escape(heading)}$", text_of(page), flags=re.M)[1]
    rows = re.search(r"(?:^\|.*\|\n)+", below, re.M)
    assert rows, heading
    return [
        [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in rows[0].splitlines()[2:]
    ]


def quoted(cell: str) -> list[str]:
    """Return the words of a cell that stand between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def anchors(markdown: str) -> set[str]:
    """Return the anchors that a page's headings make."""
    headings = re.findall(r"^#+ (.*)$", markdown, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
