"""What is decided by: code tables, directory and policy, read from data files."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.directory import Directory
from gateway.policy.loader import load_policy
from gateway.policy.model import Policy
from gateway.settings import Settings
from gateway.tables import load_tables
from schemas.codes import CodeTables


@dataclass(frozen=True)
class Rules:
    """What is decided by: code tables, directory and policy, all read from data files."""

    tables: CodeTables
    directory: Directory
    policy: Policy


def load_rules(settings: Settings) -> Rules:
    """Read and check all data files. Raises TableFault, DirectoryFault or PolicyFaults."""
    directory = Directory.load(settings.directory)
    return Rules(
        tables=load_tables(settings.tables),
        directory=directory,
        policy=load_policy(settings.policy, directory.roles),
    )
