"""The identifiers of children, places and organisations: strings that are right, or are refused.

Each type is a `str` in Python and in JSON, kept in one spelling. A refusal is a
`PydanticCustomError` whose `type` names the identifier (`nhs_number`, `upn`, …), so that an adapter
can map it, and whose sentence says what is wrong and what would be right. It never quotes the
value, which may be a child's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from stdnum import verhoeff
from stdnum.gb import nhs, upn


def _as_written(value: str) -> str:
    return value


def _nothing_more(_: str) -> str | None:
    return None


@dataclass(frozen=True, kw_only=True)
class Identifier:
    """How one identifier is written, kept and checked: the annotation that makes its type."""

    code: str
    """The `type` of its errors. Stable."""
    name: str
    """With its article, as a sentence needs it: `an NHS number`."""
    pattern: str
    """Every spelling that is read, as a regular expression of JSON Schema (ECMA-262)."""
    right: str
    """What would be right, as an instruction: `write its ten digits`."""
    description: str
    examples: tuple[str, ...]
    """Synthetic."""
    keep: Callable[[str], str] = _as_written
    """From a spelling that is read to the one that is kept."""
    wrong: Callable[[str], str | None] = _nothing_more
    """What is wrong with a kept value of the right shape, such as its check digit; else None."""

    def read(self, written: str) -> str:
        """Return the identifier as it is kept.

        Raises:
            PydanticCustomError: it is wrong, in one sentence. A `ValueError`.
        """
        if not written:
            raise self._refusal("is empty")
        if not re.fullmatch(self.pattern, written):
            raise self._refusal(f"is not written as {self.name} ({len(written)} characters)")
        kept = self.keep(written)
        if wrong := self.wrong(kept):
            raise self._refusal(f"is not {self.name}: {wrong}")
        return kept

    def _refusal(self, wrong: str) -> PydanticCustomError:
        parts = {"wrong": wrong, "right": self.right}
        return PydanticCustomError(self.code, "{wrong}; {right}", parts)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return handler(schema) | {
            "pattern": self.pattern,
            "description": self.description,
            "examples": list(self.examples),
        }


def _digits(value: str) -> str:
    return re.sub("[^0-9]", "", value)


def _spaced(value: str) -> str:
    joined = value.replace(" ", "").upper()
    return f"{joined[:-3]} {joined[-3:]}"


def _upper_after_colon(value: str) -> str:
    system, _, code = value.partition(":")
    return f"{system}:{code.upper()}"


def _wrong_nhs_number(value: str) -> str | None:
    if value == "0000000000":
        return "ten noughts are never issued, although their check digit fits"
    return None if nhs.is_valid(value) else "its last digit does not check the other nine"


def _wrong_upn(value: str) -> str | None:
    # Not upn.validate: its list of authorities ends in 2011 and refuses pupils of newer ones.
    right = upn.calc_check_digit(value[1:])
    return None if value[0] == right else "its first letter does not check the rest"


def _wrong_snomed_code(value: str) -> str | None:
    return None if verhoeff.is_valid(value) else "its last digit does not check the rest"


_ODS = "[A-Za-z0-9]{3,12}"
_URN = "[1-9][0-9]{4,6}"
_LA = "[0-9]{3}"

NhsNumber = Annotated[
    str,
    Identifier(
        code="nhs_number",
        name="an NHS number",
        pattern="^(?:[ -]*[0-9]){10}[ -]*$",
        right="write its ten digits, of which the last checks the others",
        description="NHS number (NHS Data Dictionary): ten digits, modulus 11. Spaces and hyphens "
        "are dropped.",
        examples=("9990000018", "999 000 0026"),
        keep=_digits,
        wrong=_wrong_nhs_number,
    ),
]
"""Ten digits without blanks."""

Upn = Annotated[
    str,
    Identifier(
        code="upn",
        name="a UPN",
        pattern="^[A-HJ-NP-RT-Za-hj-np-rt-z][0-9]{11}[0-9A-HJ-NP-RT-Za-hj-np-rt-z]$",
        right="write its check letter (never I, O or S) and twelve digits, of which a temporary "
        "one has a letter for the last",
        description="Unique Pupil Number (DfE): a check letter, the authority and establishment "
        "that issued it, year and serial number; position 13 of a temporary one is a letter.",
        examples=("Z896200012345", "D89620001234A"),
        keep=str.upper,
        wrong=_wrong_upn,
    ),
]
"""Thirteen characters. Holds the school that issued it, which need not be today's."""

