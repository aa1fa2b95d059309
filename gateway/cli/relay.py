"""`gateway relay`: deliver."""

from __future__ import annotations

from gateway.relay import run_relay
from gateway.settings import Settings


def relay() -> None:
    """Deliver what is due: run as many as you like, they share the work."""
    run_relay(Settings())
