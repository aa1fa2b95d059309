"""FHIR XML: what it says is read, what is wrong with it is told where it stands."""

from __future__ import annotations

import codecs
import re

import pytest

from adapters.errors import NotUnderstood, NotWellFormed, Refused
from adapters.inbound import fhir
from adapters.inbound.fhir import PROFILES, xml
from adapters.outbound.fhir_xml import to_xml
from tests.builders import corpus
from tests.conformance import conforms
from tests.unit.adapters.fhir_reading import EXAMPLES, TABLES, example, place

BUNDLE = example("stu3/CH004.json")
SAMPLE = to_xml(BUNDLE, "STU3").decode()
PATIENT = place(BUNDLE, "Patient")
SCHEMA = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b"'


def test_the_sample_in_xml_is_the_one_in_json_under_an_id_of_its_own() -> None:
    written = fhir.parse_xml((EXAMPLES / "stu3/CH004.xml").read_bytes(), TABLES).message
    other = fhir.parse((EXAMPLES / "stu3/CH004.json").read_bytes(), TABLES).message
    assert written.id != other.id
    assert written.model_copy(update={"id": other.id}) == other


@pytest.mark.skipif(not corpus("dch-stu3").is_dir(), reason="no folder of published messages")
@conforms("Digital Child Health STU3", "CH004", "taken", format="XML")
def test_the_published_message_is_taken_as_xml() -> None:
    parsed = fhir.parse_xml((corpus("dch-stu3") / "AssessmentScales.xml").read_bytes(), TABLES)
    assert [score.score for score in parsed.message.review.asq3.scores] == [8, 25]


def refused(text: str) -> set[tuple[str, str]]:
    with pytest.raises(NotUnderstood) as error:
        fhir.parse_xml(text.encode(), TABLES)
    return {(fault.pointer, fault.code) for fault in error.value.faults}


def changed(old: str, new: str) -> str:
    assert old in SAMPLE
    return SAMPLE.replace(old, new, 1)


GENDER = re.search("<gender.*?/>", SAMPLE)[0]


@pytest.mark.parametrize(
    ("old", "new", "places"),
    [
        (GENDER, GENDER + '<nickname value="x"/>', {"nickname": "unknown-property"}),
        (GENDER, GENDER + "<fhir_comments/>", {"fhir_comments": "unknown-property"}),
        (GENDER, GENDER + '<resourceType value="Basic"/>', {"resourceType": "unknown-property"}),
        (GENDER, GENDER * 2, {"gender": "value"}),
        (GENDER, "<gender/>", {"gender": "value"}),
        (GENDER, "<gender>female</gender>", {"gender": "value"}),
        (GENDER, '<gender value="female">very</gender>', {"gender": "value"}),
        (GENDER, '<gender value="female"><![CDATA[a]]></gender>', {"gender": "value"}),
        (GENDER, '<gender value="female" of="her"/>', {"gender.of": "unknown-property"}),
        (GENDER, '<gender value="female" xml:lang="en"/>', {"gender.lang": "unknown-property"}),
        (GENDER, '<gender xmlns="http://other.example" value="female"/>', {"gender": "value"}),
        (GENDER, '<gender xmlns="" value="female"/>', {"gender": "value"}),
        (GENDER, '<gender value="female"><url value="x"/></gender>',
         {"_gender.url": "unknown-property"}),
        (GENDER, '<gender value="female"><extension/></gender>',
         {"_gender.extension[0].url": "required"}),
        (GENDER, '<extension><url value="x"/></extension>' + GENDER,
         {"extension[0].url": "unknown-property"}),
        (GENDER, GENDER + '<communication value="en"/>', {
            "communication[0].value": "unknown-property", "communication[0].language": "required"}),
        ("<Patient>", '<Patient id="x">', {"id": "unknown-property"}),
        ("<Patient>", "<Patient>A child.", {"": "value"}),
        ("<Patient>", '<Patient><text><status value="empty"/><div/></text>', {"text.div": "value"}),
    ],
)  # fmt: skip
def test_what_fhir_does_not_have_there_is_told_where_it_stands(
    old: str, new: str, places: dict[str, str]
) -> None:
    found = refused(changed(old, new))
    expected = {(f"{PATIENT}.{where}".rstrip("."), code) for where, code in places.items()}
    assert expected <= found
    # What is missing because of it is told too.
    assert {code for _, code in found - expected} <= {"required"}


@pytest.mark.parametrize("inside", ["", "<Patient/><Patient/>", '<Basic xmlns="urn:x"/>'])
def test_what_holds_no_single_resource_is_told(inside: str) -> None:
    text = re.sub("<resource><Patient>.*?</Patient>", f"<resource>{inside}", SAMPLE, count=1)
    found = refused(text)
    assert (PATIENT, "value") in found
    assert (PATIENT, "required") in found


@pytest.mark.parametrize(
    ("text", "where", "code"),
    [
        ("<Bundle/>", "Bundle", "value"),
        ('<Bundle xmlns="http://hl7.org/FHIR"/>', "Bundle", "value"),
        ('<Patient xmlns="http://hl7.org/fhir"/>', "Bundle.resourceType", "not-supported"),
        ('<Bundle xmlns="http://hl7.org/fhir"/>', "Bundle.type", "not-supported"),
    ],
)
def test_what_is_no_message_at_all_is_refused(text: str, where: str, code: str) -> None:
    assert (where, code) in refused(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('<Bundle xmlns="http://hl7.org/fhir">', f'<Bundle xmlns="http://hl7.org/fhir" {SCHEMA}>'),
        (GENDER, f"<!-- a comment -->\n{GENDER}<?a-program does?>"),
        (GENDER, GENDER.replace("/>", "></gender>")),
        (GENDER, GENDER.replace('="', '=" ').replace('"/', ' "/')),
        (GENDER, '<contact><gender id="g" value="male"/></contact>' + GENDER),
        ("<Patient>", '<Patient><text><status value="generated"/><div xmlns="http://www.w3.org/'
         '1999/xhtml"><p class="a">Nia &lt;3<br/></p></div></text>'),
    ],
)  # fmt: skip
def test_what_says_nothing_more_is_borne(old: str, new: str) -> None:
    parsed = fhir.parse_xml(changed(old, new).encode(), TABLES)
    assert parsed.canonical == fhir.parse_xml(SAMPLE.encode(), TABLES).canonical


