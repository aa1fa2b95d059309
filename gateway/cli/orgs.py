"""`gateway org`: who may send, with which key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from gateway.caller import new_key
from gateway.cli.console import FAULT, fail, say
from gateway.directory import Directory, Organisation
from gateway.journal import Credential, Journal
from gateway.rules import load_rules
from gateway.settings import Settings
from gateway.storage import open_journal
from schemas.fields import nearest
from schemas.message import KINDS

app = typer.Typer(no_args_is_help=True)


@dataclass(frozen=True)
class Made:
    """A key, which is nowhere else, and what it opens."""

    key: str
    credential: Credential


def register(
    journal: Journal,
    directory: Directory,
    organisation: str,
    kinds: Sequence[str] = (),
    speaks_for: Sequence[str] = (),
) -> Made:
    """Make a key for an organisation of the directory; its kinds are the directory's unless given."""
    known = [_known(directory, key) for key in (organisation, *speaks_for)]
    sends = kinds or sorted({sent for one in known for sent in one.sends})
    for name in sends:
        if name not in KINDS:
            fail(f"There is no kind `{name}`; there are {', '.join(KINDS)}.", FAULT)
    key = new_key()
    adding = journal.transact(
        lambda tx: tx.add_credential(key, organisation, sends, datetime.now(UTC), speaks_for)
    )
    return Made(key, adding.result())


@app.command()
def add(
    organisation: Annotated[str, typer.Argument(help="Its key in the directory, such as ods:RXA.")],
    kind: Annotated[
        list[str] | None,
        typer.Option(help="A kind it may send; repeat it. Default: what the directory says."),
    ] = None,
    speaks_for: Annotated[
        list[str] | None,
        typer.Option(help="Another organisation in whose name it may send; repeat it."),
    ] = None,
) -> None:
    """Make a key for an organisation and print it, once: only its hash is stored."""
    settings = Settings()
    directory = load_rules(settings).directory
    with open_journal(settings) as journal:
        made = register(journal, directory, organisation, kind or (), speaks_for or ())
    say(f"{organisation} may send: {', '.join(made.credential.kinds) or 'nothing'}")
    say(f"Key (shown once, send it as `Authorization: Bearer …`):\n\n  {made.key}\n")
    say(f"To revoke it: gateway org revoke {made.credential.id}")


@app.command("list")
def list_() -> None:
    """List the keys that were made, without the keys."""
    with open_journal(Settings(), must_exist=True) as journal:
        credentials = journal.read(lambda tx: tx.credentials())
    for c in credentials:
        say(f"{c.id}  {c.organisation}  made {c.created_at:%Y-%m-%d}" + _revoked(c))
        say(f"    may send {', '.join(c.kinds) or 'nothing'}" + _speaks(c))


def _revoked(credential: Credential) -> str:
    at = credential.revoked_at
    return f"  [red]revoked {at:%Y-%m-%d}[/]" if at else ""


def _speaks(credential: Credential) -> str:
    return f"; speaks for {', '.join(credential.speaks_for)}" if credential.speaks_for else ""


@app.command()
def revoke(
    id: Annotated[str, typer.Argument(help="The key's id, from `gateway org list`.")],
) -> None:
    """Let a key open nothing any more (within five seconds)."""
    with open_journal(Settings(), must_exist=True) as journal:
        if not journal.transact(lambda tx: tx.revoke(id, datetime.now(UTC))).result():
            fail(f"There is no key in force with the id {id}; see `gateway org list`.", FAULT)
    say("Revoked.")


def _known(directory: Directory, key: str) -> Organisation:
    found = directory.organisation(key)
    if found is None:
        keys = [o.key for o in directory.organisations()]
        fail(
            f"The directory has no organisation `{key}`{nearest(key, keys)} Add it to "
            "directory.yaml first; a supplier has the type `supplier`.",
            FAULT,
        )
    return found
