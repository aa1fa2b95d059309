"""What the directory holds: organisations, services, practices, settings and homes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.base import Day, Model, Word
from schemas.codes.rows import Row
from schemas.identifiers import (
    Identifier,
    LaCode,
    Laestab,
    OdsCode,
    OrganisationKey,
    Postcode,
    Urn,
)
from schemas.message import Agency, Kind
from schemas.sharing import SharingStatement

FRONT_DOORS = frozenset({"front-door", "night-team"})
"""Roles of the services that alone may know what goes on the basis `harm`."""

OrganisationType = Literal[
    "nhs-trust",
    "nhs-foundation-trust",
    "icb",
    "general-practice",
    "school",
    "post-16-institution",
    "early-years-setting",
    "local-authority",
    "independent-provider",
    "voluntary-organisation",
    "supplier",
]

Slug = Annotated[
    str,
    Identifier(
        code="slug",
        name="an id",
        pattern="^[a-z0-9]+(?:-[a-z0-9]+)*$",
        right="write lower-case words joined by hyphens, such as front-door",
        description="Lower-case words joined by hyphens.",
        examples=("front-door",),
    ),
]

AuthorityCode = Annotated[
    str,
    Identifier(
        code="authority_code",
        name="the code of an authority",
        pattern="^(?:[0-9]{3}|[NSW][0-9]{8})$",
        right="write the DfE's 3 digits; outside England the ONS code, such as W06000005",
        description="An authority in England by its DfE number, elsewhere by its ONS code.",
        examples=("896", "W06000005"),
    ),
]

OutwardCode = Annotated[
    str,
    Identifier(
        code="outward_code",
        name="an outward code",
        pattern="^[A-Z]{1,2}[0-9][A-Z0-9]?$",
        right="write the first half of a postcode, such as CH65",
        description="The first half of a postcode.",
        examples=("CH65",),
    ),
]

S16la = Annotated[
    tuple[Literal["a", "b", "c"], ...], BeforeValidator(lambda v: () if v == "none" else v)
]
"""The limbs of Children Act 2004 s.16LA(4) that an organisation falls under; `none` is ()."""

AgencyOrNone = Annotated[Agency | None, BeforeValidator(lambda v: None if v == "none" else v)]


class Terms(Model):
    """What an organisation is to the policy, and what it may send."""

    agency: AgencyOrNone
    """None: it is of no agency (voluntary, supplier), or of several, as a council is."""
    s16la: S16la
    sends: tuple[Kind, ...] = ()
    """The kinds of message that it may send."""


class DefaultSharing(Model):
    """What may be stated of every child alike: caution. Whatever is a fact about one may not."""

    safe_contact: Literal["speak-to-sender-first"]

    @model_validator(mode="before")
    @classmethod
    def _no_fact_about_one_child(cls, given: Any) -> Any:
        stated = given if isinstance(given, dict) else {}
        for name in stated:
            if name in _OF_ONE_CHILD:
                raise PydanticCustomError(
                    "individual_fact",
                    "has `{name}`, a fact about one child, which no default may supply",
                    {"name": name},
                )
        return given


_OF_ONE_CHILD = {field.alias for field in SharingStatement.model_fields.values()} - {"safeContact"}


class DefaultStatement(Model):
    """What an organisation states, once and signed, where its messages cannot (FHIR STU3)."""

    signed_by: Word
    on: Day
    sharing: DefaultSharing


class Organisation(Terms):
    """An organisation that may send, be told, or both."""

    key: OrganisationKey
    name: Word
    type: OrganisationType
    default_statement: DefaultStatement | None = None


class Serves(Model):
    """Whom a service serves: exactly one of these is given."""

    everyone: bool = False
    localities: tuple[Word, ...] = ()
    """Children of these localities: by their general practice, else by their home."""
    practices: tuple[OdsCode, ...] = ()
    """Children registered with these general practices."""
    practices_in: tuple[Word, ...] = ()
    """Children registered with any general practice of these localities."""

    @model_validator(mode="before")
    @classmethod
    def _in_a_word(cls, given: Any) -> Any:
        return {"everyone": True} if given == "everyone" else given

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [self.everyone, self.localities, self.practices, self.practices_in]
        if sum(map(bool, given)) != 1:
            raise PydanticCustomError(
                "serves",
                "should be `everyone`, or one list: `localities`, `practices` or `practicesIn`",
            )
        return self


MailboxId = Annotated[
    str,
    Identifier(
        code="mailbox_id",
        name="a MESH mailbox",
        pattern="^[A-Z0-9]{3,20}$",
        right="write it as MESH shows it, such as X26HC001",
        description="A mailbox of MESH, by its id.",
        examples=("X26HC001",),
    ),
]

WorkflowId = Annotated[
    str,
    Identifier(
        code="workflow_id",
        name="a MESH workflow",
        pattern="^[A-Za-z0-9_.-]{1,50}$",
        right="write it as it was agreed, such as EIG_ALERT_V1",
        description="A workflow of MESH, by its id.",
        examples=("EIG_ALERT_V1",),
    ),
]


class Posted(Model):
    """How alerts are posted by MESH."""

    workflow: WorkflowId
    format: Word = "cloudevents"
    """A name of `adapters.outbound.FORMATS`."""


class Endpoint(Posted):
    """Where a service's alerts go, beside its agency's queue."""

    channel: Literal["mesh"]
    mailbox: MailboxId


FILE = "file"
"""The format of a workflow that carries files of many records."""


class Workflow(Model):
    """What comes under one workflow of MESH."""

    format: Word
    """What stands behind `application/` in the media type: `json`, `fhir+json`. `file`: a file of many
    records, known by its content, alone or with the statement that comes with it."""
    kind: Kind | None = None
    """The only kind of message that it carries; None: any that its sender may send."""
    reply: WorkflowId | None = None
    """The workflow under which the answer goes back to the sender's mailbox; None: no answer."""


