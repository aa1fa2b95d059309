"""A FHIR resource as XML: in FHIR's order, and nothing in it breaks out of its place."""

from __future__ import annotations

from typing import Any
from xml.dom.minidom import parseString

import pytest

from adapters.outbound.fhir_xml import to_xml


def written(resource: dict[str, Any], version: str = "R4") -> str:
    text = to_xml(resource, version).decode()
    parseString(text)
    head, _, rest = text.partition("\n")
    assert head == '<?xml version="1.0" encoding="UTF-8"?>'
    return rest.replace(' xmlns="http://hl7.org/fhir"', "", 1)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"birthDate": "2024-05-14", "id": "a"}, '<id value="a"/><birthDate value="2024-05-14"/>'),
        ({"active": True}, '<active value="true"/>'),
        ({"multipleBirthInteger": 2}, '<multipleBirthInteger value="2"/>'),
        ({"name": [{"id": "n", "given": ["A", "B"]}]},
         '<name id="n"><given value="A"/><given value="B"/></name>'),
        ({"name": [{"given": [None, "B"], "_given": [{"id": "g"}, None]}]},
         '<name><given id="g"/><given value="B"/></name>'),
        ({"_birthDate": {"extension": [{"url": "u", "valueDecimal": 25.0}]}},
         '<birthDate><extension url="u"><valueDecimal value="25.0"/></extension></birthDate>'),
        ({"contained": [{"resourceType": "Patient", "id": "c"}]},
         '<contained><Patient><id value="c"/></Patient></contained>'),
        ({"text": {"status": "empty", "div": "<div>a</div>"}},
         '<text><status value="empty"/><div>a</div></text>'),
        ({"active": None, "name": []}, ""),
        ({"name": [{"text": "\" > & < '\n\t\r"}]},
         '<name><text value="&#34; &#62; &#38; &#60; \'&#10;&#9;&#13;"/></name>'),
        ({"name": [{"text": "a\x00b\x1fc\ud800d\ufffe"}]}, '<name><text value="a�b�c�d�"/></name>'),
    ],
)  # fmt: skip
def test_a_resource_is_written_in_the_order_of_fhir(stated: dict[str, Any], expected: str) -> None:
    inner = f"<Patient>{expected}</Patient>" if expected else "<Patient/>"
    assert written({"resourceType": "Patient", **stated}) == inner


def test_each_version_has_its_own_elements() -> None:
    header = {"resourceType": "MessageHeader", "event": {"code": "CH004"}}
    assert "<event><code" in written(header, "STU3")
    with pytest.raises(ValueError, match="FHIR R4 has no event in MessageHeader"):
        to_xml(header)
    with pytest.raises(ValueError, match="NoSuchThing"):
        to_xml({"resourceType": "NoSuchThing"})
    with pytest.raises(ValueError, match="Coding"):
        to_xml({"resourceType": "Coding"})
