"""What is decided by: code tables, directory and policy; and what they say of a message."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.assessment import Assessment, assess
from gateway.caller import Caller, NotAllowed
from gateway.directory import Directory
from gateway.policy.engine import Decision, decide
from gateway.policy.loader import load_policy
from gateway.policy.model import Policy
from gateway.settings import Settings
from gateway.tables import load_tables
from schemas.codes import CodeTables
from schemas.message import Message


@dataclass(frozen=True)
class Rules:
    """Code tables, directory and policy, all read from data files; what they say is pure."""

    tables: CodeTables
    directory: Directory
    policy: Policy
    monitoring_zone: bool = False
    asqse_cut_offs: bool = False

    def allow(self, caller: Caller, message: Message) -> None:
        """Raise NotAllowed unless the caller may send this, and the source that it names may too."""
        caller.check(message)
        source = self.directory.organisation(message.source.key)
        if source is None or message.kind not in source.sends:
            raise NotAllowed(
                f"{message.source.key} is not registered to send `{message.kind}`, whoever speaks "
                "for it. The gateway's operator can add that to the directory."
            )

    def assess(self, message: Message) -> Assessment:
        """Assess one record's state."""
        return assess(
            message,
            self.tables,
            monitoring_zone=self.monitoring_zone,
            asqse_cut_offs=self.asqse_cut_offs,
        )

    def decide(self, message: Message, assessment: Assessment) -> Decision:
        """Decide on one record's state: who is told, what is held."""
        return decide(self.policy, self.directory, message, assessment)


def load_rules(settings: Settings) -> Rules:
    """Read and check all data files. Raises TableFault, DirectoryFault or PolicyFaults."""
    directory = Directory.load(settings.directory)
    return Rules(
        tables=load_tables(settings.tables),
        directory=directory,
        policy=load_policy(settings.policy, directory.roles),
        monitoring_zone=settings.monitoring_zone,
        asqse_cut_offs=settings.asqse_cut_offs,
    )
