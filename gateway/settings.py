"""Settings from the environment, `GATEWAY_*`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.examples import AREA

MEBIBYTE = 1024 * 1024


def _amqp(url: SecretStr) -> SecretStr:
    """Refuse what is no address, without repeating it: it may hold a password."""
    if not all(
        one.strip().startswith(("amqp://", "amqps://")) for one in url.get_secret_value().split(",")
    ):
        raise ValueError(
            "is not an address of RabbitMQ; write amqp://user:password@host:5672/vhost"
        )
    return url


AmqpUrl = Annotated[SecretStr, AfterValidator(_amqp)]
"""An address of RabbitMQ, or of several nodes with commas between."""


class Settings(BaseSettings):
    """What a deployment sets. Every field is an environment variable with `GATEWAY_` in front."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", env_ignore_empty=True, frozen=True)

    database_url: str = "sqlite:///gateway.db"
    """The journal: a SQLite file, or PostgreSQL (`postgresql+psycopg://user:password@host/name`)."""
    journal_key: SecretStr | None = None
    """Base64 of 32 bytes: seals bodies and keys the hashes. SQLite makes a file for it itself."""
    amqp_url: AmqpUrl | None = None
    """RabbitMQ, as user `gateway`. Unset: embedded, alerts wait in the mailbox."""
    amqp_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,60}$")
    """Goes in front of exchange, queue and policy names, never into routing keys."""
    amqp_admin_url: AmqpUrl | None = None
    """RabbitMQ, as user `topology`, for `gateway topology`."""
    amqp_consumer_url: AmqpUrl | None = None
    """RabbitMQ, as an agency's user, for `gateway consume`."""
    public_url: str = "http://127.0.0.1:8000"
    """Base of an event's `source`, which never changes, and of `dataschema`."""
    policy: Path = Path(__file__).parent / "policy" / "default.yaml"
    directory: Path = AREA
    tables: Path | None = None
    """A folder whose CSVs replace the shipped code tables of the same name."""
    monitoring_zone: bool = False
    """Turn on the ASQ-3 monitoring zone (single source; see the table)."""
    asqse_cut_offs: bool = False
    """Turn on the cut-offs of the ASQ:SE-2 (not verified; see the table)."""
    lease_seconds: float = Field(default=30.0, gt=0)
    """Seconds for which a relay has a delivery to itself; when it dies, another has it then."""
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    max_bytes: int = Field(default=MEBIBYTE, ge=1024)
    """The largest message that is taken, in bytes."""
    max_file_bytes: int = Field(default=20 * MEBIBYTE, ge=1024)
    """The largest file of many records that is taken, in bytes."""
    mesh_url: str | None = Field(default=None, pattern=r"^https?://")
    """MESH. Unset: nothing comes or goes by it."""
    mesh_mailbox: str | None = Field(default=None, validate_default=True)
    """The gateway's own mailbox."""
    mesh_password: SecretStr | None = Field(default=None, validate_default=True)
    """Of that mailbox."""
    mesh_shared_key: SecretStr | None = Field(default=None, validate_default=True)
    """The key that MESH gives to each environment."""
    mesh_certificate: Path | None = None
    """The client certificate for MESH, as PEM."""
    mesh_key: Path | None = None
    """Its private key, where that is in a file of its own."""
    mesh_ca: Path | None = None
    """Who signs MESH's own certificate. Unset: as MESH's known addresses have it."""
    mesh_poll_seconds: float = Field(default=300.0, gt=0)
    """Seconds between looks into the mailbox. MESH asks for five minutes at least, a day at most."""

    @field_validator("mesh_mailbox", "mesh_password", "mesh_shared_key")
    @classmethod
    def _with_mesh(cls, value: object, info: ValidationInfo) -> object:
        if value is None and info.data.get("mesh_url"):
            raise ValueError("is needed where GATEWAY_MESH_URL is set")
        return value

    @property
    def channel(self) -> Literal["amqp", "mailbox"]:
        """The channel of new deliveries: fixed when they are recorded."""
        return "amqp" if self.amqp_url else "mailbox"
