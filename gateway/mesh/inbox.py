"""Takes what came by MESH: a message goes the way of every message, a report to its delivery."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import orjson
import structlog

from adapters.errors import Refused
from gateway.caller import Caller, NotAllowed, Rights
from gateway.directory import FILE, Directory, Workflow
from gateway.files.filing import Filing
from gateway.files.multipart import MULTIPART, NotMultipart, file_and_statement
from gateway.files.statement import Statement
from gateway.intake import Answer, Intake, Repeated
from gateway.journal import FileLetter, JournalAway, Letter, Returned, Transaction, WrongKey
from gateway.journal.deliveries import MOST_FAILURES
from gateway.mesh.client import Mesh, Opened
from gateway.problems import FHIR_JSON, PROBLEM, Problem, not_taken, refusal_of

T = TypeVar("T")

AGAIN_AFTER = timedelta(hours=1)
"""After which what MESH could not deliver is sent again."""
ANY = "application/octet-stream"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _NotTaken(Exception):
    """A message that is not for the intake at all."""

    status: int
    code: str
    why: str
    detail: str


@dataclass(frozen=True)
class Inbox:
    """The way in. What it raises leaves the message in the mailbox, and it comes again."""

    mesh: Mesh
    intake: Intake
    filing: Filing
    max_bytes: int
    max_file_bytes: int

    @property
    def _directory(self) -> Directory:
        return self.intake.rules.directory

    async def take(self, message_id: str) -> None:
        """Take one message, and take it out of the mailbox once what became of it is on disk.

        Raises JournalAway, MeshAway or MeshRefused.
        """
        journal = self.intake.journal
        known = await asyncio.to_thread(journal.read, lambda tx: tx.knows_letter(message_id))
        if not known:
            opened = await asyncio.to_thread(self.mesh.open, message_id, self._most)
            await (self._report(opened) if opened.report else self._message(opened))
        await asyncio.to_thread(self.mesh.acknowledge, message_id)

    def _most(self, workflow: str) -> int:
        """Return how many bytes may come under a workflow."""
        known = self._directory.mesh.inbox.get(workflow)
        return self.max_file_bytes if known and known.format == FILE else self.max_bytes

    async def _message(self, opened: Opened) -> None:
        received = datetime.now(UTC)
        workflow = self._directory.mesh.inbox.get(opened.workflow)
        fhir = bool(workflow and "fhir" in workflow.format)
        try:
            workflow, body, caller = await self._admitted(opened, workflow, received)
            if workflow.format == FILE:
                await self._file(opened, workflow, body, caller, received)
            else:
                answer = await self._taken(workflow, body, caller, received)
                await self._accepted(opened, workflow, received, answer)
        except _NotTaken as no:
            found = self._problem(no.status, no.code, no.detail, opened)
            await self._refused(opened, workflow, received, found, no.why, fhir)
        except Refused as refused:
            body = (opened.body or b"").lower()
            found = refusal_of(refused, body, self.intake.receipts.telephone)
            why = type(refused).__name__
            await self._refused(opened, workflow, received, found, why, fhir)
        except NotAllowed as no:
            found = self._problem(403, "forbidden", str(no), opened)
            await self._refused(opened, workflow, received, found, "not allowed", fhir)
        except Repeated as repeated:
            found = self._problem(409, "duplicate", str(repeated), opened)
            await self._refused(opened, workflow, received, found, "duplicate", fhir)

    async def _admitted(
        self, opened: Opened, workflow: Workflow | None, received: datetime
    ) -> tuple[Workflow, bytes, Caller]:
        """Return what came, and from whom. Raises _NotTaken or NotAllowed."""
        mesh = self._directory.mesh
        if opened.sender not in mesh.senders:
            detail = "The gateway does not know your mailbox; its operator can register it."
            raise _NotTaken(403, "forbidden", "unknown mailbox", detail)
        if workflow is None:
            known = ", ".join(sorted(mesh.inbox)) or "none"
            detail = f"Nothing is taken under this workflow; taken are: {known}."
            raise _NotTaken(415, "not-supported", "unknown workflow", detail)
        if opened.fault == "too large":
            detail = (
                f"It is larger than {self._most(opened.workflow)} bytes; send one message without "
                "attachments, or a file in parts."
            )
            raise _NotTaken(413, "too-large", "too large", detail)
        if opened.body is None:
            detail = "The message is not whole, or not packed as it says; send it again."
            raise _NotTaken(400, "not-well-formed", "unreadable", detail)
        caller = await self._caller(opened.sender, mesh.senders[opened.sender], workflow, received)
        return workflow, opened.body, caller

    async def _taken(
        self, workflow: Workflow, body: bytes, caller: Caller, received: datetime
    ) -> Answer:
        """Let the intake take it. Raises what it raises."""
        media_type = f"application/{workflow.format}"
        parsed = self.intake.understand(body, media_type, received)
        return await self.intake.take_parsed(parsed, body, media_type, caller, received)

    async def _file(
        self, opened: Opened, workflow: Workflow, body: bytes, caller: Caller, received: datetime
    ) -> None:
        """Record a file with all its records; they are settled, and it is answered, later.

        Raises Refused, NotAllowed or _NotTaken.
        """
        try:
            content, media_type, statement = _with_statement(body)
        except NotMultipart as wrong:
            raise _NotTaken(400, "not-well-formed", "NotMultipart", str(wrong)) from None
        letter = self._letter(opened, workflow, received, 202)
        reply = _reply(opened, letter, "application/json", "")
        upload, known = await asyncio.to_thread(
            self.filing.receive,
            content,
            media_type,
            statement,
            caller,
            received,
            lambda tx, file: tx.add_letter(letter, reply, file),
        )
        log.info("file", mesh=opened.id, mailbox=opened.sender, id=upload.id, known=known)

    async def answer_files(self) -> None:
        """Let the answers go to those whose files are done."""
        done = await asyncio.to_thread(self.intake.journal.read, lambda tx: tx.letters_done())
        for letter in done:
            try:
                reply = await asyncio.to_thread(self._file_reply, letter)
            except JournalAway:
                raise
            except Exception as error:  # noqa: BLE001 - the other answers must not wait
                why = str(error) if isinstance(error, WrongKey) else type(error).__name__
                log.error("an answer was set aside", mesh=letter.id, why=why)
                continue
            await self._write(
                lambda tx, id_=letter.id, reply=reply: tx.answer_letter(  # type: ignore[misc]
                    id_, reply, datetime.now(UTC)
                )
            )

    def _file_reply(self, letter: FileLetter) -> bytes:
        """Complete the answer to a file with what became of its records. Raises WrongKey."""
        reply = orjson.loads(self.intake.journal.read(lambda tx: tx.letter_reply(letter.id)))
        receipt = self.filing.follow_own(letter.upload_id, f"mesh:{letter.mailbox}")
        document = receipt.model_dump_json(by_alias=True, exclude_defaults=True)
        return orjson.dumps({**reply, "content": document})

    async def _caller(
        self, mailbox: str, organisation: str, workflow: Workflow, at: datetime
    ) -> Caller:
        """Know the sender by its mailbox, with the rights that the directory gives its organisation."""
        found = self._directory.organisation(organisation)
        sends = found.sends if found else ()
        credential = await self._write(lambda tx: tx.know_mailbox(mailbox, organisation, sends, at))
        if credential.revoked_at:
            raise NotAllowed("Your mailbox may no longer send; ask the gateway's operator.")
        kinds = [kind for kind in sends if workflow.kind in (None, kind)]
        rights = Rights(frozenset(kinds), frozenset())
        return Caller(organisation, rights, credential.id)

    async def _accepted(
        self, opened: Opened, workflow: Workflow | None, received: datetime, answer: Answer
    ) -> None:
        receipt = answer.receipt
        document = receipt.model_dump_json(by_alias=True, exclude_defaults=True)
        letter = self._letter(opened, workflow, received, 200 if answer.repeated else 202)
        reply = _reply(opened, letter, "application/json", document)
        await self._write(lambda tx: tx.add_letter(letter, reply))
        log.info(
            "message",
            mesh=opened.id,
            mailbox=opened.sender,
            id=receipt.id,
            kind=receipt.kind,
            status=receipt.status,
            repeated=answer.repeated,
            alerts=len(receipt.alerts),
            held=len(receipt.held),
        )

    async def _refused(
        self,
        opened: Opened,
        workflow: Workflow | None,
        received: datetime,
        found: Problem,
        why: str,
        fhir: bool,
    ) -> None:
        """Record a refusal: with the bytes, but of a file and of who may not send only how many."""
        letter = self._letter(opened, workflow, received, found.status)
        document = orjson.dumps(found.outcome() if fhir else found.document()).decode()
        reply = _reply(opened, letter, FHIR_JSON if fhir else PROBLEM, document)
        sender = self._directory.mesh.senders.get(opened.sender, f"mesh:{opened.sender}")

        is_file = workflow is not None and workflow.format == FILE

        def job(tx: Transaction) -> None:
            if not tx.add_letter(letter, reply):
                return
            if opened.body is None or found.status == 403 or is_file:
                file = opened.body if is_file and found.status != 403 else None
                tx.note_denied(sender, received, found.status, why, opened.size, file)
            else:
                tx.keep_refused(sender, received, found.status, why, opened.body)

        await self._write(job)
        log.warning("refused", mesh=opened.id, mailbox=opened.sender, status=found.status, why=why)

    async def _report(self, opened: Opened) -> None:
        """Turn MESH's word that something could not be delivered into that delivery's failure."""
        received, code = datetime.now(UTC), f"mesh-{opened.code or 'error'}"

        def job(tx: Transaction) -> Returned | None:
            found = tx.give_back(opened.linked or "", code, received + AGAIN_AFTER)
            status = 200 if found else 404
            tx.add_letter(Letter(id=opened.id, mailbox="MESH", received_at=received, status=status))
            return found

        found = await self._write(job)
        log.error(
            "MESH could not deliver",
            about=opened.linked,
            code=code,
            alert=found and found.alert_id,
            service=found and found.target,
            again=bool(found and found.failures < MOST_FAILURES),
        )

    def _problem(self, status: int, code: str, detail: str, opened: Opened) -> Problem:
        body = (opened.body or b"").lower()  # a table's header, which people write
        return not_taken(status, detail, code, body, self.intake.receipts.telephone)

    def _letter(
        self, opened: Opened, workflow: Workflow | None, received: datetime, status: int
    ) -> Letter:
        return Letter(
            id=opened.id,
            mailbox=opened.sender,
            received_at=received,
            status=status,
            workflow=workflow.reply if workflow else None,
        )

    async def _write(self, job: Callable[[Transaction], T]) -> T:
        return await asyncio.wrap_future(self.intake.journal.transact(job))


def _with_statement(body: bytes) -> tuple[bytes, str, Statement]:
    """Return a file, its media type and its statement: the form of an upload, known by its first line.

    MESH keeps no media type of the content that could be relied on, so the file is known by its shape.
    Raises NotMultipart or NotUnderstood.
    """
    first = body[:200].split(b"\r\n")[0]
    if not first.startswith(b"--"):
        return body, ANY, Statement()
    boundary = first[2:].decode("ascii", "replace")
    content, media_type, stated = file_and_statement(body, f'{MULTIPART}; boundary="{boundary}"')
    return content, media_type, stated or Statement()


def _reply(opened: Opened, letter: Letter, media_type: str, document: str) -> bytes | None:
    """Write the answer that is to go to the sender's mailbox, if any."""
    if not letter.workflow:
        return None
    return orjson.dumps({"type": media_type, "subject": opened.local_id, "content": document})