class Mesh(Model):
    """Who writes to the area's MESH mailbox, and what."""

    inbox: dict[WorkflowId, Workflow] = Field(default_factory=dict)
    senders: dict[MailboxId, OrganisationKey] = Field(default_factory=dict)
    """Which organisation a mailbox speaks for: MESH vouches for the mailbox, this for the rest."""
    practices: Posted | None = None
    """How alerts go to the general practices of which practices.csv names a mailbox."""


class Service(Model):
    """Who in an agency acts."""

    id: Slug
    title: Word
    role: Slug
    """What it is to a route, such as `front-door`. A child has one service of a role."""
    organisation: OrganisationKey
    agency: AgencyOrNone
    """None: no agency's hub reads for it (a voluntary body)."""
    standing: Literal["today", "named", "historical", "duty", "assumed"]
    """`today`: known to stand. `named`: the SEND strategy names it. `historical`: as it once was.
    `duty`: the law asks for it, the name is ours. `assumed`: ours, for the area to confirm."""
    ages: Word | None = None
    contact: Word | None = None
    serves: Serves | None
    """None: never chosen for a child; the message names it (a practice, a setting, a referrer)."""
    endpoints: tuple[Endpoint, ...] = ()
    """At most one of a channel."""


class Telephones(Model):
    """The numbers to call where a child may be suffering significant harm."""

    front_door: Word
    night_team: Word


class Area(Model):
    """The area whose gateway this is."""

    name: Word
    la_code: LaCode
    localities: tuple[Word, ...]
    telephones: Telephones
    data_protection_officer: Word
    """A sentence that tells a family whom to ask."""


class Practice(Row):
    """A general practice."""

    ods: OdsCode
    name: str
    locality: str
    postcode: Postcode
    mailbox: MailboxId | None = None
    """Its MESH mailbox, if alerts are to go there too."""

    @property
    def key(self) -> OrganisationKey:
        """Its key as an organisation."""
        return f"ods:{self.ods}"

    @property
    def type(self) -> OrganisationType:
        """Its type as an organisation."""
        return "general-practice"


class Setting(Row):
    """A school, a post-16 institution or an early years setting."""

    urn: Urn
    laestab: Laestab | None = None
    """None of a private early years setting: it is not in GIAS."""
    name: str
    type: Literal["school", "post-16-institution", "early-years-setting"]
    phase: str | None = None
    postcode: Postcode
    la: LaCode

    @property
    def key(self) -> OrganisationKey:
        """Its key as an organisation."""
        return f"urn:{self.urn}"


@dataclass(frozen=True)
class Home:
    """Where a full postcode lies."""

    la_code: AuthorityCode
    locality: str | None


@dataclass(frozen=True)
class Choice:
    """The service that serves a child, and by what it was chosen."""

    service: Service
    by: Literal["everyone", "general-practice", "full-postcode", "outward-code"]
    flagged: bool
    """By the outward code, which suggests and does not decide: a person must look."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Entries:
    """All that the directory's files say, by the key by which it is looked up."""

    area: Area
    organisation_by_key: Mapping[str, Organisation]
    service_by_id: Mapping[str, Service]
    practices: Mapping[str, Practice]
    settings: Mapping[str, Setting]
    homes: Mapping[str, Home]
    """By full postcode."""
    outward: Mapping[str, str | None]
    """By outward code, the locality that it suggests."""
    serving: Mapping[tuple[str, str], Service]
    """(role, `everyone`, `practice <ods>` or `locality <name>`) to the service of such children."""
    mesh: Mesh
    endpoints: Mapping[str, tuple[Endpoint, ...]]
    """Where services' alerts go beside their agencies' queues, by the service's id."""
    recipients: Mapping[str, Service]
    """Each organisation as a service, by its key."""
