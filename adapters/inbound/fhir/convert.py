"""The converters that the tables of paths name: each from a FHIR value to a canonical one.

A converter yields None where the value says nothing to it, and hands on unchanged what it cannot
read: the canonical model then says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import NAMESPACE_URL, uuid5

from adapters.inbound.fhir.narrative import plain_text
from adapters.inbound.fhir.paths import Node, Nodes, elements
from schemas.codes import SNOMED, Asq3Code, CodeTables
from schemas.rules import LONDON

BASE = "https://fhir.gateway.example"
"""Base of our own code systems, identifiers and extensions. A reserved name: nothing is fetched."""


SYSTEMS = {
    "ods": "https://fhir.nhs.uk/Id/ods-organization-code",
    "urn": f"{BASE}/Id/urn",
    "la": f"{BASE}/Id/la-code",
}
"""By the word before an organisation's key in the directory, the system of its Identifier."""
_KEYS = {system: word for word, system in SYSTEMS.items()}


class Codes(Protocol):
    """What a converter may ask and tell the reading."""

    tables: CodeTables
    variables: dict[str, Nodes]

    def unmapped(self, coding: Node) -> None:
        """Note a code that is not in our maps."""

    def is_unmapped(self, coding: Node) -> bool:
        """Tell whether a code was noted as not in our maps."""


def is_ours(system: Any) -> bool:
    """Tell whether a code system is our own: its codes are canonical words."""
    return isinstance(system, str) and system.startswith(BASE)


def _day(_: Codes, node: Node) -> Any:
    """A `date`, or the day of a `dateTime` in Europe/London."""
    if not isinstance(node.value, str) or "T" not in node.value:
        return node.value
    try:
        at = datetime.fromisoformat(node.value)
        return at.astimezone(LONDON).date().isoformat() if at.tzinfo else node.value
    except (ValueError, OverflowError):
        return node.value


def _name(_: Codes, node: Node) -> Any:
    """A `HumanName` as one text."""
    if not isinstance(node.value, dict):
        return node.value
    if text := node.value.get("text"):
        return text
    parts: list[Any] = []
    for key in ("prefix", "given", "family", "suffix"):
        part = node.value.get(key) or []
        parts += part if isinstance(part, list) else [part]
    return " ".join(part for part in parts if isinstance(part, str)) or None


def _uuid(_: Codes, node: Node) -> Any:
    """The UUID of a `urn:uuid:`; any other address says nothing."""
    prefix, text = "urn:uuid:", str(node.value).lower()
    return text.removeprefix(prefix) if text.startswith(prefix) else None


def _number(_: Codes, node: Node) -> Any:
    """A whole number in digits; any other text says nothing."""
    text = str(node.value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _yes(_: Codes, __: Node) -> Any:
    """True: that the element is there says it."""
    return True


def _organisation_key(_: Codes, node: Node) -> Any:
    """An `Identifier` as a key of the directory, `ods:RXA`; of another system, its value."""
    if not isinstance(node.value, dict):
        return node.value
    system, value = node.value.get("system"), node.value.get("value")
    known = _KEYS.get(system) if isinstance(system, str) else None
    return f"{known}:{value}" if known else value


def _coding(codes: Codes, node: Node) -> Any:
    """A `Coding` word for word. One that no map of ours has is listed; our own words are not kept."""
    coding = node.value
    if not isinstance(coding, dict):
        return coding
    system, code = str(coding.get("system")), coding.get("code")
    if code is None or is_ours(system):
        return None
    if not _is_known(codes.tables, system, str(code)):
        codes.unmapped(node)
    return {key: coding[key] for key in ("system", "code", "display") if key in coding}


def _is_known(tables: CodeTables, system: str, code: str) -> bool:
    if system == SNOMED and (code in tables.asq3_by_code or code in tables.asqse_by_code):
        return True
    return code in tables.systems.get(system, ())


def _asq3(codes: Codes, node: Node) -> Asq3Code | None:
    coding = node.value if isinstance(node.value, dict) else {}
    if coding.get("system") not in (SNOMED, None):
        return None
    return codes.tables.asq3_by_code.get(str(coding.get("code")))


def _asq3_domain(codes: Codes, node: Node) -> Any:
    """The domain of an ASQ-3 score by its SNOMED CT code."""
    meaning = _asq3(codes, node)
    return meaning and meaning.domain


def _asq3_months(codes: Codes, node: Node) -> Any:
    """The questionnaire's month of an ASQ-3 score by its SNOMED CT code."""
    meaning = _asq3(codes, node)
    return meaning and meaning.months


def _asqse_months(codes: Codes, node: Node) -> Any:
    """The questionnaire's month of an ASQ:SE-2 total by its SNOMED CT code."""
    coding = node.value if isinstance(node.value, dict) else {}
    return codes.tables.asqse_by_code.get(str(coding.get("code")))


def _referral_key(codes: Codes, node: Node) -> Any:
    """A UUID made of `%nhs-number` and the ReferralRequest's id, else its day and service asked.

    So an identifier that the sender leaves out is the same in each message about one referral, and
    never one for two children.
    """
    [number] = elements(codes.variables.get("%nhs-number", []), "value")[:1] or [Node(None, "")]
    if number.value is None or not isinstance(node.value, dict):
        return None
    asked = elements(elements(elements([node], "serviceRequested"), "coding"), "code")
    parts = [node.value.get("id")] if node.value.get("id") else []
    parts = parts or [node.value.get("authoredOn"), *(code.value for code in asked)]
    return str(uuid5(NAMESPACE_URL, f"{BASE}/referral/{number.value}/{parts}"))


def _plain_text(_: Codes, node: Node) -> Any:
    """A narrative's xhtml as plain text: a line for each block, table cells with `: ` between."""
    return plain_text(node.value) or None if isinstance(node.value, str) else node.value


def _if_unmapped(codes: Codes, node: Node) -> Any:
    """A `Coding` word for word, where an earlier row found it in no map."""
    return _coding(codes, node) if codes.is_unmapped(node) else None


CONVERTERS: Mapping[str, Callable[[Codes, Node], Any]] = {
    "day": _day,
    "name": _name,
    "uuid": _uuid,
    "number": _number,
    "yes": _yes,
    "organisation-key": _organisation_key,
    "coding": _coding,
    "coding-if-unmapped": _if_unmapped,
    "asq3-domain": _asq3_domain,
    "asq3-months": _asq3_months,
    "asqse-months": _asqse_months,
    "referral-key": _referral_key,
    "plain-text": _plain_text,
}
