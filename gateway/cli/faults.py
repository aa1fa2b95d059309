"""The faults that a command may end with: each is one plain sentence and an exit code."""

from __future__ import annotations

from pydantic import ValidationError

from gateway.broker import BrokerError
from gateway.cli.console import FAULT, RETRY, USAGE, err
from gateway.directory import DirectoryFault
from gateway.journal import AlreadyServed, JournalAway, JournalError
from gateway.policy.loader import PolicyFaults
from schemas.codes import TableFault


def tell(error: Exception) -> int:
    """Say what is wrong, and return the exit code; raises again what nobody expects."""
    match error:
        case ValidationError():
            for detail in error.errors(include_url=False, include_input=False):
                name = "_".join(str(part) for part in detail["loc"]).upper()
                err(f"GATEWAY_{name}: {detail['msg'].removeprefix('Value error, ')}")
            return USAGE
        case PolicyFaults() | DirectoryFault() | TableFault():
            code = USAGE
        case JournalAway() | BrokerError():
            code = RETRY
        case AlreadyServed():
            code = FAULT
        case JournalError():
            code = USAGE
        case _:
            raise error
    err(str(error))
    return code
