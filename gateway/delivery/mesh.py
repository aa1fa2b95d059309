"""Delivers to services' MESH mailboxes; a mailbox that MESH refuses is backed off from alone."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import structlog

from adapters.outbound import FORMATS
from gateway.delivery.back_off import BackOff
from gateway.directory import Directory, Endpoint
from gateway.journal import Due, Journal, JournalAway
from gateway.mesh.client import Mesh, MeshAway, MeshRefused
from gateway.running import wait
from gateway.settings import Settings

BATCH = 20
"""Deliveries claimed at once; they are sent one after the other."""
IDLE = 0.5
"""Seconds between looks at an empty journal."""
BACK_OFF_FIRST, BACK_OFF_MOST = 2.0, 900.0
"""Seconds: doubles from the first to the most while MESH is away, or refuses one mailbox."""
SET_ASIDE = timedelta(minutes=10)
"""After which a delivery that nothing here can make is tried again: the directory may be right by then."""

log = structlog.get_logger(__name__)


class MeshChannel:
    """Sends what is due by MESH, and tells the journal the fate of each."""

    def __init__(
        self, journal: Journal, settings: Settings, directory: Directory, owner: str
    ) -> None:
        self._deliveries = journal.deliveries
        self._mesh = Mesh(settings)
        self._owner = owner
        self._lease = settings.lease_seconds
        self._look_after = timedelta(seconds=settings.mesh_poll_seconds)
        self._ends = {
            (service, end.format): end
            for service, ends in directory.endpoints.items()
            for end in ends
        }
        self._away = BackOff(BACK_OFF_FIRST, BACK_OFF_MOST)
        self._refusing: dict[str, BackOff] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set."""
        with self._mesh:
            while not stop.is_set():
                try:
                    if self._away.rests or not await self._deliver_some():
                        await wait(stop, IDLE)
                except JournalAway as away:
                    log.error("the journal is away", why=str(away))
                    await wait(stop, 1.0)

    async def _deliver_some(self) -> bool:
        """Send a few; False where nothing is due. Raises JournalAway."""
        resting = {target for target, one in self._refusing.items() if one.rests}
        batch = await asyncio.to_thread(
            self._deliveries.claim, "mesh", self._owner, BATCH, self._lease, resting
        )
        # What the lease may not last for goes back, lest another relay send it too.
        end = time.monotonic() + self._lease / 2
        for due in batch:
            back_off = self._refusing.get(due.target)
            if time.monotonic() > end or self._away.rests or (back_off and back_off.rests):
                await self._release(due, timedelta(0), "put-off")
            else:
                await self._deliver(due)
        return bool(batch)

    async def _deliver(self, due: Due) -> None:
        end = self._ends.get((due.target, due.format))
        if end is None:
            log.error("no endpoint in the directory", service=due.target, format=due.format)
            await self._release(due, SET_ASIDE, "no-endpoint")
            return
        try:
            body = FORMATS[due.format].render(due.body)
        except Exception as error:  # noqa: BLE001 - one alert must not hold up the others
            log.error("alert set aside", alert=due.alert_id, why=type(error).__name__)
            await self._release(due, SET_ASIDE, "not-rendered")
            return
        await self._send(due, end, body)

    async def _send(self, due: Due, end: Endpoint, body: bytes) -> None:
        media_type = FORMATS[due.format].media_type
        try:
            reference = await asyncio.to_thread(
                self._mesh.send, end.mailbox, end.workflow, body, media_type, due.alert_id
            )
        except MeshAway as away:
            log.error("MESH takes nothing; alerts wait", why=away.code)
            await self._release(due, self._away.longer(), away.code)
        except MeshRefused as refused:
            log.error("MESH refuses a mailbox", service=due.target, why=refused.code)
            back_off = self._refusing.setdefault(due.target, BackOff(BACK_OFF_FIRST, BACK_OFF_MOST))
            await self._release(due, back_off.longer(), refused.code)
        except Exception as error:  # noqa: BLE001 - what it is, the agencies' queues must not wait
            log.error("alert set aside", alert=due.alert_id, why=type(error).__name__)
            await self._release(due, SET_ASIDE, "not-sent")
        else:
            self._away.well()
            self._refusing.pop(due.target, None)
            look_at = datetime.now(UTC) + self._look_after
            await asyncio.to_thread(self._deliveries.sent, due.id, reference, look_at)

    async def _release(self, due: Due, after: timedelta, error: str) -> None:
        at = datetime.now(UTC) + after
        await asyncio.to_thread(self._deliveries.release, [due.id], at, error, self._owner)
