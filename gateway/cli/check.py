"""`gateway check`: configuration and connections."""

from __future__ import annotations

from gateway import broker
from gateway.cli.console import FAULT, RETRY, USAGE, err, say
from gateway.directory import Directory
from gateway.journal import JournalAway, JournalError
from gateway.rules import load_rules
from gateway.settings import Settings
from gateway.storage import open_journal


def check() -> None:
    """Check settings, policy, directory, code tables, journal, RabbitMQ, MESH; say all that is wrong."""
    settings = Settings()
    rules = load_rules(settings)
    basis_on = [name for name, basis in rules.policy.bases.items() if basis.on]
    say(f"policy      {settings.policy}: {rules.policy.title}, version {rules.policy.version}")
    say(f"            bases that are on: {', '.join(basis_on)}")
    say(
        f"directory   {rules.directory.area.name}: {len(tuple(rules.directory.organisations()))} "
        f"organisations, {len(rules.directory.services())} services"
    )
    code = 0
    try:
        with open_journal(settings) as journal:
            journal.writable(5.0)
        say(f"journal     {settings.database_url.split('@')[-1]}: can be written")
    except JournalError as error:
        err(f"journal     {error}")
        code = RETRY if isinstance(error, JournalAway) else USAGE
    if settings.amqp_url is None:
        say("rabbitmq    not set (GATEWAY_AMQP_URL): embedded, alerts wait in the mailbox")
    else:
        url = settings.amqp_url.get_secret_value()
        try:
            missing = broker.missing(url, broker.Topology(settings.amqp_prefix))
            for sentence in missing:
                err(f"rabbitmq    {sentence}")
                code = code or FAULT
            if missing:
                err("            run `gateway topology apply`")
            if not missing:
                say(f"rabbitmq    {broker.masked(url)}: exchanges and queues are there")
                say("            (how they are declared: `gateway topology check`)")
        except broker.BrokerError as error:
            err(f"rabbitmq    {error}")
            code = USAGE if isinstance(error, broker.BrokerAddressWrong) else code or RETRY
    mesh = _mesh(settings, rules.directory)
    raise SystemExit(code or mesh)


def _mesh(settings: Settings, directory: Directory) -> int:
    """Say how it stands with MESH, and return the exit code."""
    if settings.mesh_url is None:
        if directory.mesh.inbox or directory.endpoints:
            err("mesh        the directory speaks of MESH, and GATEWAY_MESH_URL is not set")
            return USAGE
        return 0
    # Only here: other checks start without the client of MESH.
    from gateway.mesh.client import Mesh, MeshAway, MeshRefused
    from gateway.mesh.workflows import check_workflows

    check_workflows(directory)
    try:
        with Mesh(settings) as mesh:
            next(mesh.waiting(), None)
    except MeshAway as away:
        err(f"mesh        {settings.mesh_url}, mailbox {settings.mesh_mailbox}: {away.code}")
        return RETRY if away.code == "away" else USAGE
    except MeshRefused as refused:
        err(f"mesh        {settings.mesh_url}, mailbox {settings.mesh_mailbox}: {refused.code}")
        return USAGE
    say(
        f"mesh        {settings.mesh_url}, mailbox {settings.mesh_mailbox}: open; takes "
        f"{', '.join(directory.mesh.inbox) or 'nothing'}, from "
        f"{len(directory.mesh.senders)} mailboxes; {len(directory.endpoints)} services have one"
    )
    return 0
