"""Reads the directory's files strictly: each fault with its file and line, and what would be right.

DirectoryFault   the directory is not in order
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from adapters.outbound import FORMATS
from gateway.directory.model import (
    FRONT_DOORS,
    Area,
    AuthorityCode,
    Endpoint,
    Entries,
    Home,
    Mesh,
    Organisation,
    OrganisationType,
    OutwardCode,
    Practice,
    Service,
    Setting,
    Terms,
)
from gateway.yaml_source import SourceFaults, YamlSource
from schemas.base import Model
from schemas.codes.rows import Fault, R, Row, index, read_rows
from schemas.fields import nearest
from schemas.identifiers import Postcode

MAIN = "directory.yaml"
PRACTICES, SETTINGS = "practices.csv", "settings.csv"
POSTCODES, OUTWARD = "postcodes.csv", "outward.csv"

Faults = list[object]


class DirectoryFault(SourceFaults):
    """The directory is not in order."""


class _Part(Model):
    """A file that directory.yaml includes."""

    organisations: tuple[Organisation, ...] = ()
    services: tuple[Service, ...] = ()


class _Main(_Part):
    """directory.yaml itself."""

    area: Area
    include: tuple[str, ...] = ()
    terms: dict[OrganisationType, Terms]
    """By type, of each organisation of practices.csv and settings.csv."""
    mesh: Mesh = Mesh()


class _Postcode(Row):
    postcode: Postcode
    la_code: AuthorityCode
    locality: str | None = None


class _Outward(Row):
    outward: OutwardCode
    locality: str | None = None
    percent: float | None = None
    """Of its postcodes, how many lie in the area. For people."""
    note: str | None = None


P = TypeVar("P", bound=_Part)
Parts = list[tuple[YamlSource, _Part]]


def read(folder: Path) -> Entries:
    """Read and check all files of a directory.

    Raises:
        DirectoryFault: with every fault within the files, of which those that directory.yaml
            includes are read once it is right; else with every fault between the files.
    """
    faults: Faults = []
    main = _yaml(folder / MAIN, _Main, faults)
    included = [_yaml(folder / name, _Part, faults) for name in main[1].include] if main else []
    practices = _csv(folder / PRACTICES, Practice, "ods", faults)
    settings = _csv(folder / SETTINGS, Setting, "urn", faults)
    postcodes = _csv(folder / POSTCODES, _Postcode, "postcode", faults)
    outward = _csv(folder / OUTWARD, _Outward, "outward", faults)
    if faults or main is None:
        raise DirectoryFault(faults)

    parts: Parts = [main, *(part for part in included if part)]
    area = main[1].area
    rows: list[Practice | Setting] = [*practices.values(), *settings.values()]
    organisations = _organisations(parts, rows, main[1].terms, faults)
    services, serving = _services(parts, area, organisations, practices, faults)
    wrong = [
        *_mesh_faults(main[1].mesh, organisations, practices),
        *_shared_doors(services, practices, main[1].mesh),
    ]
    faults += [main[0].fault(place, why) for place, why in wrong]
    for file, table in ((PRACTICES, practices), (POSTCODES, postcodes), (OUTWARD, outward)):
        faults += _unknown_localities(file, table.values(), area)
    if faults:
        raise DirectoryFault(faults)

    homes = {code: Home(row.la_code, row.locality) for code, row in postcodes.items()}
    one = {home: home for home in homes.values()}  # one object a place, not one a postcode
    return Entries(
        area=area,
        organisation_by_key=organisations,
        service_by_id=services,
        practices=practices,
        settings=settings,
        homes={code: one[home] for code, home in homes.items()},
        outward={code: row.locality for code, row in outward.items()},
        serving=serving,
        mesh=main[1].mesh,
        endpoints=_endpoints(services, practices, main[1].mesh),
        recipients={key: _recipient(o) for key, o in organisations.items()},
    )


def _yaml(path: Path, model: type[P], faults: Faults) -> tuple[YamlSource, P] | None:
    try:
        source = YamlSource(path)
        return source, source.read_as(model)
    except SourceFaults as wrong:
        faults += wrong.faults
        return None


def _csv(path: Path, model: type[R], key: str, faults: Faults) -> dict[str, R]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        faults.append(Fault(path.name, "is not UTF-8; save it as UTF-8"))
        return {}
    except OSError as error:
        faults.append(Fault(path.name, f"cannot be read in {path.parent}: {error.strerror}"))
        return {}
    found: list[Fault] = []
    rows = index(path.name, read_rows(path.name, text, model, found), [key], found)
    faults += found
    return rows


def _organisations(
    parts: Parts,
    rows: Iterable[Practice | Setting],
    terms: Mapping[OrganisationType, Terms],
    faults: Faults,
) -> dict[str, Organisation]:
    """Join the organisations of the YAML files with those of practices.csv and settings.csv."""
    known: dict[str, Organisation] = {}
    for source, part in parts:
        for number, organisation in enumerate(part.organisations):
            if known.setdefault(organisation.key, organisation) is not organisation:
                detail = f"{organisation.key} is listed already; keep one of the two"
                faults.append(source.fault(("organisations", number, "key"), detail))
    for row in rows:
        file, column = (PRACTICES, "ods") if isinstance(row, Practice) else (SETTINGS, "urn")
        if row.key in known:
            detail = "is listed as an organisation already; keep one of the two"
            faults.append(Fault(file, detail, row.line, column))
        elif row.type not in terms:
            detail = f"{MAIN} has no `terms` for the type {row.type}; add them"
            faults.append(Fault(file, detail, row.line))
        else:
            of_type = dict(terms[row.type])
            known[row.key] = Organisation(key=row.key, name=row.name, type=row.type, **of_type)
    return known


def _services(
    parts: Parts,
    area: Area,
    organisations: Mapping[str, Organisation],
    practices: Mapping[str, Practice],
    faults: Faults,
) -> tuple[dict[str, Service], dict[tuple[str, str], Service]]:
    """Index the services by id, and by role and whom they serve: one for each child."""
    services: dict[str, Service] = {}
    serving: dict[tuple[str, str], Service] = {}
    for source, part in parts:
        for number, service in enumerate(part.services):
            wrong = list(_unknown_words(service, area, organisations, practices))
            if services.setdefault(service.id, service) is not service:
                wrong.append((("id",), f"{service.id} is listed already; keep one of the two"))
            for whom in _served(service, area, practices):
                other = serving.setdefault((service.role, whom), service)
                if other is not service:
                    detail = f"{whom} has a service of role {service.role} already: {other.id}"
                    wrong.append((("serves",), f"{detail}; leave it to one of the two"))
                    break
            faults += [source.fault(("services", number, *key), detail) for key, detail in wrong]
    return services, serving


def _unknown_words(
    service: Service,
    area: Area,
    organisations: Mapping[str, Organisation],
    practices: Mapping[str, Practice],
) -> Iterator[tuple[tuple[str, ...], str]]:
    if service.organisation not in organisations:
        close = nearest(service.organisation, organisations) or "; list it under `organisations`"
        yield ("organisation",), f"there is no organisation {service.organisation}{close}"
    for channel in sorted({end.channel for end in service.endpoints}):
        if sum(end.channel == channel for end in service.endpoints) > 1:
            yield ("endpoints",), f"a service has one endpoint of the channel {channel} at most"
    for end in service.endpoints:
        if why := _no_format(end.format):
            yield ("endpoints",), why
    if service.serves is None:
        yield ("serves",), "`serves` is empty; write `everyone`, or whom it serves"
        return
    for key, words in (
        ("localities", service.serves.localities),
        ("practicesIn", service.serves.practices_in),
    ):
        for word in words:
            if word not in area.localities:
                yield ("serves", key), _no_locality(word, area)
    for ods in service.serves.practices:
        if ods not in practices:
            close = nearest(ods, practices) or "; add it there"
            yield ("serves", "practices"), f"{PRACTICES} has no {ods}{close}"


def _no_format(name: str) -> str | None:
    if name in FORMATS:
        return None
    close = nearest(name, FORMATS) or f"; there are {', '.join(FORMATS)}"
    return f"there is no format {name}{close}"


def _mesh_faults(
    mesh: Mesh, organisations: Mapping[str, Organisation], practices: Mapping[str, Practice]
) -> Iterator[tuple[tuple[str, ...], str]]:
    if mesh.practices and (why := _no_format(mesh.practices.format)):
        yield ("mesh", "practices", "format"), why
    if mesh.practices is None and any(practice.mailbox for practice in practices.values()):
        detail = f"{PRACTICES} names mailboxes; write under `practices` how alerts go there"
        yield ("mesh",), detail
    for mailbox, key in mesh.senders.items():
        if key not in organisations:
            close = nearest(key, organisations) or "; list it under `organisations`"
            yield ("mesh", "senders", mailbox), f"there is no organisation {key}{close}"
    for name, workflow in mesh.inbox.items():
        if workflow.reply in mesh.inbox:
            detail = f"{workflow.reply} comes in, so it cannot carry answers; name another"
            yield ("mesh", "inbox", name, "reply"), detail


def _shared_doors(
    services: Mapping[str, Service], practices: Mapping[str, Practice], mesh: Mesh
) -> Iterator[tuple[tuple[str, ...], str]]:
    """What goes to a front door may be suspected harm: nobody else's alerts come the same way."""
    ways: dict[tuple[str, str], set[str]] = {}
    for name, ends in _endpoints(services, practices, mesh).items():
        for end in ends:
            ways.setdefault((end.mailbox, end.workflow), set()).add(name)
    doors = {name for name, service in services.items() if service.role in FRONT_DOORS}
    for (mailbox, workflow), names in ways.items():
        if names & doors and names - doors:
            detail = (
                f"{', '.join(sorted(names))} share mailbox {mailbox} and workflow {workflow}; give "
                "the front door a workflow of its own, which nobody else reads"
            )
            yield ("mesh",), detail


