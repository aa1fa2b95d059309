"""The directory: the area's organisations and services, and which of them serves a child.

It is data: a folder with directory.yaml and CSVs. Moving a service is an edit of its file.
"""

from __future__ import annotations

from collections.abc import Iterable
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


class Directory(Entries):
    """The whole directory, loaded once. Each look-up is by key, without I/O."""

    @classmethod
    def load(cls, path: Path) -> Directory:
        """Read the directory of the folder `path`.

        Raises:
            DirectoryFault: it is not in order, with every fault: first what is wrong within the
                files, then what is wrong between them.
        """
        return cls(**vars(read(path)))

    @property
    def la_code(self) -> str:
        """The DfE number of the area's authority."""
        return self.area.la_code

    @property
    def roles(self) -> frozenset[str]:
        """The roles that services have."""
        return frozenset(service.role for service in self.service_by_id.values())

    def organisations(self) -> Iterable[Organisation]:
        """Return all organisations, practices and settings among them."""
        return self.organisation_by_key.values()

    def organisation(self, key: str) -> Organisation | None:
        """Return an organisation by its key, such as `ods:RXA`."""
        return self.organisation_by_key.get(key)

    def service(self, service_id: str) -> Service | None:
        """Return a listed service by its id."""
        return self.service_by_id.get(service_id)

    def services(self, role: str | None = None) -> tuple[Service, ...]:
        """Return the listed services of a role, or all of them, in the order of the files."""
        return tuple(s for s in self.service_by_id.values() if role in (None, s.role))

    def practice(self, ods: str) -> Practice | None:
        """Return a general practice by its ODS code."""
        return self.practices.get(ods)

    def setting(self, urn: str) -> Setting | None:
        """Return a school or other setting by its URN."""
        return self.settings.get(urn)

    def settings_of(self, laestab: str) -> tuple[Setting, ...]:
        """Return the schools of a LAESTAB: a school that became an academy may have kept it."""
        return tuple(s for s in self.settings.values() if s.laestab == laestab)

    def home(self, postcode: str) -> Home | None:
        """Return where a full postcode lies; None where the area's table does not say."""
        return self.homes.get(postcode)

    def choose(self, role: str, practice: str | None, postcode: str | None) -> Choice | None:
        """Return the service of a role for a child of this general practice and home.

        The general practice decides first, the locality of the full postcode second. The outward
        code only suggests, and only for a full postcode that the table does not hold: a home that
        is known to lie elsewhere is never guessed into the area.
        """
        if service := self.serving.get((role, "everyone")):
            return Choice(service, "everyone", flagged=False)
        if service := self.serving.get((role, f"practice {practice}")):
            return Choice(service, "general-practice", flagged=False)
        if postcode is None:
            return None
        home = self.home(postcode)
        locality = home.locality if home else self.outward.get(postcode.partition(" ")[0])
        service = self.serving.get((role, f"locality {locality}"))
        if service is None or service.serves is None:
            return None
        if service.serves.practices_in and practice in self.practices:
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
        return self.recipients.get(key)

    def any_service(self, service_id: str) -> Service | None:
        """Return a service by its id, of whatever kind it is; None where it is gone."""
        listed = self.service(service_id)
        return listed or next((s for s in self.recipients.values() if s.id == service_id), None)
