"""One mailbox of MESH, through NHS England's own client.

MeshAway      MESH does not answer, or does not let us in; trying again may help
MeshRefused   MESH will not do this for this message
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import requests
from mesh_client import MeshClient, MeshError
from urllib3.exceptions import HTTPError

from gateway.settings import Settings

PAGE = 100
"""Ids of messages that are listed at once."""
ANSWERS_WITHIN = 30.0
"""Seconds for which one answer of MESH is waited for."""
GZIP = b"\x1f\x8b"
PIECE = 65536


class MeshAway(Exception):
    """MESH does not answer, or does not let us in; `code` says which, and holds no address."""

    def __init__(self, code: str) -> None:
        super().__init__(f"MESH: {code}")
        self.code = code


class MeshRefused(Exception):
    """MESH will not do this for this message; `code` is MESH's own, or HTTP's status."""

    def __init__(self, code: str) -> None:
        super().__init__(f"MESH: {code}")
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Opened:
    """One message of the mailbox, fetched and not yet taken out."""

    id: str
    report: bool
    """Not a message but MESH's word that something could not be delivered."""
    sender: str
    workflow: str
    local_id: str | None
    """What the sender calls it: the sender's words, so not for a log."""
    linked: str | None
    """Of a report: the message that it is about."""
    code: str | None
    """Of a report: why, such as `14`."""
    size: int
    """In bytes as it came, or how many were read of what is too large."""
    body: bytes | None
    """None: larger than was asked for, or not readable as what it says it is."""
    fault: str | None = None
    """Why there is no body: `too large` or `unreadable`."""


class Mesh:
    """The gateway's own mailbox. Every method may raise MeshAway or MeshRefused."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _client(self) -> MeshClient:
        settings = self._settings
        assert settings.mesh_url
        assert settings.mesh_mailbox
        assert settings.mesh_password
        assert settings.mesh_shared_key
        files = [str(f) for f in (settings.mesh_certificate, settings.mesh_key) if f]
        try:
            return MeshClient(
                settings.mesh_url,
                settings.mesh_mailbox,
                settings.mesh_password.get_secret_value(),
                shared_key=settings.mesh_shared_key.get_secret_value().encode(),
                cert=tuple(files) or None,  # type: ignore[arg-type]
                verify=str(settings.mesh_ca) if settings.mesh_ca else None,
                transparent_compress=True,
                max_retries=1,  # whoever calls waits longer, and lets others go first
                timeout=ANSWERS_WITHIN,
                application_name="early-identification-gateway",
            )
        except OSError:  # a file that is missing, or is no certificate
            raise MeshAway("certificate") from None

    def greet(self) -> None:
        """Let MESH know that the mailbox is in use."""
        with _answering():
            self._client.handshake()  # type: ignore[no-untyped-call]

    def waiting(self) -> Iterator[str]:
        """List the ids of what is in the mailbox, oldest first."""
        with _answering():
            yield from self._client.iterate_message_ids(batch_size=PAGE)

    def open(self, message_id: str, most_of: Callable[[str], int]) -> Opened:
        """Fetch a message, of at most as many bytes when unpacked as its workflow may have."""
        with _answering():
            first = self._client.retrieve_message_chunk(message_id, 1)
            head = first.headers
            most = most_of(head.get("Mex-WorkflowID", ""))
            with first:
                raw, packed = _read(first, most), _is_packed(first)
            _, chunks = map(int, head.get("Mex-Chunk-Range", "1:1").split(":"))
            for number in range(2, chunks + 1):
                if len(raw) > most:
                    break
                with self._client.retrieve_message_chunk(message_id, number) as more:
                    raw += _read(more, most - len(raw))
        body, fault = _unpacked(raw, most, packed)
        return Opened(
            id=message_id,
            report=head.get("Mex-MessageType", "").upper() == "REPORT",
            sender=head.get("Mex-From", ""),
            workflow=head.get("Mex-WorkflowID", ""),
            local_id=head.get("Mex-LocalID"),
            linked=head.get("Mex-LinkedMsgID"),
            code=head.get("Mex-StatusCode"),
            size=len(raw),
            body=body,
            fault=fault,
        )

    def acknowledge(self, message_id: str) -> None:
        """Take a message out of the mailbox."""
        with _answering():
            self._client.acknowledge_message(message_id)

    def send(
        self,
        mailbox: str,
        workflow: str,
        body: bytes,
        media_type: str,
        local_id: str,
        subject: str | None = None,
    ) -> str:
        """Send to a mailbox, and return MESH's id of it."""
        words: dict[str, Any] = {"subject": subject} if subject else {}
        with _answering():
            return self._client.send_message(
                mailbox,
                body,
                workflow_id=workflow,
                content_type=media_type,
                local_id=local_id,
                **words,
            )

    def track(self, message_id: str) -> tuple[str, str | None]:
        """Return the status of what was sent (`accepted`, `acknowledged`, …), and a code."""
        with _answering():
            found = self._client.track_message(message_id)
        return str(found.get("status", "")).lower(), found.get("status_code")

    def close(self) -> None:
        """Let go of the connections."""
        if "_client" in vars(self):
            self._client.close()  # type: ignore[no-untyped-call]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _answering() -> Iterator[None]:
    """Turn what the client raises into our own, without what MESH or a sender wrote."""
    try:
        yield
    except MeshError as error:
        raise MeshRefused(f"mesh-{_code(error)}") from None
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):
            raise MeshAway("denied") from None
        if status == 429 or status >= 500:
            raise MeshAway("away") from None
        raise MeshRefused(f"http-{status}") from None
    except (requests.RequestException, HTTPError, OSError):
        raise MeshAway("away") from None


def _code(error: MeshError) -> str:
    """Find MESH's own code of an error, such as `12`: no such mailbox."""
    found: Any = error.args[-1]
    if not isinstance(found, dict):
        return "error"
    detail = found.get("detail")
    first = detail[0] if isinstance(detail, list) and detail else found
    code = first.get("code") or first.get("errorCode") if isinstance(first, dict) else None
    return str(code or "error")


def _is_packed(response: requests.Response) -> bool:
    return str(response.headers.get("Content-Encoding", "")).lower() == "gzip"


def _read(response: requests.Response, most: int) -> bytes:
    """Read a chunk as it came, and one byte more than `most` of what is larger."""
    raw = bytearray()
    while len(raw) <= most and (
        piece := response.raw.read(min(PIECE, most + 1 - len(raw)), decode_content=False)
    ):
        raw += piece
    return bytes(raw)


def _unpacked(raw: bytes, most: int, packed: bool) -> tuple[bytes | None, str | None]:
    """Unpack what MESH packed for the way, and what its sender packed before; or say why not."""
    body: bytes | None = raw
    try:
        # Twice: `Mex-Content-Compressed` tells of a sender's own packing, and not dependably.
        for _ in range(2):
            if body is not None and (packed or body.startswith(GZIP)):
                body, packed = _gunzip(body, most), False
    except (zlib.error, EOFError):
        return None, "unreadable"
    return (None, "too large") if body is None or len(body) > most else (body, None)


def _gunzip(raw: bytes, most: int) -> bytes | None:
    """Unpack one gzip stream after the other: chunks are packed each for itself, or all as one.

    Returns None for more than `most` bytes. Raises zlib.error, or EOFError for half a stream.
    """
    body = bytearray()
    while raw:
        stream = zlib.decompressobj(31)
        body += stream.decompress(raw, most + 1 - len(body))
        if len(body) > most:
            return None
        if not stream.eof:
            raise EOFError
        raw = stream.unused_data
    return bytes(body)
