"""What an answer to a FHIR message repeats of it: event, addresses, id, and what it was about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.inbound.fhir.profile import Profile

BARS = "Booking and Referral Standard"
"""The name of the profile whose senders expect the referral in the answer, and headers of its own."""

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Envelope:
    """What was seen of a Bundle before anything of it was checked. Its values may be wrong."""

    profile: Profile | None = None
    """None where the MessageHeader says no event."""
    id: str = ""
    """The id of the message, found where the tables find it: MessageHeader.id, the UUID of its
    fullUrl, Bundle.identifier, Bundle.id."""
    header: Mapping[str, Any] = field(default_factory=dict)
    bundle_id: str = ""
    focus: Mapping[str, Any] = field(default_factory=dict)
    """The resource to which the header's first focus leads by fullUrl."""

    @property
    def version(self) -> str:
        """The FHIR version, R4 where it is not known."""
        return self.profile.version if self.profile else "R4"

    @property
    def standard(self) -> str:
        """The name of the profile; empty where it has none but its FHIR version."""
        return self.profile.name if self.profile else ""


def envelope_of(bundle: Any, profiles: tuple[Profile, ...]) -> Envelope:
    """Look at a Bundle. Takes any JSON, and never raises."""
    entries = _list(_object(bundle).get("entry"))
    first = _object(entries[0]) if entries else _NOTHING
    header = _object(first.get("resource"))
    profile = next(
        (p for p in profiles if (e := header.get(p.event_element)) is not None and p.has(e)), None
    )
    focus = _object(next(iter(_list(header.get("focus"))), None)).get("reference")
    found = (_object(entry) for entry in entries)
    return Envelope(
        profile=profile,
        id=next(filter(None, _ids(_object(bundle), first, header)), ""),
        header=header,
        bundle_id=_text(_object(bundle).get("id")),
        focus=next((_object(e.get("resource")) for e in found if e.get("fullUrl") == focus), {}),
    )


def _ids(
    bundle: Mapping[str, Any], first: Mapping[str, Any], header: Mapping[str, Any]
) -> tuple[str, ...]:
    prefix, address = "urn:uuid:", _text(first.get("fullUrl")).lower()
    return (
        _text(header.get("id")),
        address.removeprefix(prefix) if address.startswith(prefix) else "",
        _text(_object(bundle.get("identifier")).get("value")),
        _text(bundle.get("id")),
    )


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _NOTHING


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