Urn = Annotated[
    str,
    Identifier(
        code="urn",
        name="a URN",
        pattern=f"^{_URN}$",
        right="write the 6 digits of a school in Get Information About Schools, or the 5 to 7 "
        "digits of an early years setting, without letters",
        description="Unique Reference Number of a school (GIAS, 6 digits) or of an early years "
        "setting (by the authority or by Ofsted, 5 to 7 digits).",
        examples=("199901", "9999011"),
    ),
]
"""Five to seven digits. A school that becomes an academy gets a new one."""

Laestab = Annotated[
    str,
    Identifier(
        code="laestab",
        name="a LAESTAB",
        pattern=f"^{_LA}[/ -]?[0-9]{{4}}$",
        right="write the 3 digits of the local authority and the 4 of the establishment",
        description="DfE establishment number: authority (3 digits) and establishment (4 digits), "
        "together; a slash, hyphen or space between them is dropped.",
        examples=("8969901", "896/9901"),
        keep=_digits,
    ),
]
"""Seven digits."""

OdsCode = Annotated[
    str,
    Identifier(
        code="ods_code",
        name="an ODS code",
        pattern=f"^{_ODS}$",
        right="write its 3 to 12 letters and digits, without blanks, such as RXA",
        description="Code of a health organisation by the NHS Organisation Data Service: 3 to 12 "
        "letters and digits (NHS Data Dictionary: min an3 max an12).",
        examples=("RXA", "N81991"),
        keep=str.upper,
    ),
]
"""Upper case."""

LaCode = Annotated[
    str,
    Identifier(
        code="la_code",
        name="a local authority code",
        pattern=f"^{_LA}$",
        right="write the 3 digits of the DfE's number, such as 896, as a string",
        description="DfE number of a local authority: 3 digits.",
        examples=("896",),
    ),
]
"""Three digits."""

Postcode = Annotated[
    str,
    Identifier(
        code="postcode",
        name="a full UK postcode",
        # The letters C, I, K, M, O and V stand in the second half of a pseudo-postcode only.
        pattern="^ *(?:[A-Za-z]{1,2}[0-9][A-Za-z0-9]? *[0-9][ABD-HJLNP-UW-Zabd-hjlnp-uw-z]{2}"
        "|[Zz]{2}99 *[0-9][A-Za-z]{2}) *$",
        right="write both halves, such as CH65 9ZZ",
        description="UK postcode in full (BS 7666), or a pseudo-postcode of the NHS, such as "
        "ZZ99 3VZ for no fixed abode. Case and blanks do not matter.",
        examples=("CH65 9ZZ", "cw79zz"),
        keep=_spaced,
    ),
]
"""Upper case, one space before the last three characters."""

SnomedCode = Annotated[
    str,
    Identifier(
        code="snomed_code",
        name="a SNOMED CT code",
        pattern="^[1-9][0-9]{5,17}$",
        right="write its 6 to 18 digits as a string (a number loses the last of them), of which "
        "the last checks the others",
        description="SNOMED CT identifier (SCTID): 6 to 18 digits with a Verhoeff check digit. "
        "A string: longer ones do not survive as a number.",
        examples=("953211000000100", "308452008"),
        wrong=_wrong_snomed_code,
    ),
]
"""Six to eighteen digits."""

OrganisationKey = Annotated[
    str,
    Identifier(
        code="organisation_key",
        name="the key of an organisation",
        pattern=f"^(?:ods:{_ODS}|urn:{_URN}|la:{_LA})$",
        right="write its code with the system before it: ods:RXA, urn:199901 or la:896",
        description="Key of an organisation in the directory: `ods:`, `urn:` or `la:` and its "
        "code.",
        examples=("ods:RXA", "urn:199901", "la:896"),
        keep=_upper_after_colon,
    ),
]
"""The system in lower case, a colon, the code in upper case."""
