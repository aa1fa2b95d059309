"""How the command speaks: colour and width where there is a terminal, plain lines where there is none."""

from __future__ import annotations

import sys
from typing import NoReturn

from rich.console import Console
from rich.markup import escape

OK, FAULT, USAGE, RETRY = 0, 1, 2, 3

_tty = sys.stdout.isatty()
out = Console(soft_wrap=not _tty, width=None if _tty else 110, highlight=False, emoji=False)
_err = Console(stderr=True, soft_wrap=not sys.stderr.isatty(), highlight=False, emoji=False)


def say(text: str = "") -> None:
    """Print a line; rich markup is honoured."""
    out.print(text)


def err(text: str) -> None:
    """Print a line about a fault to standard error, as it stands."""
    _err.print(escape(text), style="red")


def fail(text: str, code: int) -> NoReturn:
    """Say what is wrong and end with a code."""
    err(text)
    sys.exit(code)
