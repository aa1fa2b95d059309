"""Who calls, and what they may do. Full OAuth replaces `Callers.identify`, and nothing else.

NotAllowed   known, but not for this
Unknown      no key, or one that opens nothing
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.message import KINDS, Message

if TYPE_CHECKING:
    from gateway.journal import Credential, Journal

REMEMBERED = 5.0
"""Seconds for which a key's owner is remembered, and so the longest that a revoked key still opens."""


class Unknown(Exception):
    """No credentials, or ones that the gateway does not know."""


class NotAllowed(Exception):
    """The caller is known and may not do this; the message says what is missing."""


@dataclass(frozen=True)
class Rights:
    """What a caller may do."""

    kinds: frozenset[str]
    speaks_for: frozenset[str]


@dataclass(frozen=True)
class Caller:
    """A known caller: its organisation, and its rights."""

    organisation: str
    rights: Rights
    credential: str

    def check(self, message: Message) -> None:
        """Raise NotAllowed unless this caller may send this message."""
        source = message.source.key
        if source != self.organisation and source not in self.rights.speaks_for:
            raise NotAllowed(
                f"This key belongs to {self.organisation}, the message names {source} as its "
                "source. Send as yourself, or ask the operator for the right to speak for it."
            )
        if message.kind not in self.rights.kinds:
            raise NotAllowed(
                f"{self.organisation} is not registered to send `{message.kind}`; registered: "
                f"{', '.join(k for k in KINDS if k in self.rights.kinds) or 'nothing'}."
            )


class Callers:
    """Knows callers by their bearer keys, of which the journal holds only the hash."""

    def __init__(self, journal: Journal, clock: Callable[[], float] = time.monotonic) -> None:
        self._journal = journal
        self._clock = clock
        self._remembered: dict[str, tuple[float, Caller]] = {}

    def remembered(self, authorization: str | None) -> Caller | None:
        """Return the caller who used this header within the last seconds. Raises Unknown."""
        until, caller = self._remembered.get(_key(authorization), (0.0, None))
        return caller if until >= self._clock() else None

    def identify(self, authorization: str | None) -> Caller:
        """Turn an `Authorization` header into the caller; asks the journal. Raises Unknown."""
        key = _key(authorization)
        credential = self._journal.read(lambda tx: tx.credential(key))
        if credential is None:
            self._remembered.pop(key, None)
            raise Unknown("This key opens nothing here: it is mistyped, or it was revoked.")
        caller = caller_of(credential)
        self._remembered[key] = (self._clock() + REMEMBERED, caller)
        return caller


def _key(authorization: str | None) -> str:
    scheme, _, key = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unknown("Send the key that you were given as `Authorization: Bearer <key>`.")
    return key.strip()


def caller_of(credential: Credential) -> Caller:
    """Return the caller that bears a credential."""
    rights = Rights(frozenset(credential.kinds), frozenset(credential.speaks_for))
    return Caller(credential.organisation, rights, credential.id)


def new_key() -> str:
    """Make a bearer key: 256 random bits, with a prefix by which scanners know a leaked one."""
    return "eig_" + secrets.token_urlsafe(32)
