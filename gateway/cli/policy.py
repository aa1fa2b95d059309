"""`gateway policy`: print the policy, and explain what it makes of a message."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from adapters.errors import NotUnderstood, NotWellFormed, Refused
from gateway.cli.console import FAULT, err, out, say
from gateway.cli.consume import lines
from gateway.cli.send import media_type
from gateway.policy.engine import Decision
from gateway.policy.page import policy_page
from gateway.rules import Rules, load_rules
from gateway.settings import Settings
from schemas.receipt import SENTENCE

app = typer.Typer(no_args_is_help=True)


@app.command("print")
def print_() -> None:
    """Print the policy as a page for the data-sharing agreement (Markdown)."""
    rules = load_rules(Settings())
    typer.echo(policy_page(rules.policy, rules.directory))


@app.command()
def explain(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON or FHIR.")],
) -> None:
    """Show what becomes of a message: routes, bases, what each sees and does not, what is missing."""
    # Only here: `policy print` starts without the FHIR library.
    from adapters.inbound import PARSERS
    from gateway.weighing import Weighing, policy_document

    settings = Settings()
    rules = load_rules(settings)
    body = file.read_bytes()
    try:
        message = PARSERS[media_type(body)](body, rules.tables).message
    except Refused as refused:
        if isinstance(refused, NotUnderstood):
            err(f"{file} was not understood:")
            for fault in refused.faults:
                err(f"  {fault.pointer or '/'}: {fault.detail}")
        elif isinstance(refused, NotWellFormed):
            err(f"{file}{refused.where}: {refused.detail}")
        raise SystemExit(FAULT) from None
    if message.action == "retract":
        say("A retract: whoever was told by this record's earlier messages has it withdrawn.")
        return
    assessment, decision = Weighing.by(settings, rules).weigh(message)
    document = policy_document(message, assessment)
    _explain(rules, decision, dict(document))


def _explain(rules: Rules, decision: Decision, document: dict[str, Any]) -> None:
    stated = dict(_pairs(document))
    for alert in decision.alerts:
        basis = rules.policy.bases[alert.basis]
        say(f"[bold]Route {alert.route}[/]: {escape(alert.definition.title)}")
        say(f"  told: {escape(alert.service.title)} ({alert.agency}){' · urgent' * alert.urgent}")
        say(f"  basis: {alert.basis}, {escape(basis.title)}: {escape(basis.power)}")
        for flag in alert.flags:
            say(f"  [yellow]! {escape(flag)}[/]")
        seen = dict(_pairs(dict(alert.fields)))
        partly = {_root(path) for path in seen if path.startswith("findings")}
        say("  sees:")
        for path, value in seen.items():
            say(f"    [green]+[/] {escape(path)}: {escape(value)}")
        unseen = [path for path in stated if path not in seen and _root(path) not in partly]
        say(f"  does not see: {escape(', '.join(_roots(unseen))) or 'nothing else was stated'}")
        say()
    for hold in decision.holds:
        words = rules.policy.holds[hold.reason]
        say(
            f"[yellow]Held[/] route {hold.route} ({hold.basis or 'no basis'}): {escape(words.says)}"
        )
        for missing in hold.missing:
            say(f"    missing {missing.pointer}: {escape(missing.detail)}")
        say(f"    {escape(words.do)}")
        say()
    if decision.forgets:
        say("Nobody is told. The message is counted and forgotten.")
    for note in decision.notes:
        say(escape(note))
    out.print(f"[dim]{escape(SENTENCE)}[/]")


def _pairs(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [tuple(line.split(": ", 1)) for line in lines(document)]  # type: ignore[misc]


def _root(path: str) -> str:
    """Shorten a path to its first two words."""
    return ".".join(path.split(".")[:2]).split("[")[0]


def _roots(paths: list[str]) -> list[str]:
    return list(dict.fromkeys(_root(path) for path in paths))
