"""What came by MESH, so that nothing is taken twice; and the answers, until they are sent."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from gateway.journal.access import Reading, Writing, columns, values_of
from gateway.journal.codec import Codec
from gateway.journal.engine import in_transaction
from gateway.journal.errors import WrongKey
from gateway.journal.leases import UNREADABLE, UNREADABLE_FOR, lease
from gateway.journal.tables import entry, letter


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What came by MESH, and what became of it: never its content."""

    id: str  # MESH's
    mailbox: str  # the sender's
    received_at: datetime
    status: int  # as HTTP would have answered
    workflow: str | None = None  # of the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer to be sent now."""

    id: str  # of the letter that it answers
    mailbox: str
    workflow: str
    attempts: int
    reply: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLetter:
    """A letter that brought a file, of which all is done."""

    id: str
    mailbox: str
    upload_id: str


class LetterQueries(Reading):
    """What may be read of letters."""

    def knows_letter(self, letter_id: str) -> bool:
        """Tell whether this letter was taken before."""
        known = select(letter.c.id).where(letter.c.id == letter_id)
        return self._connection.scalar(known) is not None

    def letters_done(self) -> list[FileLetter]:
        """List the letters whose file is done and that are not answered yet."""
        waiting = select(entry.c.upload_id).where(entry.c.state == "waiting")
        rows = self._connection.execute(
            select(letter).where(letter.c.state == "working", letter.c.reference.not_in(waiting))
        )
        return [FileLetter(id=r.id, mailbox=r.mailbox, upload_id=r.reference) for r in rows]

    def letter_reply(self, letter_id: str) -> bytes:
        """Return what is known of an answer that is not sent yet; empty where none is due."""
        query = select(letter.c.reply).where(letter.c.id == letter_id)
        return self._open(self._connection.scalar(query)) or b""


class LetterWrites(Writing):
    """What may be written of letters."""

    def add_letter(self, new: Letter, reply: bytes | None = None, file: str | None = None) -> bool:
        """Record what became of a letter, with the answer that is due; False where it is known.

        file: the id of the file that it brought: the answer is due once that is done, and `reply`
            is what of it is known already.
        """
        state = {
            "state": ("working" if file else "due") if reply else "done",
            "reference": file,
            "next_at": new.received_at,
            "attempts": 0,
        }
        added = self._connection.execute(
            self._insert(letter)
            .values(values_of(new, letter) | state | {"reply": self._seal(reply)})
            .on_conflict_do_nothing()
            .returning(letter.c.id)
        )
        return added.one_or_none() is not None

    def answer_letter(self, letter_id: str, reply: bytes, at: datetime) -> None:
        """Let the answer to a letter that brought a file be sent."""
        self._connection.execute(
            update(letter)
            .where(letter.c.id == letter_id, letter.c.state == "working")
            .values(state="due", reference=None, next_at=at, reply=self._seal(reply))
        )


class Letters:
    """The answers that are due, as several pollers share them.

    Every method is a transaction of its own and raises JournalAway where the database fails.
    """

    def __init__(self, writing: Engine, codec: Codec) -> None:
        """Bind to a journal's database."""
        self._writing = writing
        self._codec = codec

    def claim_replies(
        self, owner: str, limit: int, lease_seconds: float, now: datetime | None = None
    ) -> list[Reply]:
        """Take up to `limit` answers to letters; nobody else gets them for `lease_seconds`.

        One that no key opens is put off for an hour, so that it holds up nothing else.
        """
        at = now or datetime.now(UTC)
        due = (
            select(*columns(letter, Reply))
            .where(letter.c.state == "due", letter.c.next_at <= at)
            .order_by(letter.c.next_at)
            .limit(limit)
        )
        until = at + timedelta(seconds=lease_seconds)

        def take(connection: Connection) -> list[Any]:
            more = letter.c.attempts + 1
            return lease(connection, due, letter, lease_owner=owner, next_at=until, attempts=more)

        found = []
        for row in in_transaction(self._writing, take):
            try:
                reply = self._codec.open(row.reply)
            except WrongKey:
                self.reply_later(row.id, at + UNREADABLE_FOR, UNREADABLE)
            else:
                found.append(Reply(**{**row._mapping, "reply": reply}))
        return found

    def replied(self, letter_id: str, reference: str) -> None:
        """Record that an answer was taken by MESH; its content goes."""
        self._update(letter_id, state="sent", reference=reference, reply=None)

    def reply_later(self, letter_id: str, next_at: datetime, error: str) -> None:
        """Try an answer again from `next_at`; `error` is a code."""
        self._update(letter_id, next_at=next_at, last_error=error)

    def _update(self, letter_id: str, **values: Any) -> None:
        in_transaction(
            self._writing,
            lambda connection: connection.execute(
                update(letter)
                .where(letter.c.id == letter_id, letter.c.state == "due")
                .values(lease_owner=None, **values)
            ),
        )