def test_what_stands_beside_a_value_is_read_as_json_has_it() -> None:
    text = """<Bundle xmlns="http://hl7.org/fhir"><entry><resource><Patient>
      <text><status value="generated"/><h:div xmlns:h="http://www.w3.org/1999/xhtml" h:x="1"
        class="&quot;">A &amp; <h:b>B</h:b></h:div></text>
      <active value="true"/><multipleBirthInteger value="2"/>
      <name><given value="A"/><given id="g"><extension url="u"><valueDecimal value="1.50"/>
      </extension></given></name></Patient></resource></entry></Bundle>"""
    bundle, faults = xml.read(text.encode(), PROFILES)
    assert not faults
    assert bundle["entry"][0]["resource"] == {
        "resourceType": "Patient",
        "text": {
            "status": "generated",
            "div": '<div xmlns="http://www.w3.org/1999/xhtml" class="&quot;">A &amp; <b>B</b></div>',
        },
        "active": True,
        "multipleBirthInteger": 2,
        "name": [
            {
                "given": ["A", None],
                "_given": [None, {"id": "g", "extension": [{"url": "u", "valueDecimal": 1.5}]}],
            }
        ],
    }


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [
        (b"", 1, 1),
        (b"{}", 1, 1),
        (b"<Bundle>\n  <entry></Bundle>", 2, 12),
        (b"<Bundle/><Bundle/>", 1, 10),
        (b"<Bundle a='1' a='2'/>", 1, 15),
        (b"<x:Bundle/>", 1, 1),
        (b"<Bundle x:a='1'/>", 1, 1),
        (b"<Bundle a='\0'/>", 1, 12),
        (b"<Bundle a='\x1f'/>", 1, 12),
        (b"<Bundle a='&#0;'/>", 1, 12),
        (b"<Bundle a='&#xD800;'/>", 1, 12),
        (b"<Bundle a='&#xFFFE;'/>", 1, 12),
        (b"<Bundle a='&nbsp;'/>", 1, 1),
        (b"<Bundle a='\xe9'/>", 1, 12),
        (b"<Bundle a='\xed\xa0\x80'/>", 1, 12),
        (b"<Bundle a=1/>", 1, 11),
        (b"<?xml version='1.0' encoding='no-such'?><Bundle/>", 1, None),
        (b"<?xml version='1.0' encoding='shift_jis'?><Bundle/>", 1, None),
        (b"<?xml version='1.0' encoding='base64'?><Bundle/>", 1, None),
        (b"<?xml version='1.0' encoding='utf-16'?><Bundle/>", 1, None),
        (b"<Bundle/>".decode().encode("utf-16")[:-1], 1, None),
        (b"<Bundle/>".decode().encode("utf-32"), 1, None),
    ],
)  # fmt: skip
def test_what_is_no_xml_is_refused_with_line_and_column(
    body: bytes, line: int, column: int | None
) -> None:
    with pytest.raises(NotWellFormed) as error:
        fhir.parse_xml(body, TABLES)
    assert error.value.line == line
    assert error.value.column == column or column is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_a_name_is_the_same_name_in_every_encoding(encoding: str) -> None:
    text = re.sub('<family value=".*?"', '<family value="Ashdöwn-Łé"', SAMPLE).partition("\n")[2]
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    body = (head + text).encode(encoding, "xmlcharrefreplace")
    assert fhir.parse_xml(body, TABLES).message.child.family_name == "Ashdöwn-Łé"


def test_a_mark_says_more_than_a_declaration() -> None:
    text = re.sub('<family value=".*?"', '<family value="Ashdöwn"', SAMPLE)
    body = codecs.BOM_UTF8 + text.replace("UTF-8", "ISO-8859-1").encode()
    assert fhir.parse_xml(body, TABLES).message.child.family_name == "Ashdöwn"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1"])
@pytest.mark.parametrize(
    "head",
    [
        "<!DOCTYPE Bundle>",
        '<!DOCTYPE Bundle SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE Bundle [<!ENTITY a "b">]>',
    ],
)
def test_a_doctype_is_refused_whatever_it_says(head: str, encoding: str) -> None:
    declared = f'<?xml version="1.0" encoding="{encoding[:6]}"?>' if "8859" not in encoding else ""
    body = (declared + head + SAMPLE.partition("\n")[2]).encode(encoding, "xmlcharrefreplace")
    with pytest.raises(Refused) as error:
        fhir.parse_xml(body, TABLES)
    assert isinstance(error.value, NotUnderstood)
    assert [fault.code for fault in error.value.faults] == ["hostile-xml"]


def test_no_fault_of_xml_tells_a_value() -> None:
    text = changed(GENDER, '<gender value="Rowlands" x="Rowlands">Rowlands</gender>')
    with pytest.raises(NotUnderstood) as error:
        fhir.parse_xml(text.encode(), TABLES)
    assert "Rowlands" not in str(error.value)
