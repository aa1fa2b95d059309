"""Holds what the directory says of MESH against what the gateway can read."""

from __future__ import annotations

from adapters.inbound import PARSERS
from gateway.directory import FILE, Directory, DirectoryFault
from schemas.codes.rows import Fault


def check_workflows(directory: Directory) -> None:
    """Raise DirectoryFault where a workflow has a format that no parser reads."""
    known = [*(media_type.removeprefix("application/") for media_type in PARSERS), FILE]
    faults = [
        Fault(
            "directory.yaml",
            f"mesh.inbox.{name}: there is no format {workflow.format}; there are {', '.join(known)}",
        )
        for name, workflow in directory.mesh.inbox.items()
        if workflow.format not in known
    ]
    if faults:
        raise DirectoryFault(faults)
