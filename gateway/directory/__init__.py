"""The directory: the area's organisations and services, and which of them serves a child.

It is data: a folder with directory.yaml and CSVs. Moving a service is an edit of its file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.directory.loader import DirectoryFault, read
from gateway.directory.model import (
    FILE,
    FRONT_DOORS,
    Area,
    Choice,
    Endpoint,
    Entries,
    Home,
    Mesh,
    Organisation,
    OrganisationType,
    Practice,
    Serves,
    Service,
    Setting,
    Workflow,
)

__all__ = [
    "FILE",
    "FRONT_DOORS",
    "Area",
    "Choice",
    "Directory",
    "DirectoryFault",
    "Endpoint",
    "Home",
    "Mesh",
    "Organisation",
    "OrganisationType",
    "Practice",
    "Serves",
    "Service",
    "Setting",
    "Workflow",
]


@dataclass(frozen=True)
class Directory:
    """The whole directory, loaded once. Each look-up is by key, without I/O."""

    _entries: Entries = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> Directory:
        """Read the directory of the folder `path`.

        Raises:
            DirectoryFault: it is not in order, with every fault: first what is wrong within the
                files, then what is wrong between them.
        """
        return cls(read(path))

    @property
    def area(self) -> Area:
        """The area: its name, authority, telephones and data protection officer."""
        return self._entries.area

    @property
    def la_code(self) -> str:
        """The DfE number of the area's authority."""
        return self.area.la_code

    @property
    def mesh(self) -> Mesh:
        """Who writes to the area's MESH mailbox, and what."""
        return self._entries.mesh

    @property
    def endpoints(self) -> Mapping[str, tuple[Endpoint, ...]]:
        """Where services' alerts go beside their agencies' queues, by the service's id."""
        return self._entries.endpoints

    @property
    def roles(self) -> frozenset[str]:
        """The roles that services have."""
        return frozenset(service.role for service in self._entries.services.values())

    def organisations(self) -> Iterable[Organisation]:
        """Return all organisations, practices and settings among them."""
        return self._entries.organisations.values()

    def organisation(self, key: str) -> Organisation | None:
        """Return an organisation by its key, such as `ods:RXA`."""
        return self._entries.organisations.get(key)

    def service(self, service_id: str) -> Service | None:
        """Return a listed service by its id."""
        return self._entries.services.get(service_id)

    def services(self, role: str | None = None) -> tuple[Service, ...]:
        """Return the listed services of a role, or all of them, in the order of the files."""
        return tuple(s for s in self._entries.services.values() if role in (None, s.role))

    def practice(self, ods: str) -> Practice | None:
        """Return a general practice by its ODS code."""
        return self._entries.practices.get(ods)

    def setting(self, urn: str) -> Setting | None:
        """Return a school or other setting by its URN."""
        return self._entries.settings.get(urn)

    def settings_of(self, laestab: str) -> tuple[Setting, ...]:
        """Return the schools of a LAESTAB: a school that became an academy may have kept it."""
        return tuple(s for s in self._entries.settings.values() if s.laestab == laestab)

    def home(self, postcode: str) -> Home | None:
        """Return where a full postcode lies; None where the area's table does not say."""
        return self._entries.homes.get(postcode)

    def choose(self, role: str, practice: str | None, postcode: str | None) -> Choice | None:
        """Return the service of a role for a child of this general practice and home.

        The general practice decides first, the locality of the full postcode second. The outward
        code only suggests, and only for a full postcode that the table does not hold: a home that
        is known to lie elsewhere is never guessed into the area.
        """
        entries = self._entries
        if service := entries.serving.get((role, "everyone")):
            return Choice(service, "everyone", flagged=False)
        if service := entries.serving.get((role, f"practice {practice}")):
            return Choice(service, "general-practice", flagged=False)
        if postcode is None:
            return None
        home = self.home(postcode)
        locality = home.locality if home else entries.outward.get(postcode.partition(" ")[0])
        service = entries.serving.get((role, f"locality {locality}"))
        if service is None or service.serves is None:
            return None
        if service.serves.practices_in and practice in entries.practices:
            return None  # a service by practice does not serve this one, wherever the child lives
        if home:
            return Choice(service, "full-postcode", flagged=False)
        return Choice(service, "outward-code", flagged=True)

    def practice_service(self, ods: str) -> Service | None:
        """Return a general practice as a service: `practice-<ods>`, role `general-practice`."""
        return self.organisation_service(f"ods:{ods}") if self.practice(ods) else None

    def setting_service(self, urn: str) -> Service | None:
        """Return a setting as a service: `setting-<urn>`, role `setting`."""
        return self.organisation_service(f"urn:{urn}") if self.setting(urn) else None

    def organisation_service(self, key: str) -> Service | None:
        """Return any organisation as the service that is told: a referrer, a voluntary body.

        A practice or setting as above; another `organisation-<key>`, role `organisation`, of the
        organisation's own agency, which a voluntary body has not.
        """
        return self._entries.recipients.get(key)

    def any_service(self, service_id: str) -> Service | None:
        """Return a service by its id, of whatever kind it is; None where it is gone."""
        listed = self.service(service_id)
        return listed or next(
            (s for s in self._entries.recipients.values() if s.id == service_id), None
        )

    def title(self, service_id: str) -> str | None:
        """Return a service's title by its id, of whatever kind it is; None where it is gone."""
        found = self.any_service(service_id)
        return found.title if found else None