def _no_locality(word: str, area: Area) -> str:
    close = nearest(word, area.localities) or f"; it has {', '.join(area.localities)}"
    return f"the area has no locality {word}{close}"


def _served(service: Service, area: Area, practices: Mapping[str, Practice]) -> Iterator[str]:
    """Yield whom a service serves, as `Entries.serving` has it."""
    serves = service.serves
    if serves is None:
        return
    localities = {*serves.localities, *serves.practices_in}
    if serves.everyone:
        yield "everyone"
        localities = set(area.localities)
    for locality in sorted(localities):
        yield f"locality {locality}"
    for ods, practice in practices.items():
        if serves.everyone or ods in serves.practices or practice.locality in localities:
            yield f"practice {ods}"


def _unknown_localities(
    file: str, rows: Iterable[Practice | _Postcode | _Outward], area: Area
) -> Iterator[Fault]:
    for row in rows:
        if row.locality and row.locality not in area.localities:
            yield Fault(file, _no_locality(row.locality, area), row.line, "locality")
        elif isinstance(row, _Postcode) and row.la_code == area.la_code and not row.locality:
            detail = f"is empty; of a postcode of {area.la_code} write the locality"
            yield Fault(file, detail, row.line, "locality")


def _endpoints(
    services: Mapping[str, Service], practices: Mapping[str, Practice], mesh: Mesh
) -> dict[str, tuple[Endpoint, ...]]:
    """Join the endpoints of listed services with the mailboxes of general practices."""
    found = {service.id: service.endpoints for service in services.values() if service.endpoints}
    for practice in practices.values():
        if practice.mailbox and mesh.practices:
            posted = mesh.practices.model_dump()
            end = Endpoint(channel="mesh", mailbox=practice.mailbox, **posted)
            found[_practice_id(practice.ods)] = (end,)
    return found


def _practice_id(ods: str) -> str:
    return f"practice-{ods}".lower()


def _recipient(organisation: Organisation) -> Service:
    """An organisation as the service that is told."""
    _, code = organisation.key.split(":")
    match organisation.type:
        case "general-practice":
            service_id, role = _practice_id(code), "general-practice"
        case "school" | "post-16-institution" | "early-years-setting":
            service_id, role = f"setting-{code}", "setting"
        case _:
            service_id, role = f"organisation-{organisation.key.replace(':', '-')}", "organisation"
    return Service(
        id=service_id.lower(),
        title=organisation.name,
        role=role,
        organisation=organisation.key,
        agency=organisation.agency,
        standing="today",
        serves=None,
    )
