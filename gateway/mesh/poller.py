"""Looks after the MESH mailbox: what came, the answers to it, and what became of what was sent.

Any number of pollers may run on one mailbox: what two of them take at once is taken once.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import orjson
import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_when_event_set,
    wait_random_exponential,
)

from gateway.files.filing import Filing
from gateway.journal import Journal, JournalAway, Reply, Sent
from gateway.logs import configure_logs
from gateway.mesh.client import Mesh, MeshAway, MeshRefused
from gateway.mesh.inbox import AGAIN_AFTER, Inbox
from gateway.mesh.workflows import check_workflows
from gateway.rules import load_rules
from gateway.running import heartbeat, run_until_told, wait
from gateway.service import build_intake
from gateway.settings import Settings
from gateway.storage import MESH, open_journal

BATCH = 20
"""Answers and sent deliveries that are claimed at once."""
PUT_OFF_FIRST, PUT_OFF_MOST = 60.0, 3600.0
"""Seconds: doubles from the first to the most while one message of the mailbox cannot be taken."""
LOOK_MOST = timedelta(hours=1)
"""The longest time between two looks at what became of a delivery."""

GREET_EVERY = 12 * 3600.0
"""Seconds between greetings; MESH asks for one within 24 hours, and takes a silent mailbox for dead."""

log = structlog.get_logger(__name__)


class Poller:
    """One poller: a turn is answers, what became of what was sent, and the mailbox; for ever."""

    def __init__(self, mesh: Mesh, inbox: Inbox, journal: Journal, settings: Settings) -> None:
        self._mesh, self._inbox, self._journal = mesh, inbox, journal
        self._every, self._lease = settings.mesh_poll_seconds, settings.lease_seconds
        self._owner = f"{socket.gethostname()}:{os.getpid()}"
        self._put_off: dict[str, tuple[float, float]] = {}
        self._greeted: float | None = None
        self.state = "up"

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; the message in hand is finished first."""
        beating = asyncio.create_task(heartbeat(self._journal, MESH, lambda: self.state, stop))
        while not stop.is_set():
            with suppress(MeshAway, JournalAway):
                async for attempt in AsyncRetrying(
                    retry=retry_if_exception_type((MeshAway, JournalAway)),
                    wait=wait_random_exponential(multiplier=1, max=max(self._every, 60)),
                    stop=stop_when_event_set(stop),  # type: ignore[arg-type]
                    sleep=lambda seconds: wait(stop, seconds),
                    before_sleep=self._tell,
                    reraise=True,
                ):
                    with attempt:
                        await self.turn(stop)
                self.state = "up"
            await wait(stop, self._every * random.uniform(0.9, 1.1))  # noqa: S311 - spread
        await beating

    def _tell(self, attempt: RetryCallState) -> None:
        """Tell once when MESH goes."""
        error = attempt.outcome and attempt.outcome.exception()
        state = error.code if isinstance(error, MeshAway) else "journal away"
        if state != self.state:
            log.error("nothing comes or goes by MESH", why=state)
        self.state = state

    async def turn(self, stop: asyncio.Event) -> None:
        """Do once all that there is to do. Raises MeshAway or JournalAway."""
        if self._greeted is None or time.monotonic() - self._greeted > GREET_EVERY:
            await asyncio.to_thread(self._mesh.greet)
            self._greeted = time.monotonic()
        deliveries = self._journal.deliveries
        await asyncio.to_thread(deliveries.retry_failed, "mesh")
        await self._answer_all()
        for sent in await asyncio.to_thread(
            deliveries.claim_sent, "mesh", self._owner, BATCH, self._lease
        ):
            await self._follow(sent)
        await self._empty(stop)
        await self._inbox.answer_files()
        await self._answer_all()

    async def _answer_all(self) -> None:
        for reply in await asyncio.to_thread(
            self._journal.letters.claim_replies, self._owner, BATCH, self._lease
        ):
            await self._answer(reply)

    async def _empty(self, stop: asyncio.Event) -> None:
        """Take what is in the mailbox; what cannot be taken is put off, and holds up nothing."""
        away_in_a_row = 0
        for message_id in await asyncio.to_thread(lambda: list(self._mesh.waiting())):
            if stop.is_set():
                return
            seconds, until = self._put_off.get(message_id, (0.0, 0.0))
            if until > time.monotonic():
                continue
            try:
                await self._inbox.take(message_id)
            except JournalAway:
                raise
            except MeshAway as away:
                away_in_a_row += 1
                if away_in_a_row > 1 or away.code == "denied":
                    raise  # it is not this message's fault
                self._set_aside(message_id, seconds, away.code)
            except MeshRefused as refused:  # another poller took it, or it has expired
                self._set_aside(message_id, seconds, refused.code)
            except Exception as error:  # noqa: BLE001 - those behind it must not wait
                self._set_aside(message_id, seconds, type(error).__name__)
            else:
                away_in_a_row = 0
                self._put_off.pop(message_id, None)

    def _set_aside(self, message_id: str, seconds: float, why: str) -> None:
        """Leave a message in the mailbox for a while."""
        seconds = min(PUT_OFF_MOST, seconds * 2 or PUT_OFF_FIRST)
        self._put_off[message_id] = (seconds, time.monotonic() + seconds)
        log.error("message set aside; it stays in the mailbox", mesh=message_id, why=why)

    async def _answer(self, reply: Reply) -> None:
        """Send an answer. Its local id is MESH's id of what it answers, also when it comes twice."""
        try:
            told = orjson.loads(reply.reply)
            reference = await asyncio.to_thread(
                self._mesh.send,
                reply.mailbox,
                reply.workflow,
                told["content"].encode(),
                told["type"],
                reply.id,
                told["subject"],
            )
        except MeshRefused as refused:
            minutes = min(2**reply.attempts, 24 * 60)
            at = datetime.now(UTC) + timedelta(minutes=minutes)
            log.error("an answer was refused", mesh=reply.id, why=refused.code)
            await asyncio.to_thread(self._journal.letters.reply_later, reply.id, at, refused.code)
        except MeshAway as away:
            at = datetime.now(UTC)
            await asyncio.to_thread(self._journal.letters.reply_later, reply.id, at, away.code)
            raise
        except Exception as error:  # noqa: BLE001 - the other answers must not wait
            why, at = type(error).__name__, datetime.now(UTC) + LOOK_MOST
            log.error("an answer was set aside", mesh=reply.id, why=why)
            await asyncio.to_thread(self._journal.letters.reply_later, reply.id, at, why)
        else:
            await asyncio.to_thread(self._journal.letters.replied, reply.id, reference)

    async def _follow(self, sent: Sent) -> None:
        """See whether the receiver has fetched what was sent."""
        deliveries, now = self._journal.deliveries, datetime.now(UTC)
        later = now + min(max((now - sent.attempted_at) / 10, self._look_first), LOOK_MOST)
        try:
            status, code = await asyncio.to_thread(self._mesh.track, sent.reference)
        except MeshRefused as refused:
            log.error("MESH does not know a delivery", alert=sent.alert_id, why=refused.code)
            await asyncio.to_thread(deliveries.look_again, sent.id, now + LOOK_MOST)
        except MeshAway:
            await asyncio.to_thread(deliveries.look_again, sent.id, now)
            raise
        except Exception as error:  # noqa: BLE001 - the other deliveries must be followed
            why = type(error).__name__
            log.error("a delivery cannot be followed", alert=sent.alert_id, why=why)
            await asyncio.to_thread(deliveries.look_again, sent.id, now + LOOK_MOST)
        else:
            if status == "acknowledged":
                await asyncio.to_thread(deliveries.collected, sent.id)
            elif status in ("undeliverable", "error"):
                code = f"mesh-{code or status}"
                log.error("MESH could not deliver", alert=sent.alert_id, code=code)
                await asyncio.wrap_future(
                    self._journal.transact(
                        lambda tx: tx.give_back(sent.reference, code, now + AGAIN_AFTER)
                    )
                )
            else:
                await asyncio.to_thread(deliveries.look_again, sent.id, later)

    @property
    def _look_first(self) -> timedelta:
        return timedelta(seconds=self._every)


def run_poller(settings: Settings, *, while_stdin_is_open: bool = False) -> None:
    """Run one poller until SIGTERM or SIGINT, or until standard input ends.

    Raises what reading the rules and opening the journal raise.
    """
    rules = load_rules(settings)
    check_workflows(rules.directory)
    with open_journal(settings) as journal, Mesh(settings) as mesh:
        intake = build_intake(settings, rules, journal)
        # Not started: `serve` settles what a file brought, whoever recorded it.
        filing = Filing(intake)
        inbox = Inbox(mesh, intake, filing, settings.max_bytes, settings.max_file_bytes)
        poller = Poller(mesh, inbox, journal, settings)
        asyncio.run(run_until_told(poller.run, while_stdin_is_open=while_stdin_is_open))


if __name__ == "__main__":  # as `serve` starts it
    configure_logs()
    run_poller(Settings(), while_stdin_is_open=True)
