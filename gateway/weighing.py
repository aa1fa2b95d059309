"""What needs no journal: may the caller send this, what is concluded of it, who would be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.inbound import Parsed
from gateway.assessment import Assessment, assess
from gateway.caller import Caller, NotAllowed
from gateway.directory import Directory
from gateway.policy.engine import Decision, decide
from gateway.policy.model import Policy
from gateway.receipts import Receipts
from gateway.rules import Rules
from gateway.settings import Settings
from schemas.codes import CodeTables
from schemas.message import Message
from schemas.receipt import Receipt


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """Steps 4 and 5 of a message's way, by the rules that were loaded at start. Pure."""

    tables: CodeTables
    policy: Policy
    directory: Directory
    receipts: Receipts
    monitoring_zone: bool = False
    asqse_cut_offs: bool = False

    @classmethod
    def by(cls, settings: Settings, rules: Rules) -> Weighing:
        """Weigh by these settings and rules."""
        return cls(
            tables=rules.tables,
            policy=rules.policy,
            directory=rules.directory,
            receipts=Receipts(rules.policy, rules.directory),
            monitoring_zone=settings.monitoring_zone,
            asqse_cut_offs=settings.asqse_cut_offs,
        )

    def allow(self, caller: Caller, message: Message) -> None:
        """Raise NotAllowed unless the caller may send this, and the source that it names may too."""
        caller.check(message)
        source = self.directory.organisation(message.source.key)
        if source is None or message.kind not in source.sends:
            raise NotAllowed(
                f"{message.source.key} is not registered to send `{message.kind}`, whoever speaks "
                "for it. The gateway's operator can add that to the directory."
            )

    def check(self, parsed: Parsed) -> Receipt:
        """Answer as if this were the first part of its record. Reads no journal, stores nothing."""
        if parsed.message.action == "retract":
            return self.receipts.well_formed_retract(parsed)
        assessment, decision = self.weigh(parsed.message)
        return self.receipts.checked(parsed, assessment, decision)

    def assess(self, message: Message) -> Assessment:
        """Find out what follows from the tables."""
        return assess(
            message,
            self.tables,
            monitoring_zone=self.monitoring_zone,
            asqse_cut_offs=self.asqse_cut_offs,
        )

    def weigh(self, message: Message) -> tuple[Assessment, Decision]:
        """Assess and decide."""
        assessment = self.assess(message)
        document = policy_document(message, assessment)
        return assessment, decide(
            self.policy, self.directory, message, document, assessment.findings
        )


def policy_document(message: Message, assessment: Assessment) -> Mapping[str, Any]:
    """Return the canonical document as the policy reads it: with findings and named areas."""
    document = message.document()
    document["findings"] = [finding.document() for finding in assessment.findings]
    document["areas"] = list(assessment.areas)
    return {name: value for name, value in document.items() if value not in ([], {})}
