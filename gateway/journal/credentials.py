"""Who may send: keys, of which only the hash is stored, and mailboxes that MESH vouches for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, select, update

from gateway.journal.access import Reading, Writing, columns, from_row, values_of
from gateway.journal.tables import credential


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What the bearer of a key may do."""

    id: str
    organisation: str
    kinds: tuple[str, ...]  # of message, that it may send
    speaks_for: tuple[str, ...]  # other organisations
    created_at: datetime
    revoked_at: datetime | None

    def __post_init__(self) -> None:
        """Take lists, as JSON gives them."""
        object.__setattr__(self, "kinds", tuple(self.kinds))
        object.__setattr__(self, "speaks_for", tuple(self.speaks_for))


class CredentialQueries(Reading):
    """What may be read of credentials."""

    def credential(self, key: str) -> Credential | None:
        """Find who bears this key; None where nobody does or it was revoked."""
        found = self._credentials(
            select(credential).where(
                credential.c.key_hash == self._codec.ref("credential", key),
                credential.c.revoked_at.is_(None),
            )
        )
        return found[0] if found else None

    def credentials(self) -> list[Credential]:
        """List all credentials, revoked ones too."""
        return self._credentials(
            select(credential).order_by(credential.c.organisation, credential.c.created_at)
        )

    def _credentials(self, query: Select[Any]) -> list[Credential]:
        return [from_row(Credential, row, credential) for row in self._connection.execute(query)]


class CredentialWrites(Writing):
    """What may be written of credentials."""

    def add_credential(
        self,
        key: str,
        organisation: str,
        kinds: Sequence[str],
        created_at: datetime,
        speaks_for: Sequence[str] = (),
    ) -> Credential:
        """Register a key, of which only the hash is stored."""
        new = Credential(
            id=str(uuid4()),
            organisation=organisation,
            kinds=tuple(kinds),
            speaks_for=tuple(speaks_for),
            created_at=created_at,
            revoked_at=None,
        )
        key_hash = self._codec.ref("credential", key)
        self._add(credential, {"key_hash": key_hash} | values_of(new, credential))
        return new

    def know_mailbox(
        self, mailbox: str, organisation: str, kinds: Sequence[str], now: datetime
    ) -> Credential:
        """Give a mailbox that MESH vouches for the credential `mesh:<mailbox>`, which no key opens."""
        values = {"organisation": organisation, "kinds": list(kinds)}
        row = self._connection.execute(
            self._insert(credential)
            .values(
                id=f"mesh:{mailbox}",
                key_hash=self._codec.ref("mailbox", mailbox),
                speaks_for=[],
                created_at=now,
                **values,
            )
            .on_conflict_do_update(index_elements=["id"], set_=values)
            .returning(*columns(credential, Credential))
        ).one()
        return from_row(Credential, row, credential)

    def revoke(self, credential_id: str, now: datetime) -> bool:
        """Let a key no longer open anything; False where there is no such credential in force."""
        changed = self._connection.execute(
            update(credential)
            .where(credential.c.id == credential_id, credential.c.revoked_at.is_(None))
            .values(revoked_at=now)
        )
        return changed.rowcount == 1
