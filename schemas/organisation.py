"""Organisations and the professionals who act for them."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from schemas.base import Model, Word
from schemas.identifiers import LaCode, OdsCode, OrganisationKey, Urn


class Organisation(Model):
    """An organisation by exactly one of its codes: ODS (health), URN (education) or LA (council)."""

    ods_code: OdsCode | None = None
    urn: Urn | None = None
    la_code: LaCode | None = None
    name: Word | None = None

    @model_validator(mode="after")
    def _one_code(self) -> Self:
        codes = [code for code in (self.ods_code, self.urn, self.la_code) if code]
        if len(codes) != 1:
            raise PydanticCustomError(
                "organisation_code",
                "has {count} codes; give exactly one of odsCode, urn, laCode",
                {"count": len(codes)},
            )
        return self

    @property
    def key(self) -> OrganisationKey:
        """The code with its system in front, as the directory spells it: `ods:RXA`."""
        if self.ods_code:
            return f"ods:{self.ods_code}"
        return f"urn:{self.urn}" if self.urn else f"la:{self.la_code}"


class Professional(Model):
    """A named professional: who, in which role, and how to reach them."""

    name: Word
    role: Word | None = None
    """In the sender's words, such as `Health visitor` or `SENCO`."""
    organisation: Organisation | None = None
    phone: Word | None = None
    email: Word | None = None


def organisation_of(key: OrganisationKey) -> dict[str, str]:
    """Return an organisation by its key, as canonical JSON: `{"urn": "199901"}`."""
    system, _, code = key.partition(":")
    return {_BY_SYSTEM[system]: code}


_BY_SYSTEM = {"ods": "odsCode", "urn": "urn", "la": "laCode"}
